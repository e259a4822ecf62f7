"""What differs for returned responses, streams, WebSockets, `def` handlers and route classes."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from starlette.requests import Request

from tests.lifecycle.rows import row
from tests.lifecycle.sockets import Socket
from tests.lifecycle.story import BOTH, Story, signed


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


ENTERED = ["enter function", "enter request"]


@row("kind-def")
@pytest.mark.parametrize("framework", BOTH)
async def test_a_def_handler_keeps_the_same_order(framework: str) -> None:
    story = Story(framework)
    app = story.framework.FastAPI()

    def handler(**given: Any) -> dict[str, int]:
        story.tell("handler")
        given["tasks"].add_task(lambda: story.tell("task"))
        return {"n": 1}

    app.get("/")(signed(handler, story.scopes))
    await story.request(app)

    assert story.events == [
        *ENTERED,
        *("handler", "leave function", "200", "last byte", "task", "leave request"),
    ]


@row("kind-response")
@pytest.mark.parametrize("framework", BOTH)
async def test_a_returned_response_is_sent_as_it_is(framework: str) -> None:
    story = Story(framework)
    app = story.framework.FastAPI()

    async def handler(**given: Any) -> Any:
        story.tell("handler")
        given["tasks"].add_task(story.task("task"))
        return story.responses.PlainTextResponse("no number")

    app.get("/", response_model=int)(signed(handler, story.scopes))
    client = await story.request(app)

    assert story.events == [
        *ENTERED,
        *("handler", "leave function", "200", "last byte", "task", "leave request"),
    ]
    assert client.received == b"no number"


@row("kind-stream-response")
@pytest.mark.parametrize("framework", BOTH)
async def test_the_request_scope_is_open_while_a_returned_stream_is_sent(framework: str) -> None:
    story = Story(framework)
    app = story.framework.FastAPI()

    async def handler(**given: Any) -> Any:
        story.tell("handler")
        given["tasks"].add_task(story.task("task"))

        async def chunks() -> AsyncIterator[bytes]:
            story.tell("generator begins")
            yield b"x"
            story.tell("generator ends")

        return story.responses.StreamingResponse(chunks())

    app.get("/")(signed(handler, story.scopes))
    await story.request(app)

    assert story.events == [
        *ENTERED,
        *("handler", "leave function", "200", "generator begins", "chunk", "generator ends"),
        *("last byte", "task", "leave request"),
    ]


def _streaming(story: Story, kind: str) -> Any:
    """An application whose handler yields two items, as one of the kinds of stream."""
    app = story.framework.FastAPI()
    options: dict[str, Any] = {}
    if kind.startswith("sse"):
        options["response_class"] = story.responses.EventSourceResponse
    elif kind.startswith("raw"):
        options["response_class"] = story.responses.StreamingResponse

    async def asynchronous(**given: Any) -> AsyncIterator[str]:
        given["tasks"].add_task(story.task("task"))
        story.tell("generator begins")
        yield "first"
        yield "second"
        story.tell("generator ends")

    def threaded(**given: Any) -> Iterator[str]:
        given["tasks"].add_task(story.task("task"))
        story.tell("generator begins")
        yield "first"
        yield "second"
        story.tell("generator ends")

    handler = threaded if kind.endswith(" def") else asynchronous
    app.get("/", **options)(signed(handler, story.scopes))
    return app


@row("kind-jsonl", "kind-sse", "kind-raw", "first-byte")
@pytest.mark.parametrize("framework", BOTH)
@pytest.mark.parametrize("kind", ["jsonl", "sse", "raw", "jsonl def", "sse def", "raw def"])
async def test_a_handler_that_yields_runs_while_its_reply_is_sent(
    framework: str, kind: str
) -> None:
    story = Story(framework)

    client = await story.request(_streaming(story, kind))

    # FastAPI starts the generator of an event stream before the head of the reply is sent, so
    # the two may come in either order
    assert story.events[:3] == [*ENTERED, "leave function"]
    assert set(story.events[3:5]) == {"200", "generator begins"}
    # the generator may be one item ahead of what is sent
    assert sorted(story.events[5:8]) == ["chunk", "chunk", "generator ends"]
    assert story.events[8:] == ["last byte", "task", "leave request"]
    assert (
        client.received
        == {
            "jsonl": b'"first"\n"second"\n',
            "sse": b'data: "first"\n\ndata: "second"\n\n',
            "raw": b"firstsecond",
        }[kind.removesuffix(" def")]
    )


@row("kind-websocket")
@pytest.mark.parametrize("framework", BOTH)
async def test_the_handler_of_a_websocket_is_followed_by_both_scopes(framework: str) -> None:
    story = Story(framework)
    app = story.framework.FastAPI()

    async def handler(socket: Any, **given: Any) -> None:
        await socket.accept()
        story.tell(f"got {await socket.receive_text()}")
        await socket.send_text("answer")
        await socket.close()

    scopes = {"f": story.scopes["f"], "r": story.scopes["r"]}
    app.websocket("/")(signed(handler, {"socket": story.framework.WebSocket, **scopes}))
    await Socket(story, "question").connect(app)

    assert story.events == [
        *ENTERED,
        *("accepted", "got question", "sent answer", "closed 1000"),
        *("leave function", "leave request"),
    ]


@row("kind-websocket", "tasks", "late-tasks")
async def test_the_tasks_of_a_websocket_run_when_it_is_over() -> None:
    # FastAPI never runs them
    story = Story()
    app = story.framework.FastAPI()

    async def handler(socket: Any, **given: Any) -> None:
        await socket.accept()
        given["tasks"].add_task(story.task("task"))
        await socket.close()

    parameters = {**story.scopes, "x": story.depends(story.tracked("x", adds="late task"))}
    app.websocket("/")(signed(handler, {"socket": story.framework.WebSocket, **parameters}))
    await Socket(story).connect(app)

    assert story.events == [
        *ENTERED,
        *("enter x", "accepted", "closed 1000", "leave function"),
        *("task", "leave x", "leave request", "late task"),
    ]


@row("kind-websocket", "error-handler")
@pytest.mark.parametrize("framework", BOTH)
async def test_an_error_of_a_websockets_handler_is_seen_by_both_scopes(framework: str) -> None:
    story = Story(framework)
    app = story.framework.FastAPI()

    async def handler(socket: Any, **given: Any) -> None:
        await socket.accept()
        given["tasks"].add_task(story.task("task"))
        raise ValueError

    app.websocket("/")(signed(handler, {"socket": story.framework.WebSocket, **story.scopes}))
    await Socket(story).connect(app)

    assert story.events == [
        *ENTERED,
        "accepted",
        *("function sees ValueError", "leave function"),
        *("request sees ValueError", "leave request", "raised ValueError"),
    ]


@row("kind-websocket", "error-http")
@pytest.mark.parametrize("framework", BOTH)
async def test_a_websocket_exception_closes_the_connection_after_the_exits(framework: str) -> None:
    story = Story(framework)
    app = story.framework.FastAPI()

    async def handler(socket: Any, **given: Any) -> None:
        await socket.accept()
        raise story.framework.WebSocketException(1008)

    app.websocket("/")(signed(handler, {"socket": story.framework.WebSocket, **story.scopes}))
    await Socket(story).connect(app)

    assert story.events[-3:] == [
        *("request sees WebSocketException", "leave request", "closed 1008")
    ]


@row("kind-websocket", "error-swallowed")
@pytest.mark.parametrize("framework", BOTH)
@pytest.mark.parametrize("scope", ["function", "request"])
async def test_a_websocket_needs_no_reply_so_an_exit_may_swallow_an_error(
    framework: str, scope: str
) -> None:
    story = Story(framework)
    app = story.framework.FastAPI()
    swallowing = story.tracked("swallowing", swallows=True)

    async def handler(socket: Any, **given: Any) -> None:
        await socket.accept()
        raise ValueError

    parameters = {"x": story.depends(swallowing, scope=scope)}
    app.websocket("/")(signed(handler, {"socket": story.framework.WebSocket, **parameters}))
    await Socket(story).connect(app)

    assert story.events == [
        *("enter swallowing", "accepted", "swallowing sees ValueError", "leave swallowing")
    ]


@row("kind-custom-route")
@pytest.mark.parametrize("framework", BOTH)
async def test_a_route_class_stands_around_the_dependencies_and_inside_of_their_exits(
    framework: str,
) -> None:
    story = Story(framework)
    routing = importlib.import_module(f"{framework}.routing")

    class Timed(routing.APIRoute):  # type: ignore[misc, name-defined]  # of either framework
        def get_route_handler(self) -> Any:
            original = super().get_route_handler()

            async def handle(request: Request) -> Any:
                story.tell("class before")
                try:
                    response = await original(request)
                except ValueError:
                    story.tell("class sees ValueError")
                    raise
                story.tell("class after")
                return response

            return handle

    app = story.framework.FastAPI()
    app.router.route_class = Timed

    async def handler(fails: bool, **given: Any) -> None:
        story.tell("handler")
        if fails:
            raise ValueError

    app.get("/")(signed(handler, {"fails": bool, "f": story.scopes["f"], "r": story.scopes["r"]}))
    await story.request(app, query_string=b"fails=false")

    assert story.events == [
        *("class before", *ENTERED, "handler", "class after", "leave function"),
        *("200", "last byte", "leave request"),
    ]

    story.events.clear()
    await story.request(app, query_string=b"fails=true")

    assert story.events[3:] == [
        *("handler", "class sees ValueError"),
        *("function sees ValueError", "leave function"),
        *("request sees ValueError", "leave request"),
        *("500", "last byte", "raised ValueError"),
    ]
