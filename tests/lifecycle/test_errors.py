"""An error at each point: which exits see it, which reply results, whether tasks run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.lifecycle.rows import row
from tests.lifecycle.story import BOTH, Client, Story, signed
from trivium import App
from trivium.testing import TestClient


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


ENTERED = ["enter function", "enter request"]


def left(error: str) -> list[str]:
    """Both scopes see the error and are left."""
    return [
        *(f"function sees {error}", "leave function"),
        *(f"request sees {error}", "leave request"),
    ]


def failed(error: str) -> list[str]:
    """The reply of last resort, and the error in the server's log."""
    return ["500", "last byte", f"raised {error}"]


def app_with(story: Story, body: Any, **options: Any) -> Any:
    """An application whose handler promises a task and then does what ``body`` does."""
    app = story.framework.FastAPI()

    async def handler(**given: Any) -> Any:
        given["tasks"].add_task(story.task("task"))
        return body()

    app.get("/", **options)(signed(handler, story.scopes))
    return app


def raising(error: Exception) -> Any:
    def body() -> None:
        raise error

    return body


@row("error-entry")
@pytest.mark.parametrize("framework", BOTH)
@pytest.mark.parametrize("scope", ["function", "request"])
async def test_an_error_on_entry_is_seen_by_what_was_entered_before(
    framework: str, scope: str
) -> None:
    story = Story(framework)
    app = story.framework.FastAPI()
    broken = story.tracked("broken", entry=ValueError())

    async def handler(**given: Any) -> None:
        story.tell("handler")

    parameters = {**story.scopes, "x": story.depends(broken, scope=scope)}
    app.get("/")(signed(handler, parameters))
    await story.request(app)

    assert story.events == [
        *ENTERED,
        "enter broken",
        *left("ValueError"),
        *failed("ValueError"),
    ]


@row("error-request")
@pytest.mark.parametrize("framework", BOTH)
async def test_a_request_that_does_not_fit_is_refused_after_everything_was_left(
    framework: str,
) -> None:
    story = Story(framework)
    app = story.framework.FastAPI()

    async def handler(**given: Any) -> None:
        story.tell("handler")

    app.get("/")(signed(handler, {"number": int, **story.scopes}))
    await story.request(app)

    assert story.events == [*ENTERED, *left("RequestValidationError"), "422", "last byte"]


@row("error-handler")
@pytest.mark.parametrize("framework", BOTH)
@pytest.mark.parametrize("kind", ["async def", "def"])
async def test_an_error_of_the_handler_is_seen_by_all_then_answered_and_raised(
    framework: str, kind: str
) -> None:
    story = Story(framework)
    app = story.framework.FastAPI()

    async def asynchronous(**given: Any) -> None:
        given["tasks"].add_task(story.task("task"))
        raise ValueError

    def threaded(**given: Any) -> None:
        given["tasks"].add_task(story.task("task"))
        raise ValueError

    handler = asynchronous if kind == "async def" else threaded
    app.get("/")(signed(handler, story.scopes))
    await story.request(app)

    assert story.events == [*ENTERED, *left("ValueError"), *failed("ValueError")]


@row("error-http")
@pytest.mark.parametrize("framework", BOTH)
async def test_an_http_exception_is_seen_by_all_then_answered_and_promises_nothing(
    framework: str,
) -> None:
    story = Story(framework)

    await story.request(app_with(story, raising(story.http_error(409))))

    assert story.events == [*ENTERED, *left("HTTPException"), "409", "last byte"]


@row("error-http")
@pytest.mark.parametrize("framework", BOTH)
async def test_an_exit_may_turn_an_error_into_a_reply_and_those_outside_see_the_new_one(
    framework: str,
) -> None:
    story = Story(framework)
    app = story.framework.FastAPI()
    turning = story.tracked("turning", exit=story.http_error(404))
    parameters = {"outer": story.depends(story.tracked("outer")), "t": story.depends(turning)}

    async def handler(**given: Any) -> None:
        raise ValueError

    app.get("/")(signed(handler, parameters))
    await story.request(app)

    assert story.events[2:] == [
        *("turning sees ValueError", "leave turning"),
        *("outer sees HTTPException", "leave outer"),
        *("404", "last byte"),
    ]


