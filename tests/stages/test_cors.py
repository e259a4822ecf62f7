"""What pages of other origins may do."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import WebSocketDenialResponse

from tests.stages.conftest import Entrance
from trivium import App, Response, WebSocket
from trivium.errors import DeclarationError
from trivium.stages.cors import CORS
from trivium.testing import TestClient

PAGE = "https://page.example"


def make_app(*origins: str, **options: Any) -> App:
    app = App()
    app.add_stage(CORS(origins, **options))

    @app.get("/hello")
    async def hello() -> str:
        return "hello"

    @app.get("/broken")
    async def broken() -> None:
        raise ValueError("broken")

    @app.websocket("/socket")
    async def socket(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send_text("open")
        await ws.close()

    return app


def ask_permission(client: httpx2.Client, origin: str = PAGE, **headers: str) -> httpx2.Response:
    asked = {"origin": origin, "access-control-request-method": "GET"}
    return client.options("/hello", headers={**asked, **headers})


def test_a_reply_names_the_origin_that_may_read_it_and_says_that_it_depends_on_it(
    entrance: Entrance,
) -> None:
    with entrance(make_app(PAGE)) as client:
        allowed = client.get("/hello", headers={"origin": PAGE})
        other = client.get("/hello", headers={"origin": "https://other.example"})
        none = client.get("/hello")

    assert allowed.headers["access-control-allow-origin"] == PAGE
    assert "access-control-allow-origin" not in other.headers
    assert {reply.headers["vary"] for reply in (allowed, other, none)} == {"Origin"}


@pytest.mark.parametrize("path", ["/own", "/mounted/hello"])
def test_a_reply_names_one_origin_whatever_else_has_named_one(
    entrance: Entrance, path: str
) -> None:
    app = make_app(PAGE, credentials=True, expose=["X-Total"])
    app.mount("/mounted", make_app(PAGE, credentials=True, expose=["X-Other"]))

    @app.get("/own")
    async def own(response: Response) -> None:
        response.headers["access-control-allow-origin"] = "*"

    with entrance(app) as client:
        reply = client.get(path, headers={"origin": PAGE})

    assert {
        name: reply.headers.get_list(f"access-control-{name}")
        for name in ("allow-origin", "allow-credentials", "expose-headers")
    } == {"allow-origin": [PAGE], "allow-credentials": ["true"], "expose-headers": ["X-Total"]}


@pytest.mark.parametrize("path", ["/broken", "/nowhere"])
def test_the_replies_to_errors_can_be_read_too(entrance: Entrance, path: str) -> None:
    with entrance(make_app(PAGE)) as client:
        reply = client.get(path, headers={"origin": PAGE})

    assert reply.status_code in (404, 500)
    assert reply.headers["access-control-allow-origin"] == PAGE


def test_a_preflight_is_answered_without_the_application(entrance: Entrance) -> None:
    app = make_app(PAGE, methods=["GET", "PUT"], headers=["X-Token"], max_age=60)
    with entrance(app) as client:
        reply = ask_permission(client, **{"access-control-request-headers": "x-token, accept"})

    assert (reply.status_code, reply.text) == (200, "OK")
    assert reply.headers["access-control-allow-origin"] == PAGE
    assert reply.headers["access-control-allow-methods"] == "GET, PUT"
    assert "X-Token" in reply.headers["access-control-allow-headers"]
    assert reply.headers["access-control-max-age"] == "60"


@pytest.mark.parametrize(
    ("origin", "headers", "wrong"),
    [
        ("https://other.example", {}, "origin"),
        (PAGE, {"access-control-request-method": "DELETE"}, "method"),
        (PAGE, {"access-control-request-headers": "x-other"}, "headers"),
        (PAGE, {"access-control-request-private-network": "true"}, "private-network"),
    ],
)
def test_a_preflight_for_more_than_is_allowed_is_refused(
    origin: str, headers: dict[str, str], wrong: str
) -> None:
    reply = ask_permission(TestClient(make_app(PAGE)), origin, **headers)

    assert (reply.status_code, reply.text) == (400, f"Disallowed CORS {wrong}")


def test_a_private_network_may_be_opened_to_public_pages() -> None:
    client = TestClient(make_app(PAGE, private_network=True))

    reply = ask_permission(client, **{"access-control-request-private-network": "true"})

    assert reply.status_code == 200
    assert reply.headers["access-control-allow-private-network"] == "true"


@pytest.mark.parametrize(
    "options",
    [
        {"allow_origins": ["*"]},
        {"allow_origins": [PAGE]},
        {"allow_origins": [PAGE], "allow_credentials": True, "expose_headers": ["X-Total"]},
        {"allow_origin_regex": r"https://[a-z]+\.example", "allow_methods": ["*"]},
        {"allow_origins": [PAGE], "allow_headers": ["*"], "allow_private_network": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("origin", [PAGE, "https://page.example.evil", None])
@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {}),
        ("OPTIONS", {"access-control-request-method": "PUT"}),
        (
            "OPTIONS",
            {
                "access-control-request-method": "GET",
                "access-control-request-headers": "x-any",
                "access-control-request-private-network": "true",
            },
        ),
    ],
)
def test_it_answers_as_the_middleware_of_starlette_does(
    options: dict[str, Any], origin: str | None, method: str, headers: dict[str, str]
) -> None:
    async def page(request: Any) -> PlainTextResponse:
        return PlainTextResponse("hello")

    route = Route("/hello", page, methods=["GET", "OPTIONS"])
    theirs = Starlette(routes=[route])
    theirs.add_middleware(CORSMiddleware, **options)
    ours = App(routes=[route], openapi_url=None)
    ours.add_stage(CORS(**{_OURS[name]: value for name, value in options.items()}))
    sent = {**headers, **({"origin": origin} if origin else {})}

    found, expected = (
        TestClient(app).request(method, "/hello", headers=sent) for app in (ours, theirs)
    )

    assert (found.status_code, found.text) == (expected.status_code, expected.text)
    assert _told(found) == _told(expected)


_OURS = {
    "allow_origins": "origins",
    "allow_credentials": "credentials",
    "allow_origin_regex": "origin_regex",
    "allow_methods": "methods",
    "allow_headers": "headers",
    "allow_private_network": "private_network",
    "expose_headers": "expose",
}


def _told(reply: httpx2.Response) -> dict[str, str]:
    names = {name for name in reply.headers if name.startswith("access-control-")}
    told = {name: reply.headers[name] for name in names}
    if "access-control-allow-origin" not in told:
        # Nobody may read the reply, so it does not matter what else is said of it.
        return {}
    if told["access-control-allow-origin"] != "*":
        told["vary"] = reply.headers["vary"]
    return told


@pytest.mark.parametrize(
    ("origin", "opens"),
    [
        (PAGE, True),
        ("https://other.example", False),
        ("http://testserver", True),
        ("http://testserver:80", True),
        ("http://testserver.evil", False),
        ("null", False),
        (None, True),
    ],
)
def test_a_websocket_opens_for_allowed_origins_and_for_its_own(
    origin: str | None, opens: bool
) -> None:
    client = TestClient(make_app(PAGE))
    headers = {} if origin is None else {"origin": origin}

    if opens:
        with client.websocket_connect("/socket", headers=headers) as session:
            assert session.receive_text() == "open"
    else:
        with (
            pytest.raises(WebSocketDenialResponse) as refused,
            client.websocket_connect("/socket", headers=headers),
        ):
            pass
        assert refused.value.status_code == 403


@pytest.mark.parametrize(
    ("origins", "options", "told"),
    [
        (["*"], {"credentials": True}, "act as the user"),
        (["https://page.example/"], {}, "Not an origin"),
        (["page.example"], {}, "Not an origin"),
        (["https://Page.example"], {}, "in lower case"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    origins: list[str], options: dict[str, Any], told: str
) -> None:
    with pytest.raises(DeclarationError, match=told):
        CORS(origins, **options)
