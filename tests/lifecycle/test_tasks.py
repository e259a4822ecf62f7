"""No background task that a reply has promised is ever lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.background import BackgroundTask
from starlette.background import BackgroundTasks as StarletteBackgroundTasks
from starlette.requests import Request

from tests.lifecycle.rows import row
from tests.lifecycle.story import BOTH, Client, Story, signed


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def promising(story: Story, **options: Any) -> Any:
    """An application whose reply promises two tasks, with a request scope around."""
    app = story.framework.FastAPI()

    async def handler(**given: Any) -> str:
        story.tell("handler")
        given["tasks"].add_task(story.task("first task", options.get("first")))
        given["tasks"].add_task(story.task("second task", options.get("second")))
        return "promised"

    parameters = {
        "r": story.depends(story.tracked("request", adds=options.get("adds"))),
        "tasks": story.framework.BackgroundTasks,
    }
    app.get("/")(signed(handler, parameters))
    return app


@row("error-task")
async def test_a_task_that_fails_does_not_keep_the_next_one_from_running() -> None:
    # FastAPI gives up after the first
    story = Story()

    await story.request(promising(story, first=ValueError(), adds="late task"))

    assert story.events == [
        *("enter request", "handler", "200", "last byte", "first task", "second task"),
        *("request sees ValueError", "leave request", "late task", "raised ValueError"),
    ]


@row("error-task")
async def test_the_errors_of_several_tasks_are_raised_together() -> None:
    story = Story()

    await story.request(promising(story, first=ValueError(), second=KeyError()))

    assert story.events[-3:] == [
        "request sees ExceptionGroup",
        "leave request",
        "raised ExceptionGroup",
    ]


@row("error-task")
@pytest.mark.parametrize("framework", BOTH)
async def test_a_task_that_fails_leaves_the_reply_as_it_was(framework: str) -> None:
    story = Story(framework)

    client = await story.request(promising(story, second=ValueError()))

    assert client.received == b'"promised"'
    assert story.events[2:6] == ["200", "last byte", "first task", "second task"]
    assert story.events[-1] == "raised ValueError"


@row("gone-handler", "gone-reply")
@pytest.mark.parametrize("framework", BOTH)
async def test_tasks_run_when_the_client_has_gone_before_the_reply(framework: str) -> None:
    story = Story(framework)

    await story.request(promising(story), Client(story).leaves_at("handler"))

    assert story.events == [
        *("enter request", "handler", "first task", "second task", "leave request")
    ]


@row("gone-reply")
async def test_tasks_run_where_the_server_says_that_the_client_has_gone() -> None:
    # FastAPI loses them on such a server
    story = Story()
    client = Client(story, spec="2.4").leaves_at("handler")

    await story.request(promising(story, adds="late task"), client)

    assert story.events == [
        *("enter request", "handler", "first task", "second task"),
        *("request sees OSError", "leave request", "late task", "raised OSError"),
    ]


@row("gone-reply", "kind-response")
@pytest.mark.parametrize("spec", ["2.3", "2.4"])
async def test_the_tasks_of_a_returned_response_run_when_the_client_has_gone(spec: str) -> None:
    story = Story()
    app = story.framework.FastAPI()

    @app.get("/")
    async def handler() -> Any:
        story.tell("handler")
        own = BackgroundTask(story.task("own task"))
        return story.responses.PlainTextResponse("x", background=own)

    await story.request(app, Client(story, spec=spec).leaves_at("handler"))

    assert story.events[:2] == ["handler", "own task"]


@row("kind-response")
@pytest.mark.parametrize("tasks_class", ["Starlette's", "Trivium's"])
async def test_every_task_of_a_returned_response_runs_each_time_it_is_returned(
    tasks_class: str,
) -> None:
    story = Story()
    app = story.framework.FastAPI()
    own = (
        StarletteBackgroundTasks()
        if tasks_class == "Starlette's"
        else story.framework.BackgroundTasks()
    )

    async def first() -> None:
        story.tell("first")
        raise ValueError

    async def second() -> None:
        story.tell("second")

    own.add_task(first)
    own.add_task(second)
    shared = story.responses.PlainTextResponse("x", background=own)

    async def handler(**given: Any) -> Any:
        given["tasks"].add_task(story.task("injected"))
        return shared

    app.get("/")(signed(handler, {"tasks": story.framework.BackgroundTasks}))
    await story.request(app)
    await story.request(app)

    assert story.events == 2 * [
        *("200", "last byte", "injected", "first", "second", "raised ValueError")
    ]


@row("late-tasks", "error-request-exit")
async def test_what_one_exit_added_runs_although_another_exit_failed() -> None:
    story = Story()
    app = story.framework.FastAPI()
    parameters = {
        "outer": story.depends(story.tracked("outer", exit=KeyError())),
        "inner": story.depends(story.tracked("inner", adds="late task")),
    }

    async def handler(**given: Any) -> None:
        story.tell("handler")

    app.get("/")(signed(handler, parameters))
    await story.request(app)

    assert story.events[2:] == [
        *("handler", "200", "last byte", "leave inner", "leave outer"),
        *("late task", "raised KeyError"),
    ]


@row("late-tasks")
async def test_a_task_may_add_another_one() -> None:
    story = Story()
    app = story.framework.FastAPI()

    async def handler(**given: Any) -> None:
        async def task() -> None:
            story.tell("task")
            given["tasks"].add_task(story.task("task of the task"))

        given["tasks"].add_task(task)

    app.get("/")(signed(handler, {"tasks": story.framework.BackgroundTasks}))
    await story.request(app)

    assert story.events == ["200", "last byte", "task", "task of the task"]


@row("kind-custom-route")
@pytest.mark.parametrize("replaces", [False, True])
async def test_a_route_class_that_answers_itself_does_not_lose_the_tasks(replaces: bool) -> None:
    story = Story()
    routing = __import__("trivium.fastapi.routing", fromlist=["APIRoute"])

    class Replacing(routing.APIRoute):  # type: ignore[misc, name-defined]  # of either framework
        def get_route_handler(self) -> Any:
            original = super().get_route_handler()

            async def handle(request: Request) -> Any:
                response = await original(request)
                if replaces:
                    return story.responses.PlainTextResponse("instead")
                response.background = BackgroundTask(story.task("of the class"))
                return response

            return handle

    app = story.framework.FastAPI()
    app.router.route_class = Replacing

    async def handler(**given: Any) -> str:
        given["tasks"].add_task(story.task("injected"))
        return "x"

    app.get("/")(signed(handler, {"tasks": story.framework.BackgroundTasks}))
    await story.request(app)

    expected = ["200", "last byte", "injected"]
    assert story.events == (expected if replaces else [*expected, "of the class"])


@row("error-http", "kind-exception-handler")
@pytest.mark.parametrize("framework", BOTH)
async def test_a_failed_request_has_promised_nothing_but_its_error_reply_may(
    framework: str,
) -> None:
    story = Story(framework)
    app = story.framework.FastAPI()

    @app.exception_handler(ZeroDivisionError)
    async def answer(request: Any, error: Exception) -> Any:
        own = BackgroundTask(story.task("of the error reply"))
        return story.responses.PlainTextResponse("sorry", 503, background=own)

    async def handler(**given: Any) -> None:
        given["tasks"].add_task(story.task("of the handler"))
        raise ZeroDivisionError

    app.get("/")(signed(handler, {"tasks": story.framework.BackgroundTasks}))
    await story.request(app)

    assert story.events == ["503", "last byte", "of the error reply"]


@row("kind-exception-handler", "gone-reply")
async def test_the_tasks_of_an_error_reply_run_when_the_client_has_gone() -> None:
    story = Story()
    app = story.framework.FastAPI()

    @app.exception_handler(ZeroDivisionError)
    async def answer(request: Any, error: Exception) -> Any:
        own = BackgroundTask(story.task("of the error reply"))
        return story.responses.PlainTextResponse("sorry", 503, background=own)

    @app.get("/")
    async def handler() -> None:
        story.tell("handler")
        raise ZeroDivisionError

    await story.request(app, Client(story, spec="2.4").leaves_at("handler"))

    assert story.events[:2] == ["handler", "of the error reply"]


@row("error-stream")
@pytest.mark.parametrize("framework", BOTH)
async def test_a_stream_that_breaks_off_has_promised_nothing(framework: str) -> None:
    story = Story(framework)
    app = story.framework.FastAPI()

    async def handler(**given: Any) -> AsyncIterator[int]:
        given["tasks"].add_task(story.task("task"))
        yield 1
        raise OSError("the disk is full")

    app.get("/")(signed(handler, story.scopes))
    await story.request(app)

    assert "task" not in story.events
    assert story.events[-3:] == ["request sees OSError", "leave request", "raised OSError"]


@row("error-stream")
@pytest.mark.parametrize("spec", ["2.3", "2.4"])
async def test_a_stream_that_fails_with_an_oserror_is_not_taken_for_a_lost_client(
    spec: str,
) -> None:
    story = Story()
    app = story.framework.FastAPI()

    async def handler(**given: Any) -> AsyncIterator[int]:
        given["tasks"].add_task(story.task("task"))
        yield 1
        raise FileNotFoundError

    app.get("/")(signed(handler, story.scopes))
    await story.request(app, Client(story, spec=spec))

    assert "task" not in story.events
    assert story.events[-1] == "raised FileNotFoundError"
