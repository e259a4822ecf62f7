"""The security schemes find, refuse and describe what FastAPI's do."""

import base64
import inspect
from functools import partial
from typing import Any, get_args

import anyio
import fastapi.security as reference
import fastapi.security.api_key as reference_api_key
import fastapi.security.http as reference_http
import fastapi.security.utils as reference_utils
import pytest
import starlette.exceptions
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import HTTPConnection, Request
from starlette.websockets import WebSocket

from tests.differential.profiles import fuzz
from trivium import security
from trivium.binding.params import Form
from trivium.binding.schemes import SecurityBase
from trivium.errors import HTTPException
from trivium.security import api_key, http, oauth2, openid
from trivium.security.utils import get_authorization_scheme_param

FLOWS = {"password": {"tokenUrl": "token", "scopes": {"read": "Read"}, "x-hint": "hm"}}

# Name of the class, module of it here and there, and the arguments it is made with.
SCHEMES = [
    ("APIKeyQuery", api_key, {"name": "key"}),
    ("APIKeyHeader", api_key, {"name": "X-Key"}),
    ("APIKeyCookie", api_key, {"name": "key"}),
    ("HTTPBase", http, {"scheme": "other"}),
    ("HTTPBasic", http, {}),
    ("HTTPBasic", http, {"realm": "flights"}),
    ("HTTPBearer", http, {}),
    ("HTTPBearer", http, {"bearerFormat": "JWT"}),
    ("HTTPDigest", http, {}),
    ("OAuth2", oauth2, {}),
    ("OAuth2", oauth2, {"flows": FLOWS}),
    ("OAuth2PasswordBearer", oauth2, {"tokenUrl": "token"}),
    (
        "OAuth2PasswordBearer",
        oauth2,
        {"tokenUrl": "token", "scopes": {"read": "Read"}, "refreshUrl": "refresh"},
    ),
    (
        "OAuth2AuthorizationCodeBearer",
        oauth2,
        {"authorizationUrl": "authorize", "tokenUrl": "token"},
    ),
    (
        "OAuth2AuthorizationCodeBearer",
        oauth2,
        {
            "authorizationUrl": "authorize",
            "tokenUrl": "token",
            "refreshUrl": "refresh",
            "scopes": {"read": "Read"},
        },
    ),
    ("OpenIdConnect", openid, {"openIdConnectUrl": "https://example.org/.well-known"}),
]
IDS = [f"{name}-{number}" for number, (name, _, _) in enumerate(SCHEMES)]


def theirs_of(name: str) -> Any:
    if name == "HTTPBase":
        return reference_http.HTTPBase
    return getattr(reference, name)


def connection(scope_type: str = "http", query: str = "", **headers: str) -> HTTPConnection:
    raw = [
        (name.replace("_", "-").lower().encode(), value.encode("latin-1"))
        for name, value in headers.items()
    ]
    scope = {
        "type": scope_type,
        "method": "GET",
        "path": "/",
        "query_string": query.encode(),
        "headers": raw,
    }
    if scope_type == "http":
        return Request(scope)
    return WebSocket(scope, receive=None, send=None)


def outcome(scheme: Any, request: HTTPConnection) -> Any:
    """The credentials, or the error as a client sees it."""
    try:
        found = anyio.run(scheme, request)
    except starlette.exceptions.HTTPException as error:
        # FastAPI raises Starlette's class in some places, which a handler for its own class misses.
        own = type(error) is not starlette.exceptions.HTTPException
        return own, error.status_code, error.detail, dict(error.headers or {})
    return found.model_dump() if hasattr(found, "model_dump") else found


@pytest.mark.parametrize(("name", "module", "arguments"), SCHEMES, ids=IDS)
@pytest.mark.parametrize(
    "more", [{}, {"description": "How"}, {"scheme_name": "Named", "auto_error": False}]
)
def test_a_scheme_describes_itself_as_fastapis_does(name, module, arguments, more):
    ours, theirs = getattr(module, name)(**arguments, **more), theirs_of(name)(**arguments, **more)
    assert ours.scheme_name == theirs.scheme_name
    assert ours.auto_error == theirs.auto_error
    assert type(ours.model).__name__ == type(theirs.model).__name__
    dumps = [
        scheme.model.model_dump(mode="json", by_alias=True, exclude_none=True)
        for scheme in (ours, theirs)
    ]
    assert dumps[0] == dumps[1]


