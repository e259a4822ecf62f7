"""When dependencies are left, told by what a client and the dependencies see: frozen.

The rows marked `FASTAPI_TOO` hold for the real FastAPI 0.165 as well, which the test proves by
running them there. The others are where a task or an error is lost in FastAPI.
"""

import importlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Annotated, Any

import pytest

from bench.harness.asgi import Call, Message, Wire

BOTH = ("trivium.fastapi", "fastapi")
OURS = ("trivium.fastapi",)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Story:
    """An application's parts, and what happened in order."""

    framework: ModuleType
    events: list[str]

    def tell(self, event: str) -> None:
        self.events.append(event)

    def tracked(self, name: str) -> Callable[[], AsyncIterator[str]]:
        """A `yield` dependency that tells when it is entered, what it sees, and when it is left."""

        async def dependency() -> AsyncIterator[str]:
            self.tell(f"enter {name}")
            try:
                yield name
            except BaseException as error:
                self.tell(f"{name} sees {type(error).__name__}")
                raise
            finally:
                self.tell(f"leave {name}")

        return dependency

    def task(self, name: str) -> Callable[[], Any]:
        async def work() -> None:
            self.tell(name)

        return work


Program = Callable[[Story, Any], None]


def _parameters(story: Story) -> tuple[Any, Any]:
    depends = story.framework.Depends
    function = Annotated[str, depends(story.tracked("function"), scope="function")]
    return function, Annotated[str, depends(story.tracked("request"))]


def _annotate(story: Story, handler: Any, function: Any, request: Any) -> None:
    tasks = story.framework.BackgroundTasks
    handler.__annotations__ = {"f": function, "r": request, "tasks": tasks}


def plain(story: Story, app: Any) -> None:
    function, request = _parameters(story)

    async def handler(f: Any, r: Any, tasks: Any) -> dict[str, int]:
        tasks.add_task(story.task("task"))
        story.tell("handler")
        return {"n": 1}

    handler.__annotations__ = {
        "f": function,
        "r": request,
        "tasks": story.framework.BackgroundTasks,
    }
    app.get("/")(handler)


def threaded(story: Story, app: Any) -> None:
    function, request = _parameters(story)

    def handler(f: Any, r: Any, tasks: Any) -> dict[str, int]:
        tasks.add_task(story.task("task"))
        story.tell("handler")
        return {"n": 1}

    handler.__annotations__ = {
        "f": function,
        "r": request,
        "tasks": story.framework.BackgroundTasks,
    }
    app.get("/")(handler)


def streaming(story: Story, app: Any) -> None:
    function, request = _parameters(story)
    responses = importlib.import_module(f"{story.framework.__name__}.responses")

    async def handler(f: Any, r: Any, tasks: Any) -> Any:
        tasks.add_task(story.task("task"))
        story.tell("handler")

        async def chunks() -> AsyncIterator[bytes]:
            for number in range(2):
                story.tell(f"make {number}")
                yield b"x"

        return responses.StreamingResponse(chunks())

    handler.__annotations__ = {
        "f": function,
        "r": request,
        "tasks": story.framework.BackgroundTasks,
    }
    app.get("/")(handler)


def yielding(story: Story, app: Any) -> None:
    function, request = _parameters(story)

    async def handler(f: Any, r: Any, tasks: Any) -> AsyncIterator[dict[str, int]]:
        tasks.add_task(story.task("task"))
        story.tell("handler")
        yield {"n": 1}
        story.tell("between")
        yield {"n": 2}

    handler.__annotations__ = {
        "f": function,
        "r": request,
        "tasks": story.framework.BackgroundTasks,
    }
    app.get("/")(handler)


def _raising(make: Callable[[Story], Exception]) -> Program:
    def program(story: Story, app: Any) -> None:
        function, request = _parameters(story)

        async def handler(f: Any, r: Any) -> None:
            story.tell("handler")
            raise make(story)

        handler.__annotations__ = {"f": function, "r": request}
        app.get("/")(handler)

    return program


def wrong_response(story: Story, app: Any) -> None:
    function, request = _parameters(story)

    async def handler(f: Any, r: Any) -> Any:
        story.tell("handler")
        return "no number"

    handler.__annotations__ = {"f": function, "r": request}
    app.get("/", response_model=int)(handler)


def wrong_request(story: Story, app: Any) -> None:
    function, request = _parameters(story)

    async def handler(n: int, f: Any, r: Any) -> None:
        story.tell("handler")

    handler.__annotations__ = {"n": int, "f": function, "r": request}
    app.get("/")(handler)


def _failing(where: str, scope: str) -> Program:
    def program(story: Story, app: Any) -> None:
        depends = story.framework.Depends
        request = Annotated[str, depends(story.tracked("request"))]

        async def failing(r: Any) -> AsyncIterator[None]:
            story.tell("enter failing")
            if where == "enter":
                raise ValueError("at the entry")
            yield
            story.tell("leave failing")
            raise ValueError("at the exit")

        failing.__annotations__ = {"r": request}

        async def handler(r: Any, x: Any, tasks: Any) -> int:
            tasks.add_task(story.task("task"))
            story.tell("handler")
            return 1

        handler.__annotations__ = {
            "r": request,
            "x": Annotated[None, depends(failing, scope=scope)],
            "tasks": story.framework.BackgroundTasks,
        }
        app.get("/")(handler)

    return program


