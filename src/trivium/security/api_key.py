"""API keys, sent as a query parameter, a header or a cookie."""

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.status import HTTP_401_UNAUTHORIZED

from trivium.binding.schemes import SecurityBase
from trivium.security.models import APIKey, APIKeyIn

__all__ = ["APIKeyBase", "APIKeyCookie", "APIKeyHeader", "APIKeyQuery"]


class APIKeyBase(SecurityBase):
    """What the three places of an API key share. Use one of its subclasses."""

    model: APIKey

    def __init__(
        self,
        location: APIKeyIn,
        name: str,
        description: str | None,
        scheme_name: str | None,
        auto_error: bool,
    ) -> None:
        described = {"in": location, "name": name, "description": description}
        self.model = APIKey.model_validate(described)  # pyright: ignore[reportIncompatibleVariableOverride]  # narrowed
        self.scheme_name = scheme_name or type(self).__name__
        self.auto_error = auto_error

    def make_not_authenticated_error(self) -> HTTPException:
        """The 401 for a request without a key; a subclass may answer otherwise.

        RFC 9110, section 15.5.2, asks for a challenge with every 401, and no scheme is registered
        for API keys: ``APIKey`` is this framework's own word, as it is FastAPI's.
        """
        # Starlette's class, because FastAPI raises that one here: a program's handler for its
        # subclass must go on not to see it.
        return HTTPException(
            status_code=HTTP_401_UNAUTHORIZED,
            detail="Not authenticated",
            headers={"WWW-Authenticate": "APIKey"},
        )

    def check_api_key(self, api_key: str | None) -> str | None:
        """The key, if there is one; otherwise the 401, or ``None`` without ``auto_error``.

        Whether the key is a good one is for the program to decide.
        """
        if api_key:
            return api_key
        if self.auto_error:
            raise self.make_not_authenticated_error()
        return None


class APIKeyQuery(APIKeyBase):
    """A key in the query parameter ``name``; as a dependency it gives the key.

    Without the parameter the client gets a 401, or the handler ``None`` where ``auto_error`` is
    off. Servers and proxies log query strings: prefer a header where there is a choice.
    """

    def __init__(
        self,
        *,
        name: str,
        scheme_name: str | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        super().__init__(
            location=APIKeyIn.query,
            name=name,
            scheme_name=scheme_name,
            description=description,
            auto_error=auto_error,
        )

    async def __call__(self, request: HTTPConnection) -> str | None:
        return self.check_api_key(request.query_params.get(self.model.name))


class APIKeyHeader(APIKeyBase):
    """A key in the header ``name``; as a dependency it gives the key.

    Without the header the client gets a 401, or the handler ``None`` where ``auto_error`` is off.
    """

    def __init__(
        self,
        *,
        name: str,
        scheme_name: str | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        super().__init__(
            location=APIKeyIn.header,
            name=name,
            scheme_name=scheme_name,
            description=description,
            auto_error=auto_error,
        )

    async def __call__(self, request: HTTPConnection) -> str | None:
        return self.check_api_key(request.headers.get(self.model.name))


class APIKeyCookie(APIKeyBase):
    """A key in the cookie ``name``; as a dependency it gives the key.

    Without the cookie the client gets a 401, or the handler ``None`` where ``auto_error`` is off.
    A browser sends its cookies along with requests that other sites make, so a handler that
    changes something also needs a defence against forged requests.
    """

    def __init__(
        self,
        *,
        name: str,
        scheme_name: str | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        super().__init__(
            location=APIKeyIn.cookie,
            name=name,
            scheme_name=scheme_name,
            description=description,
            auto_error=auto_error,
        )

    async def __call__(self, request: HTTPConnection) -> str | None:
        return self.check_api_key(request.cookies.get(self.model.name))
