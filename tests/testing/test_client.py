"""The synchronous client: Starlette's behaviour kept, and what is added to it."""

from typing import Literal

import anyio.to_thread
import pytest
from starlette import testclient as starlette_testclient
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from tests.testing.apps import make_app
from trivium.testing import LiveResponse, TestClient, WebSocketSession


def test_it_takes_what_starlettes_client_takes() -> None:
    client = TestClient(
        make_app(),
        "http://example.org",
        False,
        "/root",
        "asyncio",
        {},
        {"who": "me"},
        {"x-one": "1"},
        False,
        ("1.2.3.4", 5),
    )

    answer = client.get("/echo", params={"q": "1"}).json()

    assert isinstance(client, starlette_testclient.TestClient)
    assert (answer["cookies"], answer["client"]) == ({"who": "me"}, ["1.2.3.4", 5])
    assert client.get("/redirect").status_code == 307
    assert client.get("/broken").status_code == 500


def test_its_app_is_the_app_it_was_given() -> None:
    app = make_app()

    assert TestClient(app).app is app


def test_the_lifespan_runs_around_the_block_and_its_state_reaches_requests() -> None:
    app = make_app()

    with TestClient(app) as client:
        assert app.state.diary.entries == ["started"]
        assert client.get("/state").json() == {"pool": "open"}

    assert app.state.diary.entries == ["started", "stopped"]


def test_cookies_are_kept_between_requests() -> None:
    client = TestClient(make_app())

    client.get("/remember")

    assert client.get("/echo").json()["cookies"] == {"who": "me"}


def test_an_error_of_the_app_is_raised_in_the_test() -> None:
    with pytest.raises(KeyError, match="broken"):
        TestClient(make_app()).get("/broken")


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_chunks_are_read_as_the_app_sends_them(backend: Literal["asyncio", "trio"]) -> None:
    with TestClient(make_app(), backend=backend).stream("GET", "/three") as response:
        assert isinstance(response, LiveResponse)
        chunks = [response.read_chunk() for _ in range(4)]

    assert chunks == [b"one", b"two", b"three", b""]


def test_a_stream_that_is_left_early_is_cancelled_as_in_starlettes_client() -> None:
    app = make_app()

    with TestClient(app).stream("GET", "/ticks/") as response:
        assert response.read_chunk() == b"tick 0\n"

    assert app.state.diary.entries[-1] == "cleaned up"
    assert "heard" not in app.state.diary.entries


def test_a_stream_may_follow_a_redirect() -> None:
    app = make_app()

    with TestClient(app).stream("GET", "/redirect") as response:
        assert response.read_chunk() == b"tick 0\n"
        assert [earlier.status_code for earlier in response.history] == [307]
        response.disconnect()

    assert "heard" in app.state.diary.entries


def test_a_websocket_session_is_starlettes() -> None:
    client = TestClient(make_app(), headers={"x-tenant": "ours"})

    with client.websocket_connect("/chat?room=kitchen", ["v2"]) as session:
        session.send_json("hello")

        assert isinstance(session, WebSocketSession)
        assert session.receive_json() == {"said": "hello"}
        assert session.accepted_subprotocol == "v2"
        assert session.extra_headers == [(b"x-room", b"kitchen")]
        session.disconnect()


def test_a_websocket_that_is_refused_raises_the_code_and_the_reason() -> None:
    with pytest.raises(WebSocketDisconnect) as refused:
        with TestClient(make_app()).websocket_connect("/refuse"):
            pytest.fail("the block is not entered")

    assert (refused.value.code, refused.value.reason) == (4001, "not you")


def test_an_app_of_asgi_2_is_called_as_one() -> None:
    class Instance:
        def __init__(self, scope: Scope) -> None:
            self.scope = scope

        async def __call__(self, receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": self.scope["path"].encode()})

    assert TestClient(Instance).get("/old").text == "/old"  # type: ignore[arg-type]  # the point


def test_a_client_inside_the_app_does_not_take_the_line_of_the_one_outside() -> None:
    inner_app = make_app()

    async def gateway(scope: Scope, receive: Receive, send: Send) -> None:
        answer = await anyio.to_thread.run_sync(lambda: TestClient(inner_app).get("/echo").content)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": answer, "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        inner_app.state.diary.note("outer client left")

    with TestClient(gateway).stream("GET", "/") as response:
        assert b'"path":"/echo"' in response.read_chunk()
        response.disconnect()

    assert inner_app.state.diary.entries == ["outer client left"]


def test_a_block_that_raises_raises_its_own_error() -> None:
    with pytest.raises(ZeroDivisionError):
        with TestClient(make_app()).stream("GET", "/ticks/"):
            raise ZeroDivisionError
