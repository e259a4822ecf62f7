"""``fastapi.security.api_key``"""

from trivium.security.api_key import APIKeyBase, APIKeyCookie, APIKeyHeader, APIKeyQuery

__all__ = ["APIKeyBase", "APIKeyCookie", "APIKeyHeader", "APIKeyQuery"]