def _late_task(scope: str) -> Program:
    def program(story: Story, app: Any) -> None:
        async def late(tasks: Any) -> AsyncIterator[None]:
            yield
            story.tell("leave late")
            tasks.add_task(story.task("late task"))

        late.__annotations__ = {"tasks": story.framework.BackgroundTasks}

        @app.get("/", dependencies=[story.framework.Depends(late, scope=scope)])
        async def handler() -> int:
            story.tell("handler")
            return 1

    return program


def failing_task(story: Story, app: Any) -> None:
    request = Annotated[str, story.framework.Depends(story.tracked("request"))]

    async def broken() -> None:
        story.tell("broken task")
        raise ValueError("in a task")

    async def handler(r: Any, tasks: Any) -> int:
        tasks.add_task(broken)
        tasks.add_task(story.task("second task"))
        story.tell("handler")
        return 1

    handler.__annotations__ = {"r": request, "tasks": story.framework.BackgroundTasks}
    app.get("/")(handler)


ENTERED = ["enter function", "enter request", "handler"]


def left_after(error: str) -> list[str]:
    return [
        f"function sees {error}",
        "leave function",
        f"request sees {error}",
        "leave request",
    ]


ROWS = [
    pytest.param(
        plain,
        [*ENTERED, "leave function", "200", "last byte", "task", "leave request"],
        BOTH,
        id="a reply: function scope, reply, background, request scope",
    ),
    pytest.param(
        threaded,
        [*ENTERED, "leave function", "200", "last byte", "task", "leave request"],
        BOTH,
        id="a reply of a def handler: the same",
    ),
    pytest.param(
        streaming,
        [
            *ENTERED,
            "leave function",
            "200",
            *("make 0", "chunk", "make 1", "chunk", "last byte"),
            "task",
            "leave request",
        ],
        BOTH,
        id="a stream: request scope is open while it is sent",
    ),
    pytest.param(
        yielding,
        [
            *("enter function", "enter request", "leave function", "200"),
            *("handler", "chunk", "between", "chunk", "last byte"),
            "task",
            "leave request",
        ],
        BOTH,
        id="a yield handler: request scope is open while it runs",
    ),
    pytest.param(
        _raising(lambda story: ValueError("broken")),
        [*ENTERED, *left_after("ValueError"), "500", "last byte", "raised ValueError"],
        BOTH,
        id="an error: every scope sees it, then the 500",
    ),
    pytest.param(
        _raising(lambda story: story.framework.HTTPException(409)),
        [*ENTERED, *left_after("HTTPException"), "409", "last byte"],
        BOTH,
        id="an HTTPException: every scope sees it, then the reply",
    ),
    pytest.param(
        wrong_response,
        [
            *ENTERED,
            *left_after("ResponseValidationError"),
            *("500", "last byte", "raised ResponseValidationError"),
        ],
        BOTH,
        id="an invalid result: as an error",
    ),
    pytest.param(
        wrong_request,
        [
            *("enter function", "enter request"),
            *left_after("RequestValidationError"),
            *("422", "last byte"),
        ],
        BOTH,
        id="an invalid request: what was entered is left",
    ),
    pytest.param(
        _failing("enter", "request"),
        [
            *("enter request", "enter failing", "request sees ValueError", "leave request"),
            *("500", "last byte", "raised ValueError"),
        ],
        BOTH,
        id="an error on entry: what was entered before is left",
    ),
    pytest.param(
        _failing("exit", "function"),
        [
            *("enter request", "enter failing", "handler", "leave failing"),
            *("request sees ValueError", "leave request"),
            *("500", "last byte", "raised ValueError"),
        ],
        BOTH,
        id="an error on leaving the function scope: still a 500",
    ),
    pytest.param(
        _failing("exit", "request"),
        [
            *("enter request", "enter failing", "handler", "200", "last byte", "task"),
            *("leave failing", "request sees ValueError", "leave request", "raised ValueError"),
        ],
        BOTH,
        id="an error on leaving the request scope: the reply is out already",
    ),
    pytest.param(
        _late_task("function"),
        ["handler", "leave late", "200", "last byte", "late task"],
        BOTH,
        id="a task added on leaving the function scope: it runs",
    ),
    pytest.param(
        _late_task("request"),
        ["handler", "200", "last byte", "leave late", "late task"],
        OURS,
        id="a task added on leaving the request scope: it runs",
    ),
    pytest.param(
        failing_task,
        [
            *("enter request", "handler", "200", "last byte", "broken task", "second task"),
            *("request sees ValueError", "leave request", "raised ValueError"),
        ],
        OURS,
        id="a task that fails: the next one runs",
    ),
]


@pytest.mark.parametrize(
    ("program", "expected", "framework"),
    [
        pytest.param(program, expected, name, id=f"{row.id} [{name}]")
        for row in ROWS
        for program, expected, names in [row.values]
        for name in names  # type: ignore[union-attr]  # the third value of a row
    ],
)
async def test_the_order_of_teardown_is_frozen(
    program: Program, expected: list[str], framework: str
) -> None:
    story = Story(importlib.import_module(framework), [])
    app = story.framework.FastAPI()
    program(story, app)
    wire = Wire(b"")

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            story.tell(str(message["status"]))
            return
        if message.get("body") and (message.get("more_body") or "chunk" in story.events):
            story.tell("chunk")
        if not message.get("more_body"):
            story.tell("last byte")

    try:
        await app(Call("/").scope(), wire.receive, send)
    except Exception as error:
        story.tell(f"raised {type(error).__name__}")

    assert story.events == expected
