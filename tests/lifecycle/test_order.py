"""A request that succeeds: what happens in which order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, field_serializer, field_validator

from tests.lifecycle.rows import row
from tests.lifecycle.story import BOTH, Client, Story, signed
from trivium import App, Depends
from trivium.testing import TestClient


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


FORM = (
    b"--x\r\n"
    b'Content-Disposition: form-data; name="file"; filename="flights.csv"\r\n\r\n'
    b"UA,1545\r\n"
    b"--x--\r\n"
)
MULTIPART = [(b"host", b"test"), (b"content-type", b"multipart/form-data; boundary=x")]


@row("entry")
@pytest.mark.parametrize("framework", BOTH)
async def test_dependencies_are_entered_in_the_order_of_declaration_each_after_its_own(
    framework: str,
) -> None:
    story = Story(framework)
    app = story.framework.FastAPI()
    inner = story.depends(story.tracked("inner"))
    outer = story.depends(story.tracked("outer", needs={"inner": inner}))
    listed = story.framework.Depends(story.tracked("listed"))

    async def handler(**given: Any) -> None:
        story.tell("handler")

    parameters = {"outer": outer, "last": story.depends(story.tracked("last"))}
    app.get("/", dependencies=[listed])(signed(handler, parameters))
    await story.request(app)

    assert story.events == [
        *("enter listed", "enter inner", "enter outer", "enter last", "handler"),
        *("200", "last byte"),
        *("leave last", "leave outer", "leave inner", "leave listed"),
    ]


@row("entry-once")
@pytest.mark.parametrize("framework", BOTH)
async def test_a_dependency_that_several_ask_for_is_entered_once(framework: str) -> None:
    story = Story(framework)
    app = story.framework.FastAPI()
    shared = story.tracked("shared")
    left = story.depends(story.tracked("left", needs={"s": story.depends(shared)}))
    right = story.depends(story.tracked("right", needs={"s": story.depends(shared)}))

    async def handler(**given: Any) -> None: ...

    app.get("/")(signed(handler, {"left": left, "right": right}))
    await story.request(app)

    assert story.events[:3] == ["enter shared", "enter left", "enter right"]
    assert story.events.count("leave shared") == 1


@row("entry-once")
@pytest.mark.parametrize("framework", BOTH)
async def test_a_dependency_without_cache_is_entered_for_each_that_asks(framework: str) -> None:
    story = Story(framework)
    app = story.framework.FastAPI()
    own = story.depends(story.tracked("own"), use_cache=False)

    async def handler(**given: Any) -> None: ...

    app.get("/")(signed(handler, {"a": own, "b": own}))
    await story.request(app)

    assert story.events.count("enter own") == story.events.count("leave own") == 2


@row("handler", "function-exit", "first-byte", "last-byte", "tasks", "request-exit")
@pytest.mark.parametrize("framework", BOTH)
async def test_a_reply_is_made_sent_and_followed_by_tasks_and_exits(framework: str) -> None:
    story = Story(framework)
    app = story.framework.FastAPI()

    async def handler(**given: Any) -> dict[str, int]:
        story.tell("handler")
        given["tasks"].add_task(story.task("first task"))
        given["tasks"].add_task(story.task("second task"))
        return {"n": 1}

    app.get("/")(signed(handler, story.scopes))
    client = await story.request(app)

    assert story.events == [
        *("enter function", "enter request", "handler"),
        "leave function",
        *("200", "last byte"),
        *("first task", "second task"),
        "leave request",
    ]
    assert client.received == b'{"n":1}'


@row("result")
@pytest.mark.parametrize("framework", BOTH)
async def test_a_result_is_validated_and_written_before_any_exit(framework: str) -> None:
    story = Story(framework)
    app = story.framework.FastAPI()

    class Flight(BaseModel):
        number: int

        @field_validator("number")
        @classmethod
        def _validated(cls, number: int) -> int:
            story.tell("validated")
            return number

        @field_serializer("number")
        def _written(self, number: int) -> int:
            story.tell("written")
            return number

    async def handler(**given: Any) -> Any:
        story.tell("handler")
        return {"number": 1}

    app.get("/", response_model=Flight)(signed(handler, story.scopes))
    await story.request(app)

    assert story.events[2:] == [
        *("handler", "validated", "written"),
        *("leave function", "200", "last byte", "leave request"),
    ]


@row("function-exit", "request-exit")
@pytest.mark.parametrize("framework", BOTH)
@pytest.mark.parametrize("scope", ["function", "request"])
async def test_what_was_entered_last_is_left_first(framework: str, scope: str) -> None:
    story = Story(framework)
    app = story.framework.FastAPI()
    parameters = {name: story.depends(story.tracked(name), scope=scope) for name in ("a", "b", "c")}

    async def handler(**given: Any) -> None: ...

    app.get("/")(signed(handler, parameters))
    await story.request(app)

    left = [event for event in story.events if event.startswith("leave")]
    assert left == ["leave c", "leave b", "leave a"]


@row("function-exit")
@pytest.mark.parametrize("framework", BOTH)
async def test_a_function_exit_may_still_add_tasks(framework: str) -> None:
    story = Story(framework)
    app = story.framework.FastAPI()
    adding = story.depends(story.tracked("adding", adds="added"), scope="function")

    async def handler(**given: Any) -> None: ...

    app.get("/")(signed(handler, {"adding": adding}))
    await story.request(app)

    assert story.events == ["enter adding", "leave adding", "200", "last byte", "added"]


@row("tasks")
async def test_tasks_run_in_order_those_of_the_returned_response_last() -> None:
    # FastAPI drops the injected tasks where the response has its own
    story = Story()
    app = story.framework.FastAPI()

    async def handler(**given: Any) -> Any:
        own = story.framework.BackgroundTasks()
        own.add_task(story.task("own"))
        given["tasks"].add_task(story.task("injected"))
        return story.responses.PlainTextResponse("x", background=own)

    app.get("/")(signed(handler, story.scopes))
    await story.request(app)

    assert story.events[2:] == [
        *("leave function", "200", "last byte", "injected", "own", "leave request")
    ]


@row("late-tasks")
async def test_tasks_that_an_exit_adds_run_when_all_exits_have_run() -> None:
    # FastAPI drops them
    story = Story()
    app = story.framework.FastAPI()
    parameters = {
        "a": story.depends(story.tracked("a")),
        "b": story.depends(story.tracked("b", adds="late")),
    }

    async def handler(**given: Any) -> None:
        story.tell("handler")

    app.get("/")(signed(handler, parameters))
    await story.request(app)

    assert story.events[2:] == [
        *("handler", "200", "last byte", "leave b", "leave a", "late"),
    ]


@row("files")
@pytest.mark.parametrize("framework", BOTH)
async def test_uploaded_files_are_open_for_tasks_and_exits_and_closed_at_the_end(
    framework: str,
) -> None:
    story = Story(framework)
    app = story.framework.FastAPI()
    kept: list[Any] = []

    async def reading(file: Any) -> AsyncIterator[None]:
        yield
        story.tell(f"exit reads {(await file.read()).decode()}")
        await file.seek(0)

    signed(reading, {"file": story.framework.UploadFile})

    async def handler(**given: Any) -> None:
        kept.append(given["file"])

        async def task() -> None:
            story.tell(f"task reads {(await given['file'].read()).decode()}")
            await given["file"].seek(0)

        given["tasks"].add_task(task)

    app.post("/", dependencies=[story.framework.Depends(reading)])(
        signed(handler, {"file": story.framework.UploadFile, **story.scopes})
    )
    await story.request(app, Client(story, body=FORM), method="POST", headers=MULTIPART)

    reads = [event for event in story.events if "reads" in event]
    assert reads == ["task reads UA,1545", "exit reads UA,1545"]
    assert kept[0].file.closed


@row("app-exit")
def test_values_of_the_application_are_made_once_and_closed_at_shutdown_last_made_first() -> None:
    story = Story()
    app = App()
    pool = story.depends(story.tracked("pool"), scope="app")
    cache = story.depends(story.tracked("cache", needs={"pool": pool}), scope="app")

    async def handler(**given: Any) -> str:
        story.tell("handler")
        return given["cache"]

    app.get("/")(signed(handler, {"cache": cache}))
    with TestClient(app) as client:
        client.get("/")
        client.get("/")
        story.tell("stopping")

    assert story.events == [
        *("enter pool", "enter cache", "handler", "handler", "stopping"),
        *("leave cache", "leave pool"),
    ]


@row("entry-threads")
def test_neighbouring_def_dependencies_and_a_def_handler_share_one_visit_to_a_thread() -> None:
    import threading

    app = App()
    seen: list[str] = []

    def first() -> None:
        seen.append(threading.current_thread().name)

    def second() -> None:
        seen.append(threading.current_thread().name)

    @app.get("/", dependencies=[Depends(first), Depends(second)])
    def handler() -> None:
        seen.append(threading.current_thread().name)

    TestClient(app).get("/")

    assert len(seen) == 3
    assert len(set(seen)) == 1
    assert seen[0] != threading.current_thread().name


@row("entry-threads")
@pytest.mark.parametrize("framework", BOTH)
async def test_def_and_async_dependencies_keep_their_order(framework: str) -> None:
    story = Story(framework)
    app = story.framework.FastAPI()
    parameters: dict[str, Annotated[Any, Any]] = {
        "a": story.depends(story.threaded("a")),
        "b": story.depends(story.tracked("b")),
        "c": story.depends(story.threaded("c")),
    }

    def handler(**given: Any) -> None:
        story.tell("handler")

    app.get("/")(signed(handler, parameters))
    await story.request(app)

    assert story.events == [
        *("enter a", "enter b", "enter c", "handler", "200", "last byte"),
        *("leave c", "leave b", "leave a"),
    ]