@row("error-result")
@pytest.mark.parametrize("framework", BOTH)
async def test_a_result_that_does_not_fit_is_an_error_of_the_handler(framework: str) -> None:
    story = Story(framework)

    await story.request(app_with(story, lambda: "no number", response_model=int))

    assert story.events == [
        *ENTERED,
        *left("ResponseValidationError"),
        *failed("ResponseValidationError"),
    ]


@row("error-function-exit")
@pytest.mark.parametrize("framework", BOTH)
async def test_an_error_of_a_function_exit_takes_the_place_of_the_reply(framework: str) -> None:
    story = Story(framework)
    app = story.framework.FastAPI()
    broken = story.tracked("broken", exit=ValueError())

    async def handler(**given: Any) -> str:
        given["tasks"].add_task(story.task("task"))
        story.tell("handler")
        return "never seen"

    parameters = {**story.scopes, "x": story.depends(broken, scope="function")}
    app.get("/")(signed(handler, parameters))
    client = await story.request(app)

    assert story.events == [
        *ENTERED,
        *("enter broken", "handler", "leave broken"),
        *left("ValueError"),
        *failed("ValueError"),
    ]
    assert b"never seen" not in client.received


@row("error-swallowed")
@pytest.mark.parametrize("framework", BOTH)
@pytest.mark.parametrize("scope", ["function", "request"])
async def test_an_exit_that_swallows_an_error_leaves_a_request_without_a_reply(
    framework: str, scope: str
) -> None:
    story = Story(framework)
    app = story.framework.FastAPI()
    swallowing = story.tracked("swallowing", swallows=True)

    async def handler(**given: Any) -> None:
        given["tasks"].add_task(story.task("task"))
        raise ValueError

    parameters = {
        "tasks": story.framework.BackgroundTasks,
        "x": story.depends(swallowing, scope=scope),
    }
    app.get("/")(signed(handler, parameters))
    await story.request(app)

    assert story.events[:4] == [
        *("enter swallowing", "swallowing sees ValueError", "leave swallowing", "500")
    ]
    assert "task" not in story.events


@row("error-stream")
@pytest.mark.parametrize("framework", BOTH)
async def test_a_stream_that_fails_breaks_off_and_the_request_scope_sees_it(
    framework: str,
) -> None:
    story = Story(framework)
    app = story.framework.FastAPI()

    async def handler(**given: Any) -> AsyncIterator[int]:
        given["tasks"].add_task(story.task("task"))
        yield 1
        raise ValueError

    app.get("/")(signed(handler, story.scopes))
    await story.request(app)

    assert story.events == [
        *ENTERED,
        "leave function",
        *("200", "chunk"),
        *("request sees ValueError", "leave request", "raised ValueError"),
    ]


@row("error-stream")
@pytest.mark.parametrize("framework", BOTH)
async def test_an_error_with_a_handler_of_its_own_cannot_be_answered_in_a_stream(
    framework: str,
) -> None:
    story = Story(framework)
    app = story.framework.FastAPI()

    async def handler() -> AsyncIterator[int]:
        yield 1
        raise story.http_error(409)

    app.get("/")(handler)
    await story.request(app)

    assert story.events == ["200", "chunk", "raised RuntimeError"]


@row("error-request-exit")
@pytest.mark.parametrize("framework", BOTH)
async def test_an_error_of_a_request_exit_comes_too_late_for_the_reply(framework: str) -> None:
    story = Story(framework)
    app = story.framework.FastAPI()
    parameters = {
        "outer": story.depends(story.tracked("outer")),
        "broken": story.depends(story.tracked("broken", exit=ValueError())),
        "tasks": story.framework.BackgroundTasks,
    }

    async def handler(**given: Any) -> None:
        given["tasks"].add_task(story.task("task"))

    app.get("/")(signed(handler, parameters))
    await story.request(app)

    assert story.events[2:] == [
        *("200", "last byte", "task", "leave broken"),
        *("outer sees ValueError", "leave outer", "raised ValueError"),
    ]


