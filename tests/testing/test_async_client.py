"""The asynchronous client: requests, streams and WebSockets in the test's own event loop."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextvars import ContextVar

import anyio
import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient as StarletteTestClient
from starlette.testclient import WebSocketDenialResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from tests.testing.apps import make_app
from trivium.testing import AsyncTestClient, NoResponse, StreamingTransport


async def test_a_request_reaches_the_app_as_it_does_through_starlettes_client() -> None:
    request = {
        "params": {"q": "ä b"},
        "cookies": {"who": "me"},
        "headers": {"x-one": "1"},
        "content": b"hello",
    }
    with StarletteTestClient(make_app(), cookies=request["cookies"]) as client:
        expected = client.post(
            "/echo", params=request["params"], headers=request["headers"], content=b"hello"
        ).json()

    async with AsyncTestClient(make_app(), cookies=request["cookies"]) as client:
        response = await client.post(
            "/echo", params=request["params"], headers=request["headers"], content=b"hello"
        )

    assert response.json() == expected
    assert response.headers["content-type"] == "application/json"


async def test_the_scope_holds_what_starlettes_client_puts_there() -> None:
    scopes: list[Scope] = []

    async def keep(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scopes.append(scope)
            await send({"type": "http.response.start", "status": 204})
            await send({"type": "http.response.body"})

    url = "https://example.org:8443/a%20b/c?x=1&x=2"
    StarletteTestClient(keep, root_path="/root").get(url)
    async with AsyncTestClient(keep, root_path="/root", lifespan=False) as client:
        await client.get(url)

    expected, got = scopes
    assert {
        key: got[key] for key in expected if key not in ("extensions", "server", "headers")
    } == {
        key: value
        for key, value in expected.items()
        if key not in ("extensions", "server", "headers")
    }
    assert list(got["server"]) == list(expected["server"])
    assert sorted(got["headers"]) == sorted(expected["headers"])


async def test_cookies_are_kept_between_requests() -> None:
    async with AsyncTestClient(make_app()) as client:
        await client.get("/remember")
        response = await client.get("/echo")

    assert response.json()["cookies"] == {"who": "me"}


async def test_the_lifespan_runs_around_the_block_and_its_state_reaches_requests() -> None:
    app = make_app()

    async with AsyncTestClient(app) as client:
        assert app.state.diary.entries == ["started"]
        response = await client.get("/state")
        assert client.app_state == {"pool": "open"}

    assert response.json() == {"pool": "open"}
    assert app.state.diary.entries == ["started", "stopped"]


async def test_without_lifespan_the_app_is_only_called() -> None:
    app = make_app()

    async with AsyncTestClient(app, lifespan=False) as client:
        assert (await client.get("/state")).json() == {}

    assert app.state.diary.entries == []


async def test_an_app_that_cannot_start_raises_its_own_error() -> None:
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        raise KeyError("no database")
        yield

    app = Starlette(lifespan=contextlib.asynccontextmanager(lifespan))

    with pytest.raises(KeyError, match="no database"):
        async with AsyncTestClient(app):
            pytest.fail("the block is not entered")


async def test_an_app_that_cannot_stop_raises_its_own_error() -> None:
    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        raise KeyError("pool is gone")

    with pytest.raises(KeyError, match="pool is gone"):
        async with AsyncTestClient(Starlette(lifespan=lifespan)):
            pass


async def test_an_app_without_lifespan_says_so_by_its_error() -> None:
    async def http_only(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])

    with pytest.raises(NotImplementedError, match="lifespan"):
        async with AsyncTestClient(http_only):
            pass


async def test_a_client_that_is_not_open_says_how_to_open_it() -> None:
    client = AsyncTestClient(make_app())

    with pytest.raises(RuntimeError, match=r"async with AsyncTestClient\(app\) as client"):
        await client.get("/echo")


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_two_tasks_may_open_and_close_a_client_as_test_plugins_do(anyio_backend: str) -> None:
    app = make_app()
    client = AsyncTestClient(app)

    await asyncio.create_task(client.__aenter__())
    response = await asyncio.create_task(client.get("/state"))
    await asyncio.create_task(client.__aexit__(None, None, None))

    assert response.json() == {"pool": "open"}
    assert app.state.diary.entries == ["started", "stopped"]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_app_runs_in_the_event_loop_of_the_test(anyio_backend: str) -> None:
    async with AsyncTestClient(make_app()) as client:
        response = await client.get("/loop")

    assert response.json() == {"asyncio": id(asyncio.get_running_loop())}


async def test_the_app_sees_the_context_of_the_request_that_called_it() -> None:
    tenant: ContextVar[str] = ContextVar("tenant", default="nobody")

    async def read(request: Request) -> Response:
        return JSONResponse(tenant.get())

    async with AsyncTestClient(Starlette(routes=[Route("/", read)])) as client:
        tenant.set("ours")
        assert (await client.get("/")).json() == "ours"


async def test_a_request_returns_when_background_tasks_have_run() -> None:
    app = make_app()

    async with AsyncTestClient(app, lifespan=False) as client:
        response = await client.get("/three")

    assert response.content == b"onetwothree"
    assert app.state.diary.entries == ["background"]


async def test_each_chunk_arrives_as_the_app_sends_it() -> None:
    app = make_app()

    async with AsyncTestClient(app, lifespan=False) as client:
        async with client.stream("GET", "/ticks/") as response:
            assert await response.read_chunk() == b"tick 0\n"
            assert "sent 1" not in app.state.diary.entries
            assert await response.read_chunk() == b"tick 1\n"


async def test_reading_chunk_by_chunk_ends_with_an_empty_one() -> None:
    async with AsyncTestClient(make_app(), lifespan=False) as client:
        async with client.stream("GET", "/three") as response:
            chunks = [await response.read_chunk() for _ in range(4)]

    assert chunks == [b"one", b"two", b"three", b""]


async def test_a_body_made_piece_by_piece_reaches_the_app_piece_by_piece() -> None:
    app = make_app()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"first"
        while "took first" not in app.state.diary.entries:
            await anyio.lowlevel.checkpoint()
        yield b"second"

    async with AsyncTestClient(app, lifespan=False) as client:
        response = await client.post("/upload", content=pieces())

    assert response.text == "uploaded"
    assert app.state.diary.entries == ["took first", "took second", "took ", "upload ended"]


async def test_an_error_in_the_making_of_a_body_is_raised_in_the_test() -> None:
    app = make_app()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"first"
        raise KeyError("disk")

    async with AsyncTestClient(app, lifespan=False) as client:
        with pytest.raises(KeyError, match="disk"):
            await client.post("/upload", content=pieces())

    assert app.state.diary.entries == ["took first", "upload ended"]


async def test_an_app_may_ask_for_a_disconnect_while_the_body_is_still_being_made() -> None:
    made = anyio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        await made.wait()
        yield b"late"

    async def ask(request: Request) -> Response:
        gone = [await request.is_disconnected() for _ in range(3)]
        made.set()
        return JSONResponse([gone, (await request.body()).decode()])

    app = Starlette(routes=[Route("/", ask, methods=["POST"])])

    async with AsyncTestClient(app) as client:
        response = await client.post("/", content=pieces())

    assert response.json() == [[False, False, False], "late"]


async def test_redirects_are_followed_to_their_end() -> None:
    async def start(request: Request) -> Response:
        return Response(status_code=307, headers={"location": "/echo"})

    app = make_app()
    app.routes.append(Route("/start", start))

    async with AsyncTestClient(app, lifespan=False) as client:
        response = await client.get("/start")

    assert response.json()["path"] == "/echo"


async def test_a_head_request_gets_no_body() -> None:
    async with AsyncTestClient(make_app(), lifespan=False) as client:
        response = await client.head("/echo")

    assert response.status_code == 200
    assert response.content == b""
    assert int(response.headers["content-length"]) > 0


async def test_an_error_of_the_app_is_raised_in_the_test() -> None:
    async with AsyncTestClient(make_app()) as client:
        with pytest.raises(KeyError, match="broken"):
            await client.get("/broken")


async def test_an_error_after_the_start_of_the_response_is_raised_too() -> None:
    async with AsyncTestClient(make_app()) as client:
        with pytest.raises(KeyError, match="broken"):
            await client.get("/breaks-midway")


async def test_without_raise_server_exceptions_an_error_is_its_500() -> None:
    async with AsyncTestClient(make_app(), raise_server_exceptions=False) as client:
        response = await client.get("/broken")

    assert (response.status_code, response.text) == (500, "Internal Server Error")


async def test_an_app_that_gives_no_answer_is_an_error_that_names_the_request() -> None:
    async def silent(scope: Scope, receive: Receive, send: Send) -> None:
        return None

    async with AsyncTestClient(silent, lifespan=False) as client:
        with pytest.raises(NoResponse, match="GET /quiet"):
            await client.get("/quiet")
    async with AsyncTestClient(silent, lifespan=False, raise_server_exceptions=False) as client:
        assert (await client.get("/quiet")).status_code == 500


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        (["body"], "before http.response.start"),
        (["start", "start"], "twice"),
        (["start", "body", "body"], "after the response's end"),
    ],
)
async def test_an_app_that_breaks_the_protocol_is_told(messages: list[str], says: str) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for kind in messages:
            await send({"type": f"http.response.{kind}", "status": 200, "headers": []})

    async with AsyncTestClient(app, lifespan=False) as client:
        with pytest.raises(RuntimeError, match=says):
            await client.get("/")


async def test_many_requests_run_at_the_same_time() -> None:
    arrived: list[int] = []
    all_here = anyio.Event()

    async def meet(request: Request) -> Response:
        arrived.append(1)
        if len(arrived) == 50:
            all_here.set()
        await all_here.wait()
        return Response()

    async with AsyncTestClient(Starlette(routes=[Route("/", meet)])) as client:
        async with anyio.create_task_group() as tasks:
            for _ in range(50):
                tasks.start_soon(client.get, "/")

    assert len(arrived) == 50


async def test_a_websocket_session_sends_and_receives() -> None:
    async with AsyncTestClient(make_app(), headers={"x-tenant": "ours"}) as client:
        async with client.websocket_connect(
            "/chat", ["v2", "v1"], params={"room": "kitchen"}
        ) as session:
            assert session.accepted_subprotocol == "v2"
            assert session.extra_headers == [(b"x-room", b"kitchen")]
            assert (b"x-tenant", b"ours") in session.scope["headers"]
            for word in ("hello", "ä"):
                await session.send_json(word)
                assert await session.receive_json() == {"said": word}


async def test_a_websocket_session_gives_text_bytes_and_the_close() -> None:
    async with AsyncTestClient(make_app()) as client:
        async with client.websocket_connect("/hello") as session:
            assert await session.receive_text() == "hello"
            assert await session.receive_bytes() == b"\x00\x01"
            with pytest.raises(WebSocketDisconnect) as closed:
                await session.receive_text()

    assert closed.value.code == 1001


async def test_a_websocket_that_is_refused_raises_the_code_and_the_reason() -> None:
    async with AsyncTestClient(make_app()) as client:
        with pytest.raises(WebSocketDisconnect) as refused:
            async with client.websocket_connect("/refuse"):
                pytest.fail("the block is not entered")

    assert (refused.value.code, refused.value.reason) == (4001, "not you")


async def test_a_websocket_that_is_denied_raises_the_response() -> None:
    async with AsyncTestClient(make_app()) as client:
        with pytest.raises(WebSocketDenialResponse) as denied:
            async with client.websocket_connect("/deny"):
                pytest.fail("the block is not entered")

    assert (denied.value.status_code, denied.value.text) == (403, "go away")


async def test_an_error_in_a_websocket_handler_is_raised_where_the_test_waits() -> None:
    async with AsyncTestClient(make_app()) as client:
        with pytest.raises(KeyError, match="broken"):
            async with client.websocket_connect("/broken-socket") as session:
                await session.receive_text()


async def test_a_websocket_opened_by_a_plain_request_says_how_to_open_it() -> None:
    async with AsyncTestClient(make_app()) as client:
        with pytest.raises(RuntimeError, match=r"client\.websocket_connect"):
            await client.get("ws://testserver/chat")


async def test_the_transport_serves_a_client_of_the_library_itself() -> None:
    transport = StreamingTransport(make_app())
    async with httpx2.AsyncClient(transport=transport, base_url="http://testserver") as client:
        response = await client.get("/echo")

    assert response.json()["path"] == "/echo"
