"""The ``Authorization`` header with a scheme of HTTP's own: Basic, Bearer, Digest, or another."""

from base64 import b64decode

from pydantic import BaseModel
from starlette.requests import HTTPConnection
from starlette.status import HTTP_401_UNAUTHORIZED

from trivium.binding.schemes import SecurityBase
from trivium.errors import HTTPException
from trivium.security.models import HTTPBase as HTTPBaseModel
from trivium.security.models import HTTPBearer as HTTPBearerModel
from trivium.security.utils import get_authorization_scheme_param

__all__ = [
    "HTTPAuthorizationCredentials",
    "HTTPBase",
    "HTTPBasic",
    "HTTPBasicCredentials",
    "HTTPBearer",
    "HTTPDigest",
]


class HTTPBasicCredentials(BaseModel):
    """What ``HTTPBasic`` gives a handler. Compare with ``secrets.compare_digest``, not ``==``."""

    username: str
    password: str


class HTTPAuthorizationCredentials(BaseModel):
    """What the other schemes give a handler: the header in two parts, as the client wrote them."""

    scheme: str
    """The first word, in the client's spelling: ``Bearer``, ``bearer``, ..."""
    credentials: str
    """The rest, such as a token."""


class HTTPBase(SecurityBase):
    """Any scheme of the ``Authorization`` header.

    As a dependency it gives ``HTTPAuthorizationCredentials`` for whatever scheme the client uses:
    ``scheme`` is what the OpenAPI document and the challenge say, not a condition. Without
    credentials the client gets a 401, or the handler ``None`` where ``auto_error`` is off.
    """

    model: HTTPBaseModel

    def __init__(
        self,
        *,
        scheme: str,
        scheme_name: str | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        described = HTTPBaseModel(scheme=scheme, description=description)
        self.model = described  # pyright: ignore[reportIncompatibleVariableOverride]  # narrowed
        self.scheme_name = scheme_name or type(self).__name__
        self.auto_error = auto_error

    def make_authenticate_headers(self) -> dict[str, str]:
        """The challenge of the 401, which names the scheme to use."""
        return {"WWW-Authenticate": self.model.scheme.title()}

    def make_not_authenticated_error(self) -> HTTPException:
        """The 401 for a request without usable credentials; a subclass may answer otherwise."""
        return HTTPException(
            status_code=HTTP_401_UNAUTHORIZED,
            detail="Not authenticated",
            headers=self.make_authenticate_headers(),
        )

    async def __call__(self, request: HTTPConnection) -> HTTPAuthorizationCredentials | None:
        return _credentials(self, request)


class HTTPBasic(HTTPBase):
    """A user name and password, RFC 7617; as a dependency it gives ``HTTPBasicCredentials``.

    Without the header, or with one of another scheme, the client gets a 401, or the handler
    ``None`` where ``auto_error`` is off. A Basic header that cannot be read is a 401 in any case.
    ``realm`` is shown to people by browsers, next to the question for the password.
    """

    def __init__(
        self,
        *,
        scheme_name: str | None = None,
        realm: str | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        super().__init__(
            scheme="basic",
            scheme_name=scheme_name,
            description=description,
            auto_error=auto_error,
        )
        self.realm = realm

    def make_authenticate_headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": f'Basic realm="{self.realm}"' if self.realm else "Basic"}

    async def __call__(  # type: ignore[override]  # the credentials have two parts of their own
        self, request: HTTPConnection
    ) -> HTTPBasicCredentials | None:
        scheme, param = get_authorization_scheme_param(request.headers.get("Authorization"))
        if scheme.lower() != "basic":
            if self.auto_error:
                raise self.make_not_authenticated_error()
            return None
        try:
            decoded = b64decode(param).decode("ascii")
        except ValueError as unreadable:
            raise self.make_not_authenticated_error() from unreadable
        username, colon, password = decoded.partition(":")
        if not colon:
            raise self.make_not_authenticated_error()
        return HTTPBasicCredentials(username=username, password=password)


class HTTPBearer(HTTPBase):
    """A bearer token, RFC 6750; as a dependency it gives ``HTTPAuthorizationCredentials``.

    Without the header, or with one of another scheme, the client gets a 401, or the handler
    ``None`` where ``auto_error`` is off. ``bearerFormat`` tells readers of the OpenAPI document
    what the token is, ``"JWT"`` for instance.
    """

    def __init__(
        self,
        *,
        bearerFormat: str | None = None,
        scheme_name: str | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        super().__init__(scheme="bearer", scheme_name=scheme_name, auto_error=auto_error)
        self.model = HTTPBearerModel(bearerFormat=bearerFormat, description=description)

    async def __call__(self, request: HTTPConnection) -> HTTPAuthorizationCredentials | None:
        return _credentials(self, request, only="bearer")


class HTTPDigest(HTTPBase):
    """A Digest header, RFC 7616; as a dependency it gives ``HTTPAuthorizationCredentials``.

    Only the header is taken apart: nonces and the digest itself are the program's to check.
    Without the header, or with one of another scheme, the client gets a 401, or the handler
    ``None`` where ``auto_error`` is off.
    """

    def __init__(
        self,
        *,
        scheme_name: str | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        super().__init__(
            scheme="digest",
            scheme_name=scheme_name,
            description=description,
            auto_error=auto_error,
        )

    async def __call__(self, request: HTTPConnection) -> HTTPAuthorizationCredentials | None:
        return _credentials(self, request, only="digest")


def _credentials(
    http: HTTPBase, request: HTTPConnection, only: str | None = None
) -> HTTPAuthorizationCredentials | None:
    """The header in two parts, if both are there and the scheme is ``only``."""
    scheme, credentials = get_authorization_scheme_param(request.headers.get("Authorization"))
    if scheme and credentials and only in (None, scheme.lower()):
        return HTTPAuthorizationCredentials(scheme=scheme, credentials=credentials)
    if http.auto_error:
        raise http.make_not_authenticated_error()
    return None