@pytest.mark.parametrize(("name", "module", "arguments"), SCHEMES, ids=IDS)
def test_a_scheme_is_made_and_called_with_fastapis_parameters(name, module, arguments):
    ours, theirs = getattr(module, name), theirs_of(name)
    assert parameters(ours.__init__) == parameters(theirs.__init__)
    assert list(inspect.signature(ours.__call__).parameters) == ["self", "request"]
    annotation = inspect.signature(ours.__call__).parameters["request"].annotation
    assert annotation is HTTPConnection
    assert issubclass(ours, SecurityBase)


def parameters(function: Any) -> list[tuple[str, Any, Any]]:
    return [
        (p.name, p.kind, p.default.model_dump() if hasattr(p.default, "model_dump") else p.default)
        for p in inspect.signature(function).parameters.values()
    ]


AUTHORIZATION = st.one_of(
    st.none(),
    st.sampled_from(
        [
            "",
            " ",
            "Bearer",
            "Bearer ",
            "bearer token",
            "BEARER  token ",
            " Bearer token",
            "Bearer token with spaces",
            "Digest x",
            "Other x",
            "Basic",
            "Basic ",
            "Basic !!!",
            "Basic äää",
            "basic YTpi",
            "Basic YTpiOmM=",
            "Basic YWI=",
            "Basic Og==",
            "Basic " + base64.b64encode("ä:b".encode()).decode(),
            "Basic " + base64.b64encode(b"a\nb:c").decode(),
        ]
    ),
    st.builds(
        "{} {}".format,
        st.sampled_from(["Basic", "bearer", "Digest", "x"]),
        st.binary(max_size=9).map(lambda octets: base64.b64encode(octets).decode()),
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=12),
)


@fuzz(25)
@given(authorization=AUTHORIZATION)
@pytest.mark.parametrize("auto_error", [True, False])
@pytest.mark.parametrize(("name", "module", "arguments"), SCHEMES[3:], ids=IDS[3:])
def test_a_header_is_read_as_by_fastapi(name, module, arguments, auto_error, authorization):
    headers = {} if authorization is None else {"Authorization": authorization}
    made = [
        cls(**arguments, auto_error=auto_error) for cls in (getattr(module, name), theirs_of(name))
    ]
    request = connection(**headers)
    assert outcome(made[0], request) == outcome(made[1], request)


@pytest.mark.parametrize("auto_error", [True, False])
@pytest.mark.parametrize(("name", "module", "arguments"), SCHEMES[:3], ids=IDS[:3])
@pytest.mark.parametrize(
    "request_",
    [
        connection(),
        connection(query="key=a&key=b"),
        connection(query="key="),
        connection(X_Key="secret"),
        connection(X_Key=""),
        connection(Cookie="key=secret; other=1"),
        connection(Cookie="key="),
    ],
    ids=["nothing", "query", "empty-query", "header", "empty-header", "cookie", "empty-cookie"],
)
def test_an_api_key_is_found_as_by_fastapi(name, module, arguments, auto_error, request_):
    made = [
        cls(**arguments, auto_error=auto_error) for cls in (getattr(module, name), theirs_of(name))
    ]
    assert outcome(made[0], request_) == outcome(made[1], request_)


