"""OpenAPI security schemes: dependencies that take credentials out of a request.

A scheme finds the credentials and describes itself in the OpenAPI document; what they are worth is
for the program to decide. All of them take an ``HTTPConnection``, so they work for WebSockets too.

``api_key``, ``http``, ``oauth2`` and ``openid`` hold one family of schemes each, ``models`` what
the OpenAPI document says of them.
"""

from trivium.binding.schemes import SecurityScopes
from trivium.security.api_key import APIKeyCookie, APIKeyHeader, APIKeyQuery
from trivium.security.http import (
    HTTPAuthorizationCredentials,
    HTTPBasic,
    HTTPBasicCredentials,
    HTTPBearer,
    HTTPDigest,
)
from trivium.security.oauth2 import (
    OAuth2,
    OAuth2AuthorizationCodeBearer,
    OAuth2PasswordBearer,
    OAuth2PasswordRequestForm,
    OAuth2PasswordRequestFormStrict,
)
from trivium.security.openid import OpenIdConnect

__all__ = [
    "APIKeyCookie",
    "APIKeyHeader",
    "APIKeyQuery",
    "HTTPAuthorizationCredentials",
    "HTTPBasic",
    "HTTPBasicCredentials",
    "HTTPBearer",
    "HTTPDigest",
    "OAuth2",
    "OAuth2AuthorizationCodeBearer",
    "OAuth2PasswordBearer",
    "OAuth2PasswordRequestForm",
    "OAuth2PasswordRequestFormStrict",
    "OpenIdConnect",
    "SecurityScopes",
]
