"""Requests that take too long."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
import pytest

from tests.stages.conftest import Entrance
from trivium import App, Depends, HTTPException, WebSocket
from trivium.errors import DeclarationError, TriviumError
from trivium.responding import StreamingResponse
from trivium.stages.deadline import Deadline
from trivium.testing import TestClient

pytestmark = pytest.mark.slow


def make_app(story: list[str], seconds: float = 0.05, *, middleware: bool = False) -> App:
    app = App()
    app.add_stage(Deadline(seconds))

    async def resource() -> AsyncIterator[None]:
        try:
            yield
        except BaseException as error:
            story.append(type(error).__name__)
            raise
        finally:
            story.append("closed")

    @app.get("/endless", dependencies=[Depends(resource)])
    async def endless() -> None:
        await anyio.sleep_forever()

    @app.get("/quick", dependencies=[Depends(resource)])
    async def quick() -> str:
        return "quick"

    @app.get("/wrong")
    async def wrong() -> None:
        raise HTTPException(418)

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"begun "
            await anyio.sleep(1.2)
            yield b"ended"

        return StreamingResponse(pieces())

    @app.websocket("/socket")
    async def socket(ws: WebSocket) -> None:
        await ws.accept()
        await anyio.sleep(0.3)
        await ws.send_text("still here")
        await ws.close()

    if middleware:

        @app.middleware("http")
        async def passing(request: object, call_next: object) -> object:
            return await call_next(request)  # type: ignore[operator]  # what FastAPI's users write

    return app


@pytest.mark.parametrize("middleware", [False, True])
def test_what_takes_too_long_is_cancelled_and_answered(
    entrance: Entrance, middleware: bool
) -> None:
    story: list[str] = []

    with entrance(make_app(story, middleware=middleware)) as client:
        replies = [client.get("/endless"), client.get("/endless")]
        after = client.get("/quick")

    assert [reply.status_code for reply in replies] == [504, 504]
    assert replies[0].json() == {"detail": "The request took too long"}
    assert after.json() == "quick"
    assert story == ["CancelledError", "closed"] * 2 + ["closed"]


def test_what_is_quick_is_left_alone(entrance: Entrance) -> None:
    with entrance(make_app([], 60)) as client:
        assert [client.get(path).status_code for path in ("/quick", "/wrong")] == [200, 418]


def test_a_stream_that_has_begun_may_last(entrance: Entrance) -> None:
    with entrance(make_app([], 0.2)) as client:
        assert client.get("/stream").text == "begun ended"


def test_a_websocket_may_last() -> None:
    with TestClient(make_app([])).websocket_connect("/socket") as session:
        assert session.receive_text() == "still here"


def test_on_trio_it_is_refused() -> None:
    client = TestClient(make_app([]), backend="trio")

    with pytest.raises(TriviumError, match="Only on asyncio"):
        client.get("/quick")


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_no_time_at_all_is_refused(seconds: float) -> None:
    with pytest.raises(DeclarationError, match="answered in time"):
        Deadline(seconds)
