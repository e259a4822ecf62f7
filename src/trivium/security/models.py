"""The Pydantic models of OpenAPI 3.1's Security Scheme Object and of the objects inside it.

A security class of this room carries one of these as its ``model``; the OpenAPI document dumps it
by alias, without its ``None`` values. Field names are OpenAPI's own, except where they would hide a
Python name (``type_``, ``in_``). OpenAPI allows extensions everywhere, so every model keeps
properties that it does not know.

https://spec.openapis.org/oas/v3.1.0#security-scheme-object
"""

from enum import Enum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class BaseModelWithConfig(BaseModel):
    """An OpenAPI object: properties that no field names, such as ``x-...``, are kept and dumped."""

    model_config = ConfigDict(extra="allow")


class SecuritySchemeType(Enum):
    """The kinds of security scheme that OpenAPI 3.1 knows and that this package has classes for."""

    apiKey = "apiKey"
    http = "http"
    oauth2 = "oauth2"
    openIdConnect = "openIdConnect"


class SecurityBase(BaseModelWithConfig):
    """What every security scheme has: its type and, for people, a description in CommonMark."""

    type_: SecuritySchemeType = Field(alias="type")
    description: str | None = None


class APIKeyIn(Enum):
    """Where a request carries an API key."""

    query = "query"
    header = "header"
    cookie = "cookie"


class APIKey(SecurityBase):
    """A key sent as the query parameter, header or cookie called ``name``."""

    type_: SecuritySchemeType = Field(default=SecuritySchemeType.apiKey, alias="type")
    in_: APIKeyIn = Field(alias="in")
    name: str


class HTTPBase(SecurityBase):
    """The ``Authorization`` header with a scheme of the IANA registry, such as ``basic``."""

    type_: SecuritySchemeType = Field(default=SecuritySchemeType.http, alias="type")
    scheme: str


class HTTPBearer(HTTPBase):
    """``Authorization: Bearer <token>``; ``bearerFormat`` only tells people what the token is."""

    # The scheme is fixed here, and nothing assigns it afterwards.
    scheme: Literal["bearer"] = "bearer"  # pyright: ignore[reportIncompatibleVariableOverride]  # as said
    bearerFormat: str | None = None


class OAuthFlow(BaseModelWithConfig):
    """What every OAuth2 flow has; ``scopes`` maps the name of a scope to its description."""

    refreshUrl: str | None = None
    scopes: dict[str, str] = {}


class OAuthFlowImplicit(OAuthFlow):
    """The implicit flow: the token comes back in the fragment of the redirect."""

    authorizationUrl: str


class OAuthFlowPassword(OAuthFlow):
    """The resource owner's password, exchanged for a token at ``tokenUrl``."""

    tokenUrl: str


class OAuthFlowClientCredentials(OAuthFlow):
    """The client's own credentials, exchanged for a token at ``tokenUrl``."""

    tokenUrl: str


class OAuthFlowAuthorizationCode(OAuthFlow):
    """A code from ``authorizationUrl``, exchanged for a token at ``tokenUrl``."""

    authorizationUrl: str
    tokenUrl: str


class OAuthFlows(BaseModelWithConfig):
    """The OAuth2 flows that a server supports, each under the name OpenAPI gives it."""

    implicit: OAuthFlowImplicit | None = None
    password: OAuthFlowPassword | None = None
    clientCredentials: OAuthFlowClientCredentials | None = None
    authorizationCode: OAuthFlowAuthorizationCode | None = None


class OAuth2(SecurityBase):
    """OAuth2, with the flows that the server supports."""

    type_: SecuritySchemeType = Field(default=SecuritySchemeType.oauth2, alias="type")
    flows: OAuthFlows


class OpenIdConnect(SecurityBase):
    """OpenID Connect, discovered at ``openIdConnectUrl``."""

    type_: SecuritySchemeType = Field(default=SecuritySchemeType.openIdConnect, alias="type")
    openIdConnectUrl: str


SecurityScheme = APIKey | HTTPBase | OAuth2 | OpenIdConnect | HTTPBearer
"""Any security scheme. Pydantic picks the member that knows most of the given properties."""