@pytest.mark.parametrize(
    ("scheme", "credentials"),
    [
        (partial(api_key.APIKeyQuery, name="key"), "secret"),
        (partial(api_key.APIKeyHeader, name="X-Key"), "secret"),
        (partial(api_key.APIKeyCookie, name="key"), "secret"),
        (http.HTTPBearer, {"scheme": "Bearer", "credentials": "secret"}),
        (oauth2.OAuth2, "Bearer secret"),
        (partial(oauth2.OAuth2PasswordBearer, tokenUrl="token"), "secret"),
        (partial(openid.OpenIdConnect, openIdConnectUrl="/openid"), "Bearer secret"),
    ],
)
def test_a_scheme_works_on_a_websocket(scheme, credentials):
    opened = connection(
        "websocket",
        query="key=secret",
        X_Key="secret",
        Cookie="key=secret",
        Authorization="Bearer secret",
    )
    assert outcome(scheme(), opened) == credentials
    assert outcome(scheme(), connection("websocket"))[1:3] == (401, "Not authenticated")
    assert outcome(scheme(auto_error=False), connection("websocket")) is None


@pytest.mark.parametrize("name", ["APIKeyBase"])
def test_the_base_of_the_api_keys_has_fastapis_parameters(name):
    ours, theirs = getattr(api_key, name), getattr(reference_api_key, name)
    assert parameters(ours.__init__) == parameters(theirs.__init__)


def test_a_subclass_decides_what_is_answered_without_credentials():
    class Hidden(http.HTTPBearer):
        def make_not_authenticated_error(self):
            return HTTPException(404)

    class Realm(http.HTTPBearer):
        def make_authenticate_headers(self):
            return {"WWW-Authenticate": 'Bearer realm="flights"'}

    class Forbidden(api_key.APIKeyHeader):
        def make_not_authenticated_error(self):
            return HTTPException(403)

    assert outcome(Hidden(), connection())[1] == 404
    assert outcome(Realm(), connection())[3] == {"WWW-Authenticate": 'Bearer realm="flights"'}
    assert outcome(Forbidden(name="X-Key"), connection())[1] == 403


def test_a_subclass_is_a_scheme_of_its_own_name():
    class Mine(oauth2.OAuth2PasswordBearer):
        pass

    assert Mine("token").scheme_name == "Mine"


@pytest.mark.parametrize("auto_error", [True, False])
def test_basic_credentials_that_cannot_be_read_are_refused_in_any_case(auto_error):
    refused = outcome(http.HTTPBasic(auto_error=auto_error), connection(Authorization="Basic !"))
    assert refused[1:] == (401, "Not authenticated", {"WWW-Authenticate": "Basic"})


@fuzz(200)
@given(header=st.none() | st.text(max_size=12))
def test_a_header_is_taken_apart_as_by_fastapi(header):
    assert get_authorization_scheme_param(header) == (
        reference_utils.get_authorization_scheme_param(header)
    )


@pytest.mark.parametrize("name", ["OAuth2PasswordRequestForm", "OAuth2PasswordRequestFormStrict"])
def test_the_form_of_the_password_flow_declares_fastapis_fields(name):
    ours, theirs = getattr(oauth2, name), getattr(reference, name)
    assert parameters(ours.__init__) == parameters(theirs.__init__)
    for parameter, other in zip(
        inspect.signature(ours).parameters.values(),
        inspect.signature(theirs).parameters.values(),
        strict=True,
    ):
        kind, form = get_args(parameter.annotation)[:2]
        their_kind, their_form = get_args(other.annotation)[:2]
        assert isinstance(form, Form)
        assert kind == their_kind
        assert repr(form.metadata) == repr(their_form.metadata)
        assert form.json_schema_extra == their_form.json_schema_extra


@pytest.mark.parametrize(
    "form", [oauth2.OAuth2PasswordRequestForm, oauth2.OAuth2PasswordRequestFormStrict]
)
def test_the_form_keeps_its_fields_and_splits_the_scopes(form):
    made = form(grant_type="password", username="ann", password="x", scope="a:b  c", client_id="i")
    assert vars(made) == {
        "grant_type": "password",
        "username": "ann",
        "password": "x",
        "scopes": ["a:b", "c"],
        "client_id": "i",
        "client_secret": None,
    }


def test_the_room_offers_fastapis_names():
    theirs = {name for name in vars(reference) if name[0].isupper()}
    assert set(security.__all__) == theirs
    assert all(hasattr(security, name) for name in security.__all__)
