"""The plain ASGI and Starlette apps that the clients are tried on, and a diary of what they did."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from trivium.testing.overrides import OVERRIDES_KEY


class Diary:
    """What an app did, in order, and events that a test waits for."""

    def __init__(self) -> None:
        self.entries: list[str] = []
        self.running = anyio.Event()

    def note(self, entry: str) -> None:
        self.entries.append(entry)


def make_app() -> Starlette:
    diary = Diary()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, str]]:
        diary.note("started")
        yield {"pool": "open"}
        diary.note("stopped")

    async def state(request: Request) -> Response:
        return JSONResponse(request.state._state)

    async def echo(request: Request) -> Response:
        body = await request.body()
        return JSONResponse(
            {
                "method": request.method,
                "path": request.url.path,
                "query": str(request.query_params),
                "cookies": request.cookies,
                "body": body.decode(),
                "agent": request.headers["user-agent"],
                "client": list(request.client or ()),
            }
        )

    async def remember(request: Request) -> Response:
        response = PlainTextResponse("remembered")
        response.set_cookie("who", "me")
        return response

    async def overrides(request: Request) -> Response:
        mapping = request.scope.get(OVERRIDES_KEY, {})
        return JSONResponse({key.__name__: value.__name__ for key, value in mapping.items()})

    async def tick(send: Send) -> None:
        number = 0
        while True:
            piece = f"tick {number}\n".encode()
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            diary.note(f"sent {number}")
            number += 1

    async def ticks(scope: Scope, receive: Receive, send: Send) -> None:
        """Sends without end, until it hears that its client has left."""
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(tick, send)
                while (await receive())["type"] != "http.disconnect":
                    pass
                diary.note("heard")
                tasks.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.lowlevel.checkpoint()
                diary.note("cleaned up")

    async def three(request: Request) -> Response:
        async def chunks() -> AsyncIterator[bytes]:
            for chunk in (b"one", b"two", b"three"):
                yield chunk

        return StreamingResponse(chunks(), background=BackgroundTask(diary.note, "background"))

    async def slow(request: Request) -> Response:
        diary.running.set()
        try:
            while not await request.is_disconnected():
                await anyio.lowlevel.checkpoint()
        finally:
            diary.note("slow ended")
        return PlainTextResponse("too late")

    async def upload(request: Request) -> Response:
        try:
            async for piece in request.stream():
                diary.note(f"took {piece.decode()}")
        finally:
            diary.note("upload ended")
        return PlainTextResponse("uploaded")

    async def deaf(request: Request) -> Response:
        diary.running.set()
        try:
            await anyio.sleep_forever()
        finally:
            diary.note("cancelled")
        return PlainTextResponse("never")

    async def broken(request: Request) -> Response:
        raise KeyError("broken")

    async def breaks_midway(request: Request) -> Response:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"half"
            raise KeyError("broken")

        return StreamingResponse(chunks())

    async def redirect(request: Request) -> Response:
        return Response(status_code=307, headers={"location": "/ticks/"})

    async def loop(request: Request) -> Response:
        return JSONResponse({"asyncio": id(asyncio.get_running_loop())})

    async def chat(socket: WebSocket) -> None:
        await socket.accept(
            subprotocol=next(iter(socket.scope["subprotocols"]), None),
            headers=[(b"x-room", socket.query_params.get("room", "hall").encode())],
        )
        try:
            while True:
                await socket.send_json({"said": await socket.receive_json()})
        except WebSocketDisconnect as news:
            diary.note(f"left with {news.code}")
            raise
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.lowlevel.checkpoint()
                diary.note("chat ended")

    async def feed(socket: WebSocket) -> None:
        await socket.accept()
        try:
            while True:
                await socket.send_text("news")
                await anyio.lowlevel.checkpoint()
        finally:
            diary.note(f"feed ended by {type(sys.exception()).__name__}")

    async def refuse(socket: WebSocket) -> None:
        await socket.close(4001, "not you")

    async def deny(socket: WebSocket) -> None:
        await socket.send_denial_response(PlainTextResponse("go away", 403))

    async def deaf_socket(socket: WebSocket) -> None:
        await socket.accept()
        await anyio.sleep_forever()

    async def broken_socket(socket: WebSocket) -> None:
        await socket.accept()
        raise KeyError("broken")

    async def hello(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("hello")
        await socket.send_bytes(b"\x00\x01")
        await socket.close(1001)

    routes = [
        Route("/state", state),
        Route("/echo", echo, methods=["GET", "POST"]),
        Route("/remember", remember),
        Route("/overrides", overrides),
        Mount("/ticks", ticks),
        Route("/three", three),
        Route("/slow", slow),
        Route("/upload", upload, methods=["POST"]),
        Route("/deaf", deaf),
        Route("/broken", broken),
        Route("/breaks-midway", breaks_midway),
        Route("/redirect", redirect),
        Route("/loop", loop),
        WebSocketRoute("/chat", chat),
        WebSocketRoute("/feed", feed),
        WebSocketRoute("/refuse", refuse),
        WebSocketRoute("/deny", deny),
        WebSocketRoute("/deaf-socket", deaf_socket),
        WebSocketRoute("/broken-socket", broken_socket),
        WebSocketRoute("/hello", hello),
    ]
    app = Starlette(routes=routes, lifespan=lifespan)
    app.state.diary = diary
    return app
