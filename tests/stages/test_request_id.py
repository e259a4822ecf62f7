"""Names of requests."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import WebSocketDenialResponse

from tests.stages.conftest import Entrance
from trivium import App, Response, WebSocket
from trivium.errors import DeclarationError
from trivium.stages.hosts import TrustedHosts
from trivium.stages.request_id import RequestId, request_id
from trivium.testing import TestClient


def make_app(**options: Any) -> App:
    app = App()
    app.add_stage(RequestId(**options))

    @app.get("/id")
    async def own() -> str:
        return request_id.get()

    @app.get("/thread")
    def threaded() -> str:
        return request_id.get()

    @app.get("/broken")
    async def broken() -> None:
        raise ValueError("broken")

    @app.websocket("/socket")
    async def socket(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send_text(request_id.get())
        await ws.close()

    return app


def test_each_request_has_an_id_of_its_own_that_its_reply_carries(entrance: Entrance) -> None:
    with entrance(make_app()) as client:
        replies = [client.get(path) for path in ("/id", "/id", "/thread")]

    ids = [reply.headers["x-request-id"] for reply in replies]
    assert [reply.json() for reply in replies] == ids
    assert len(set(ids)) == 3


@pytest.mark.parametrize("path", ["/broken", "/nowhere"])
def test_the_replies_to_errors_carry_it(entrance: Entrance, path: str) -> None:
    with entrance(make_app()) as client:
        assert client.get(path).headers["x-request-id"]


def test_a_request_has_the_same_name_in_a_mounted_application(entrance: Entrance) -> None:
    outer, plain = make_app(), App()
    outer.mount("/mounted", make_app())
    plain.mount("/mounted", make_app())

    with entrance(outer) as client:
        within = [client.get("/mounted/id") for _ in range(2)]
    with entrance(plain) as client:
        alone = [client.get("/mounted/id") for _ in range(2)]

    names = [reply.json() for reply in (*within, *alone)]
    assert len(set(names)) == 4
    assert "-" not in names
    assert [reply.headers.get_list("x-request-id") for reply in (*within, *alone)] == [
        [name] for name in names
    ]


def test_a_name_that_the_application_sends_gives_way(entrance: Entrance) -> None:
    app = make_app()

    @app.get("/named")
    async def named(response: Response) -> str:
        response.headers["x-request-id"] = "mine"
        return request_id.get()

    with entrance(app) as client:
        reply = client.get("/named")

    assert reply.headers.get_list("x-request-id") == [reply.json()]


def test_an_id_of_a_trusted_peer_is_kept(entrance: Entrance) -> None:
    with entrance(make_app(trusted=["127.0.0.1"])) as client:
        reply = client.get("/id", headers={"x-request-id": "from-the-proxy_1.2"})

    assert reply.json() == reply.headers["x-request-id"] == "from-the-proxy_1.2"


@pytest.mark.parametrize(
    ("trusted", "sent"),
    [
        ([], "abc"),
        (["10.0.0.0/8"], "abc"),
        (["127.0.0.1"], "a b"),
        (["127.0.0.1"], 'x"}{"level":"error'),
        (["127.0.0.1"], "x" * 129),
        (["127.0.0.1"], ""),
    ],
)
def test_any_other_id_is_replaced(trusted: list[str], sent: str) -> None:
    client = TestClient(make_app(trusted=trusted), client=("127.0.0.1", 1))

    reply = client.get("/id", headers={"x-request-id": sent})

    assert reply.json() == reply.headers["x-request-id"] != sent


def test_a_websocket_has_one_too() -> None:
    client = TestClient(make_app())

    with client.websocket_connect("/socket") as session:
        accepted = dict(session.extra_headers or ())
        assert session.receive_text() == accepted[b"x-request-id"].decode()


def test_a_websocket_that_is_refused_has_one_too() -> None:
    app = make_app()
    app.add_stage(TrustedHosts(["example.com"]))

    with (
        pytest.raises(WebSocketDenialResponse) as refused,
        TestClient(app).websocket_connect("/socket"),
    ):
        pass

    assert refused.value.headers["x-request-id"]


def test_the_header_may_have_another_name() -> None:
    reply = TestClient(make_app(header="X-Correlation-ID")).get("/id")

    assert reply.headers["x-correlation-id"] == reply.json()


def test_what_is_not_the_name_of_a_header_is_refused() -> None:
    with pytest.raises(DeclarationError, match="Not the name of a header"):
        RequestId("x request id")
