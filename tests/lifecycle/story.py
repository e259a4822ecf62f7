"""What happens to one request, told by everything that takes part in it.

A program is written once and runs on Trivium and, where a row says so, on FastAPI as well::

    story = Story("trivium.fastapi")
    app.get("/")(handler)
    await story.request(app)
    assert story.events == [...]
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator, Callable, Iterator, MutableMapping
from inspect import Parameter, Signature, signature
from types import ModuleType
from typing import Annotated, Any

Message = MutableMapping[str, Any]

TRIVIUM = "trivium.fastapi"
FASTAPI = "fastapi"
BOTH = (TRIVIUM, FASTAPI)


class Story:
    """One application's events, in order."""

    def __init__(self, framework: str = TRIVIUM) -> None:
        self.framework: ModuleType = importlib.import_module(framework)
        self.responses: ModuleType = importlib.import_module(f"{framework}.responses")
        self.events: list[str] = []
        self._hooks: dict[str, Callable[[], None]] = {}

    def tell(self, event: str) -> None:
        """Notes an event; what waits for it is called before the program goes on."""
        self.events.append(event)
        if (hook := self._hooks.get(event)) is not None:
            hook()

    def at(self, event: str, hook: Callable[[], None]) -> None:
        """Has ``hook`` called when the event is told."""
        self._hooks[event] = hook

    # What takes part

    def depends(self, call: Callable[..., Any], **options: Any) -> Any:
        """An annotation: the value of a dependency."""
        return Annotated[Any, self.framework.Depends(call, **options)]

    def tracked(
        self,
        name: str,
        *,
        entry: Exception | None = None,
        exit: Exception | None = None,
        needs: dict[str, Any] | None = None,
        swallows: bool = False,
        adds: str | None = None,
    ) -> Callable[..., AsyncIterator[str]]:
        """A `yield` dependency that tells when it is entered, what it sees and when it is left.

        entry, exit: raised there.
        needs: its own dependencies, by parameter.
        adds: the name of a background task that its exit adds.
        """

        async def dependency(**given: Any) -> AsyncIterator[str]:
            self.tell(f"enter {name}")
            if entry is not None:
                raise entry
            try:
                yield name
            except BaseException as error:
                self.tell(f"{name} sees {type(error).__name__}")
                if not swallows:
                    raise
            finally:
                self.tell(f"leave {name}")
                if adds is not None:
                    given["tasks"].add_task(self.task(adds))
                if exit is not None:
                    raise exit

        parameters = dict(needs or {})
        if adds is not None:
            parameters["tasks"] = self.framework.BackgroundTasks
        return signed(dependency, parameters)

    def threaded(self, name: str) -> Callable[..., Iterator[str]]:
        """As ``tracked``, for a dependency that is a plain `def` generator."""

        def dependency() -> Iterator[str]:
            self.tell(f"enter {name}")
            try:
                yield name
            except BaseException as error:
                self.tell(f"{name} sees {type(error).__name__}")
                raise
            finally:
                self.tell(f"leave {name}")

        return dependency

    def task(self, name: str, error: Exception | None = None) -> Callable[[], Any]:
        """A background task that tells when it runs, and may fail."""

        async def work() -> None:
            self.tell(name)
            if error is not None:
                raise error

        return work

    @property
    def scopes(self) -> dict[str, Any]:
        """Parameters: one dependency of each scope, and the background tasks."""
        return {
            "f": self.depends(self.tracked("function"), scope="function"),
            "r": self.depends(self.tracked("request")),
            "tasks": self.framework.BackgroundTasks,
        }

    def http_error(self, status: int = 409) -> Exception:
        error: Exception = self.framework.HTTPException(status)
        return error

    # What happens

    async def request(self, app: Any, client: Client | None = None, **scope: Any) -> Client:
        """Sends one request; what leaves the application is told as ``raised ...``."""
        client = client or Client(self)
        kind = scope.get("type", "http")
        full = {
            "type": kind,
            "asgi": {"version": "3.0", "spec_version": client.spec},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": "/",
            "raw_path": b"/",
            "root_path": "",
            "query_string": b"",
            "headers": [(b"host", b"test")],
            "client": ("test", 1),
            "server": ("test", 80),
            "state": {},
            **scope,
        }
        client.begin()
        try:
            await app(full, client.receive, client.send)
        except Exception as error:
            self.tell(f"raised {type(error).__name__}")
        return client


class Client:
    """The far end of one request, which may go away.

    spec: the version of ASGI that the server speaks: before 2.4, sending to a client that has
        gone is silent; from 2.4 on it raises an OSError.
    stalls: sends only the first part of its body, and no more before it goes away.
    """

    def __init__(
        self, story: Story, *, body: bytes = b"", spec: str = "2.3", stalls: bool = False
    ) -> None:
        self.story = story
        self.spec = spec
        self.received = b""
        self._body = body
        self._stalls = stalls
        self._sent = False
        self._gone = asyncio.Event()
        self._streams = False

    def begin(self) -> None:
        self._loop = asyncio.get_running_loop()

    def leaves_at(self, event: str) -> Client:
        """Goes away when the event is told, by a coroutine or in a worker thread."""
        self.story.at(event, self.leave)
        return self

    def leave(self) -> None:
        self.is_gone = True
        self._loop.call_soon_threadsafe(self._gone.set)

    is_gone = False

    async def receive(self) -> Message:
        if not self._sent:
            self._sent = True
            return {"type": "http.request", "body": self._body, "more_body": self._stalls}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if self.is_gone:
            if self.spec >= "2.4":
                raise OSError("the client has gone")
            # where a real server would write, and notice
            await asyncio.sleep(0)
            return
        if message["type"] == "http.response.start":
            self.headers = dict(message["headers"])
            self.story.tell(str(message["status"]))
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        self.received += body
        self._streams = self._streams or more
        if body and self._streams:
            self.story.tell("chunk")
        if not more:
            self.story.tell("last byte")


def signed(function: Any, parameters: dict[str, Any]) -> Any:
    """A function declared with these parameters; ``**given`` stands for those it does not name."""
    parameters = dict(parameters)
    own = [
        parameter.replace(annotation=parameters.pop(parameter.name, parameter.annotation))
        for parameter in signature(function).parameters.values()
        if parameter.kind is not parameter.VAR_KEYWORD
    ]
    given = [
        Parameter(name, Parameter.KEYWORD_ONLY, annotation=annotation)
        for name, annotation in parameters.items()
    ]
    function.__signature__ = Signature([*own, *given])
    return function
