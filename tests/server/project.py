"""A served project: files in a directory, and the `trivium` command running there as a process."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import coverage

PATIENCE = 30.0
"""Seconds after which a test gives up waiting for what it says will happen."""

APP = """
import asyncio
import os
from contextlib import asynccontextmanager
from pathlib import Path

from trivium import App, BackgroundTasks, Shutdown, WebSocket
from trivium.responding import EventSourceResponse
from starlette.responses import StreamingResponse

def tell(event):
    with open("story", "a") as story:
        story.write(event + "\\n")

@asynccontextmanager
async def lifespan(app):
    tell("started")
    yield
    tell("cleaned up")

app = App(title="Flights", lifespan=lifespan)

@app.get("/pid")
async def pid() -> int:
    return os.getpid()

@app.get("/until/{file}")
async def until(file: str) -> str:
    tell("waiting")
    while not Path(file).exists():
        await asyncio.sleep(0.01)
    tell("done")
    return "done"

async def task(file):
    tell("task begins")
    while not Path(file).exists():
        await asyncio.sleep(0.01)
    tell("task ends")

@app.get("/task/{file}")
async def begin(file: str, tasks: BackgroundTasks) -> None:
    tasks.add_task(task, file)

@app.websocket("/socket")
async def socket(websocket: WebSocket):
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    finally:
        tell("socket closed")

@app.get("/for-ever")
async def for_ever() -> StreamingResponse:
    async def chunks():
        try:
            while True:
                yield b"x"
                await asyncio.sleep(0.01)
        finally:
            tell("stream closed")
    return StreamingResponse(chunks())

@app.get("/events", response_class=EventSourceResponse)
async def events():
    try:
        yield {"departed": 1}
        await asyncio.Event().wait()
    finally:
        tell("events closed")

@app.get("/until-shutdown")
async def until_shutdown(shutdown: Shutdown) -> str:
    tell("waiting")
    await shutdown.wait()
    return "bye"

@app.post("/echo")
async def echo(body: dict[str, int]) -> dict[str, int]:
    return body
"""

ROOT = Path(__file__).resolve().parents[2]


def _measured() -> dict[str, str]:
    """What makes a process, and those that it starts, part of a measurement of coverage."""
    if coverage.Coverage.current() is None:
        return {}
    return {
        "COVERAGE_PROCESS_START": str(ROOT / "pyproject.toml"),
        "COVERAGE_FILE": str(ROOT / ".cache" / "coverage" / "data"),
        "PYTHONPATH": str(Path(__file__).with_name("traced")),
    }


MEASURED = _measured()


def eventually(condition: Callable[[], Any], what: str) -> Any:
    """The first true value of the condition; a failure that says what did not come."""
    deadline = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < deadline, f"this did not happen: {what}"
        time.sleep(0.01)
    return value


class Project:
    """A directory with the files of somebody's app, and what was started in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.started: list[Live] = []
        self.write("main.py", APP)

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return path

    def story(self) -> list[str]:
        """What the app has told by now."""
        path = self.root / "story"
        return path.read_text("utf-8").split("\n")[:-1] if path.exists() else []

    def until_told(self, event: str, times: int = 1) -> None:
        eventually(lambda: self.story().count(event) >= times, f"{event!r} in {self.story()}")

    def trivium(self, *arguments: str, **options: Any) -> Live:
        """Starts the command on a free port."""
        if "--uds" not in arguments and "--fd" not in arguments:
            arguments += ("--port", "0")
        return self.python("-m", "trivium", *arguments, **options)

    def python(self, *arguments: str, environment: Any = None, **options: Any) -> Live:
        env = {**os.environ, **MEASURED, "PYTHONDONTWRITEBYTECODE": "1", **(environment or {})}
        live = Live([sys.executable, *arguments], self.root, env, **options)
        self.started.append(live)
        return live

    def close(self) -> None:
        for live in self.started:
            live.kill()


class Live:
    """A process and what it has written."""

    def __init__(self, command: list[str], root: Path, env: dict[str, str], **options: Any) -> None:
        self.process = subprocess.Popen(
            command,
            cwd=root,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Its own group, so that all of it can be ended, and signalled as a terminal would.
            start_new_session=True,
            **options,
        )
        self._changed = threading.Condition()
        self.errors = ""
        self.output = ""
        self._readers = [
            threading.Thread(target=self._read, args=(name,), daemon=True)
            for name in ("stderr", "stdout")
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, name: str) -> None:
        for line in getattr(self.process, name):
            with self._changed:
                if name == "stderr":
                    self.errors += line
                else:
                    self.output += line
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def until_said(self, pattern: str, times: int = 1) -> str:
        """Waits for so many matches on stderr; gives the first group of the last one."""

        def found() -> bool:
            return len(re.findall(pattern, self.errors)) >= times or self._is_over()

        with self._changed:
            assert self._changed.wait_for(found, PATIENCE), f"{pattern} not in:\n{self.errors}"
            matches = re.findall(pattern, self.errors)
            assert len(matches) >= times, f"it ended without {pattern}:\n{self.errors}"
        return str(matches[times - 1])

    def _is_over(self) -> bool:
        return not any(reader.is_alive() for reader in self._readers[:1])

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens, once it serves."""
        host, port = self.until_said(r"address +https?://(\S+:\d+)").rsplit(":", 1)
        return host, int(port)

    def connect(self) -> http.client.HTTPConnection:
        host, port = self.address
        return http.client.HTTPConnection(host, port, timeout=PATIENCE)

    def socket(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=PATIENCE)

    def get(self, path: str) -> str:
        """The body of the reply, which has to be a success."""
        connection = self.connect()
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read().decode()
            assert response.status == 200, body
            return body
        finally:
            connection.close()

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def ended(self) -> int:
        """The status with which it has ended."""
        status = self.process.wait(PATIENCE)
        for reader in self._readers:
            reader.join(PATIENCE)
        return status

    def stopped(self) -> int:
        """Ends it as a service manager would; the status."""
        self.signal(signal.SIGTERM)
        return self.ended()

    def kill(self) -> None:
        """Ends whatever is left of it."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait(PATIENCE)
        for reader in self._readers:
            reader.join(PATIENCE)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


def in_background(call: Callable[[], Any]) -> Callable[[], Any]:
    """Calls in another thread; what is returned waits for the result, or raises the error."""
    result: list[Any] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            result.append(call())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()

    def wait() -> Any:
        thread.join(PATIENCE)
        assert not thread.is_alive(), "the call has not returned"
        if errors:
            raise errors[0]
        return result[0]

    return wait