@row("error-late-task")
async def test_an_error_of_a_task_that_an_exit_added_is_raised_after_all_of_them() -> None:
    story = Story()
    app = story.framework.FastAPI()

    async def adding(tasks: Any) -> AsyncIterator[None]:
        yield
        tasks.add_task(story.task("late task", ValueError()))
        tasks.add_task(story.task("later task"))

    signed(adding, {"tasks": story.framework.BackgroundTasks})

    @app.get("/", dependencies=[story.framework.Depends(adding)])
    async def handler() -> None: ...

    await story.request(app)

    assert story.events == ["200", "last byte", "late task", "later task", "raised ValueError"]


@row("error-exception-handler")
@pytest.mark.parametrize("framework", BOTH)
async def test_an_error_of_an_exception_handler_is_the_one_that_is_raised(framework: str) -> None:
    story = Story(framework)
    app = app_with(story, raising(ZeroDivisionError()))

    @app.exception_handler(ZeroDivisionError)
    async def answer(request: Any, error: Exception) -> None:
        story.tell("exception handler")
        raise KeyError

    await story.request(app)

    assert story.events == [
        *ENTERED,
        *left("ZeroDivisionError"),
        "exception handler",
        *failed("KeyError"),
    ]


@row("error-app")
def test_a_value_of_the_application_that_cannot_be_made_fails_the_request_and_is_tried_again() -> (
    None
):
    story = Story()
    app = App()
    attempts: list[int] = []

    async def pool() -> AsyncIterator[str]:
        attempts.append(1)
        if len(attempts) == 1:
            raise ConnectionError
        yield "pool"
        story.tell("leave pool")

    async def handler(**given: Any) -> str:
        return given["pool"]

    parameters = {"r": story.scopes["r"], "pool": story.depends(pool, scope="app")}
    app.get("/")(signed(handler, parameters))
    with TestClient(app, raise_server_exceptions=False) as client:
        assert client.get("/").status_code == 500
        assert client.get("/").json() == "pool"

    assert story.events == [
        *("enter request", "request sees ConnectionError", "leave request"),
        *("enter request", "leave request", "leave pool"),
    ]


@row("error-app")
def test_a_value_of_the_application_that_cannot_be_closed_does_not_keep_others_open() -> None:
    story = Story()
    app = App()
    pool = story.tracked("pool")
    broken = story.tracked("broken", exit=ValueError("cannot be closed"))

    async def handler(**given: Any) -> None: ...

    parameters = {
        "pool": story.depends(pool, scope="app"),
        "broken": story.depends(broken, scope="app"),
    }
    app.get("/")(signed(handler, parameters))
    client = TestClient(app)

    def use() -> None:
        with client:
            client.get("/")

    with pytest.raises(ValueError, match="cannot be closed"):
        use()
    assert story.events[2:] == ["leave broken", "pool sees ValueError", "leave pool"]


@row("kind-exception-handler")
@pytest.mark.parametrize("framework", BOTH)
async def test_an_error_reply_is_made_after_all_exits_while_uploaded_files_are_open(
    framework: str,
) -> None:
    story = Story(framework)
    app = story.framework.FastAPI()
    kept: list[Any] = []

    @app.exception_handler(ZeroDivisionError)
    async def answer(request: Any, error: Exception) -> Any:
        story.tell(f"closed: {kept[0].file.closed}")
        return story.responses.PlainTextResponse("sorry", 503)

    async def handler(**given: Any) -> None:
        kept.append(given["file"])
        raise ZeroDivisionError

    app.post("/")(signed(handler, {"file": story.framework.UploadFile, **story.scopes}))
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n1\r\n--x--\r\n'
    headers = [(b"content-type", b"multipart/form-data; boundary=x")]
    await story.request(app, Client(story, body=body), method="POST", headers=headers)

    assert story.events[2:] == [
        *left("ZeroDivisionError"),
        *("closed: False", "503", "last byte"),
    ]
    assert kept[0].file.closed
