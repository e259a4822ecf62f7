"""An app's lifespan, run by an asynchronous test client."""

import math
from typing import Any

import anyio
from starlette.types import ASGIApp, Message

from trivium.testing.host import TaskHost


class AppLifespan:
    """The lifespan of `app`, in one task of `host` from start-up to shutdown.

    state: what the app's lifespan gives to its requests; each request gets a copy.
    """

    def __init__(self, app: ASGIApp, host: TaskHost) -> None:
        self.state: dict[str, Any] = {}
        self._app = app
        self._host = host

    async def start_up(self) -> None:
        """Start the app. Raises what the app raised when it could not start."""
        self._to_app, self._app_receives = anyio.create_memory_object_stream[Message](math.inf)
        self._app_sends, self._from_app = anyio.create_memory_object_stream[Message](math.inf)
        self._error: BaseException | None = None
        self._host.tasks.start_soon(self._run)
        await self._pass("startup")

    async def shut_down(self) -> None:
        """Shut the app down. Raises what the app raised while it cleaned up."""
        await self._pass("shutdown")
        self._from_app.close()

    async def _pass(self, phase: str) -> None:
        self._to_app.send_nowait({"type": f"lifespan.{phase}"})
        answer: Message = {"type": "nothing"}
        try:
            answer = await self._from_app.receive()
            if answer["type"] == f"lifespan.{phase}.complete":
                return
            await self._from_app.receive()  # the end, with the app's error
        except anyio.EndOfStream:
            pass
        self._from_app.close()
        if self._error is not None:
            raise self._error
        detail = answer.get("message") or "no message"
        raise RuntimeError(f"The app answered lifespan.{phase} with {answer['type']}: {detail}")

    async def _run(self) -> None:
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.state,
        }
        with self._to_app, self._app_receives, self._app_sends:
            try:
                await self._app(scope, self._app_receives.receive, self._app_sends.send)
            except anyio.get_cancelled_exc_class():
                raise
            except BaseException as error:
                self._error = error
