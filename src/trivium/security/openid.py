"""OpenID Connect, described by its discovery document."""

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.status import HTTP_401_UNAUTHORIZED

from trivium.binding.schemes import SecurityBase
from trivium.security.models import OpenIdConnect as OpenIdConnectModel

__all__ = ["OpenIdConnect"]


class OpenIdConnect(SecurityBase):
    """OpenID Connect; as a dependency it gives the whole ``Authorization`` header.

    It tells clients, in the OpenAPI document, where to discover the provider. The token is not
    looked at: the program verifies it, or has a library do so. Without the header the client gets
    a 401, or the handler ``None`` where ``auto_error`` is off.
    """

    model: OpenIdConnectModel

    def __init__(
        self,
        *,
        openIdConnectUrl: str,
        scheme_name: str | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        described = OpenIdConnectModel(openIdConnectUrl=openIdConnectUrl, description=description)
        self.model = described  # pyright: ignore[reportIncompatibleVariableOverride]  # narrowed
        self.scheme_name = scheme_name or type(self).__name__
        self.auto_error = auto_error

    def make_not_authenticated_error(self) -> HTTPException:
        """The 401 for a request without the header; a subclass may answer otherwise."""
        # Starlette's class, for the same reason as in ``APIKeyBase``.
        return HTTPException(
            status_code=HTTP_401_UNAUTHORIZED,
            detail="Not authenticated",
            headers={"WWW-Authenticate": "Bearer"},
        )

    async def __call__(self, request: HTTPConnection) -> str | None:
        authorization = request.headers.get("Authorization")
        if not authorization:
            if self.auto_error:
                raise self.make_not_authenticated_error()
            return None
        return authorization
