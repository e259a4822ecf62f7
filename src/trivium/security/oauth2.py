"""OAuth2, RFC 6749: the schemes, and the form in which a password is exchanged for a token."""

from typing import Annotated, Any

from starlette.requests import HTTPConnection
from starlette.status import HTTP_401_UNAUTHORIZED

from trivium.binding.declare import Form
from trivium.binding.schemes import SecurityBase
from trivium.errors import HTTPException
from trivium.security.models import OAuth2 as OAuth2Model
from trivium.security.models import OAuthFlowAuthorizationCode, OAuthFlowPassword, OAuthFlows
from trivium.security.utils import get_authorization_scheme_param

__all__ = [
    "OAuth2",
    "OAuth2AuthorizationCodeBearer",
    "OAuth2PasswordBearer",
    "OAuth2PasswordRequestForm",
    "OAuth2PasswordRequestFormStrict",
]


class OAuth2PasswordRequestForm:
    """The form of the password flow, RFC 6749 section 4.3.2, as a dependency class::

        @app.post("/token")
        async def token(form: Annotated[OAuth2PasswordRequestForm, Depends()]) -> Token: ...

    ``grant_type`` may be left out, which the RFC does not allow and many clients do;
    ``OAuth2PasswordRequestFormStrict`` insists on it. The form's ``scope`` becomes the list
    ``scopes``.
    """

    grant_type: str | None
    """``"password"``, or ``None`` where the client left it out."""
    username: str
    password: str
    scopes: list[str]
    """The scopes asked for. A scope is one opaque string, also where it has a colon in it."""
    client_id: str | None
    """The RFC prefers that a client sends these two by HTTP Basic."""
    client_secret: str | None

    def __init__(
        self,
        *,
        grant_type: Annotated[str | None, Form(pattern="^password$")] = None,
        username: Annotated[str, Form()],
        password: Annotated[str, Form(json_schema_extra={"format": "password"})],
        scope: Annotated[str, Form()] = "",
        client_id: Annotated[str | None, Form()] = None,
        client_secret: Annotated[str | None, Form(json_schema_extra={"format": "password"})] = None,
    ) -> None:
        self.grant_type = grant_type
        self.username = username
        self.password = password
        self.scopes = scope.split()
        self.client_id = client_id
        self.client_secret = client_secret


class OAuth2PasswordRequestFormStrict(OAuth2PasswordRequestForm):
    """The same form, for clients that keep to the RFC: ``grant_type=password`` has to be there."""

    def __init__(
        self,
        grant_type: Annotated[str, Form(pattern="^password$")],
        username: Annotated[str, Form()],
        password: Annotated[str, Form()],
        scope: Annotated[str, Form()] = "",
        client_id: Annotated[str | None, Form()] = None,
        client_secret: Annotated[str | None, Form()] = None,
    ) -> None:
        super().__init__(
            grant_type=grant_type,
            username=username,
            password=password,
            scope=scope,
            client_id=client_id,
            client_secret=client_secret,
        )


class OAuth2(SecurityBase):
    """OAuth2 with any ``flows``; as a dependency it gives the whole ``Authorization`` header.

    Without the header the client gets a 401, or the handler ``None`` where ``auto_error`` is off.
    """

    model: OAuth2Model

    def __init__(
        self,
        *,
        flows: OAuthFlows | dict[str, dict[str, Any]] = OAuthFlows(),
        scheme_name: str | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        described = {"flows": flows, "description": description}
        self.model = OAuth2Model.model_validate(described)  # pyright: ignore[reportIncompatibleVariableOverride]  # narrowed
        self.scheme_name = scheme_name or type(self).__name__
        self.auto_error = auto_error

    def make_not_authenticated_error(self) -> HTTPException:
        """The 401 for a request without a token; a subclass may answer otherwise.

        RFC 9110, section 15.5.2, asks for a challenge with every 401. OAuth2 leaves the kind of
        token open, and Bearer is the kind that is in use.
        """
        return HTTPException(
            status_code=HTTP_401_UNAUTHORIZED,
            detail="Not authenticated",
            headers={"WWW-Authenticate": "Bearer"},
        )

    async def __call__(self, request: HTTPConnection) -> str | None:
        authorization = request.headers.get("Authorization")
        if authorization:
            return authorization
        if self.auto_error:
            raise self.make_not_authenticated_error()
        return None


class OAuth2PasswordBearer(OAuth2):
    """The password flow with bearer tokens; as a dependency it gives the token.

    ``tokenUrl`` is the path that exchanges a password for a token, ``refreshUrl`` the one that
    renews it. A relative path is resolved by the documentation page against the server's, so it
    also works behind a proxy that adds a prefix. ``scopes`` maps each scope to its description.

    Without a bearer token the client gets a 401, or the handler ``None`` where ``auto_error`` is
    off.
    """

    def __init__(
        self,
        tokenUrl: str,
        scheme_name: str | None = None,
        scopes: dict[str, str] | None = None,
        description: str | None = None,
        auto_error: bool = True,
        refreshUrl: str | None = None,
    ) -> None:
        flow = OAuthFlowPassword(tokenUrl=tokenUrl, refreshUrl=refreshUrl, scopes=scopes or {})
        super().__init__(
            flows=OAuthFlows(password=flow),
            scheme_name=scheme_name,
            description=description,
            auto_error=auto_error,
        )

    async def __call__(self, request: HTTPConnection) -> str | None:
        return _bearer_token(self, request)


class OAuth2AuthorizationCodeBearer(OAuth2):
    """The authorization code flow with bearer tokens; as a dependency it gives the token.

    ``authorizationUrl`` is where a person signs in, ``tokenUrl`` where the code is exchanged for a
    token, ``refreshUrl`` where the token is renewed. ``scopes`` maps each scope to its description.

    Without a bearer token the client gets a 401, or the handler ``None`` where ``auto_error`` is
    off.
    """

    def __init__(
        self,
        authorizationUrl: str,
        tokenUrl: str,
        refreshUrl: str | None = None,
        scheme_name: str | None = None,
        scopes: dict[str, str] | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        flow = OAuthFlowAuthorizationCode(
            authorizationUrl=authorizationUrl,
            tokenUrl=tokenUrl,
            refreshUrl=refreshUrl,
            scopes=scopes or {},
        )
        super().__init__(
            flows=OAuthFlows(authorizationCode=flow),
            scheme_name=scheme_name,
            description=description,
            auto_error=auto_error,
        )

    async def __call__(self, request: HTTPConnection) -> str | None:
        return _bearer_token(self, request)


def _bearer_token(oauth2: OAuth2, request: HTTPConnection) -> str | None:
    scheme, token = get_authorization_scheme_param(request.headers.get("Authorization"))
    if scheme.lower() == "bearer":
        return token
    if oauth2.auto_error:
        raise oauth2.make_not_authenticated_error()
    return None
