"""The client goes away: at each point, in process, on both kinds of ASGI server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import pytest

from tests.lifecycle.rows import row
from tests.lifecycle.sockets import Socket
from tests.lifecycle.story import BOTH, Client, Story, signed


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


ENTERED = ["enter function", "enter request"]


@row("gone-upload")
@pytest.mark.parametrize("framework", BOTH)
async def test_nothing_is_entered_for_a_client_that_leaves_while_it_sends_its_body(
    framework: str,
) -> None:
    story = Story(framework)
    app = story.framework.FastAPI()

    async def handler(**given: Any) -> None:
        story.tell("handler")

    app.post("/")(signed(handler, {"body": dict[str, int], **story.scopes}))
    client = Client(story, body=b'{"a":', stalls=True)
    client.begin()
    client.leave()
    await story.request(app, client, method="POST")

    assert story.events == []


@row("gone-handler")
@pytest.mark.parametrize("framework", BOTH)
@pytest.mark.parametrize("kind", ["async def", "def"])
async def test_a_handler_is_not_interrupted_when_its_client_leaves(
    framework: str, kind: str
) -> None:
    story = Story(framework)
    app = story.framework.FastAPI()

    async def asynchronous(**given: Any) -> str:
        given["tasks"].add_task(story.task("task"))
        story.tell("client leaves")
        await asyncio.sleep(0)
        story.tell("handler ends")
        return "x"

    def threaded(**given: Any) -> str:
        given["tasks"].add_task(story.task("task"))
        story.tell("client leaves")
        story.tell("handler ends")
        return "x"

    handler = asynchronous if kind == "async def" else threaded
    app.get("/")(signed(handler, story.scopes))
    await story.request(app, Client(story).leaves_at("client leaves"))

    assert story.events == [
        *ENTERED,
        *("client leaves", "handler ends", "leave function", "task", "leave request"),
    ]


@row("gone-handler")
@pytest.mark.parametrize("framework", BOTH)
async def test_a_handler_that_asks_is_told_that_its_client_has_left(framework: str) -> None:
    story = Story(framework)
    app = story.framework.FastAPI()

    async def handler(request: Any) -> None:
        story.tell("client leaves")
        while not await request.is_disconnected():  # noqa: ASYNC110  # asking again is the point
            await asyncio.sleep(0)
        story.tell("handler knows")

    app.get("/")(signed(handler, {"request": story.framework.Request}))
    await story.request(app, Client(story).leaves_at("client leaves"))

    assert story.events == ["client leaves", "handler knows"]


@row("gone-reply")
@pytest.mark.parametrize("framework", BOTH)
async def test_a_reply_to_a_client_that_has_left_goes_nowhere(framework: str) -> None:
    story = Story(framework)
    app = story.framework.FastAPI()

    async def handler(**given: Any) -> str:
        return "x"

    app.get("/")(signed(handler, story.scopes))
    client = await story.request(app, Client(story).leaves_at("leave function"))

    assert story.events == [*ENTERED, "leave function", "leave request"]
    assert client.received == b""


@row("gone-reply")
@pytest.mark.parametrize("framework", BOTH)
async def test_where_the_server_says_so_the_request_scope_sees_that_the_client_has_left(
    framework: str,
) -> None:
    story = Story(framework)
    app = story.framework.FastAPI()

    async def handler(**given: Any) -> str:
        return "x"

    app.get("/")(signed(handler, story.scopes))
    await story.request(app, Client(story, spec="2.4").leaves_at("leave function"))

    assert story.events[2:] == [
        *("leave function", "request sees OSError", "leave request", "raised OSError")
    ]


def endless(story: Story, kind: str) -> Any:
    """An application that streams for ever, with what its generator notices."""
    app = story.framework.FastAPI()
    options: dict[str, Any] = {}
    if kind.startswith("sse"):
        options["response_class"] = story.responses.EventSourceResponse
    elif kind.startswith("raw"):
        options["response_class"] = story.responses.StreamingResponse

    async def asynchronous(**given: Any) -> AsyncIterator[str]:
        given["tasks"].add_task(story.task("task"))
        try:
            while True:
                yield "item"
                await asyncio.sleep(0)
        finally:
            with anyio.CancelScope(shield=True):
                await asyncio.sleep(0)
            story.tell("generator closed")

    def threaded(**given: Any) -> Iterator[str]:
        given["tasks"].add_task(story.task("task"))
        try:
            while True:
                yield "item"
        finally:
            story.tell("generator closed")

    handler = threaded if kind.endswith(" def") else asynchronous
    app.get("/", **options)(signed(handler, story.scopes))
    return app


KINDS = ["jsonl", "sse", "raw", "jsonl def", "sse def", "raw def"]


@row("gone-stream", "kind-jsonl", "kind-sse", "kind-raw")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_stream_without_a_listener_is_closed_before_the_scopes_are(kind: str) -> None:
    story = Story()

    await story.request(endless(story, kind), Client(story).leaves_at("chunk"))

    assert story.events == [
        *(*ENTERED, "leave function", "200", "chunk"),
        *("generator closed", "task", "leave request"),
    ]


@row("gone-stream", "kind-jsonl", "kind-sse", "kind-raw")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_stream_is_closed_as_well_where_the_server_says_that_the_client_has_left(
    kind: str,
) -> None:
    story = Story()

    await story.request(endless(story, kind), Client(story, spec="2.4").leaves_at("chunk"))

    assert story.events == [
        *(*ENTERED, "leave function", "200", "chunk"),
        *("generator closed", "task"),
        *("request sees ClientDisconnect", "leave request", "raised ClientDisconnect"),
    ]


@row("gone-stream", "kind-stream-response")
@pytest.mark.parametrize("framework", BOTH)
async def test_a_returned_stream_is_ended_and_its_tasks_run(framework: str) -> None:
    story = Story(framework)
    app = story.framework.FastAPI()

    async def handler(**given: Any) -> Any:
        given["tasks"].add_task(story.task("task"))

        async def chunks() -> AsyncIterator[bytes]:
            while True:
                yield b"x"
                await asyncio.sleep(0)

        return story.responses.StreamingResponse(chunks())

    app.get("/")(signed(handler, story.scopes))
    await story.request(app, Client(story).leaves_at("chunk"))

    assert story.events[3:] == ["200", "chunk", "task", "leave request"]


@row("gone-tasks")
@pytest.mark.parametrize("framework", BOTH)
@pytest.mark.parametrize("spec", ["2.3", "2.4"])
async def test_tasks_do_not_notice_that_the_client_leaves(framework: str, spec: str) -> None:
    story = Story(framework)
    app = story.framework.FastAPI()

    async def handler(**given: Any) -> None:
        given["tasks"].add_task(story.task("first task"))
        given["tasks"].add_task(story.task("second task"))

    app.get("/")(signed(handler, story.scopes))
    await story.request(app, Client(story, spec=spec).leaves_at("first task"))

    assert story.events[2:] == [
        *("leave function", "200", "last byte", "first task", "second task", "leave request")
    ]


@row("gone-websocket")
@pytest.mark.parametrize("framework", BOTH)
async def test_a_websockets_handler_is_told_by_what_it_waits_for(framework: str) -> None:
    story = Story(framework)
    app = story.framework.FastAPI()

    async def handler(socket: Any) -> None:
        await socket.accept()
        try:
            await socket.receive_text()
        except story.framework.WebSocketDisconnect as gone:
            story.tell(f"handler sees {gone.code}")

    app.websocket("/")(signed(handler, {"socket": story.framework.WebSocket}))
    await Socket(story).leaves_at("accepted").connect(app)

    assert story.events == ["accepted", "handler sees 1006"]


@row("gone-websocket")
async def test_the_news_passes_through_both_scopes_and_tasks_run() -> None:
    # FastAPI never runs the tasks of a WebSocket
    story = Story()
    app = story.framework.FastAPI()

    async def handler(socket: Any, **given: Any) -> None:
        await socket.accept()
        given["tasks"].add_task(story.task("task"))
        await socket.receive_text()

    parameters = {**story.scopes, "x": story.depends(story.tracked("x", adds="late task"))}
    function = signed(handler, {"socket": story.framework.WebSocket, **parameters})
    app.websocket("/")(function)
    await Socket(story).leaves_at("accepted").connect(app)

    assert story.events == [
        *(*ENTERED, "enter x", "accepted"),
        *("function sees WebSocketDisconnect", "leave function", "task"),
        *("x sees WebSocketDisconnect", "leave x"),
        *("request sees WebSocketDisconnect", "leave request"),
        *("late task", "raised WebSocketDisconnect"),
    ]


@row("gone-cancelled")
@pytest.mark.parametrize("framework", BOTH)
async def test_a_request_that_the_server_cancels_leaves_everything_and_runs_no_task(
    framework: str,
) -> None:
    story = Story(framework)
    app = story.framework.FastAPI()
    reached = asyncio.Event()

    async def slow(**given: Any) -> AsyncIterator[None]:
        try:
            yield
        finally:
            # what the exit awaits is awaited, although the request is cancelled
            await asyncio.sleep(0)
            story.tell("leave slow")

    async def handler(**given: Any) -> None:
        given["tasks"].add_task(story.task("task"))
        reached.set()
        await asyncio.Event().wait()

    parameters = {**story.scopes, "slow": story.depends(signed(slow, {}))}
    app.get("/")(signed(handler, parameters))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(story.request, app)
        await reached.wait()
        tasks.cancel_scope.cancel()

    assert story.events == [
        *ENTERED,
        *("function sees CancelledError", "leave function", "leave slow"),
        *("request sees CancelledError", "leave request"),
    ]
