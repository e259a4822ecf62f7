"""Our own load client, a process of its own: `python -m trivium.cli.benchmark.client JOB`.

JOB is JSON: the request as text, the port, the number of connections, the seconds. Each connection
sends the request again when the reply is complete. Prints one line of JSON.
"""

import asyncio
import json
import sys
import time
from typing import Any, cast

import httptools

PATIENCE = 10.0
"""Seconds to wait for the first reply."""


class Connection(asyncio.Protocol):
    """One connection that asks again and again."""

    transport: asyncio.Transport

    def __init__(self, run: "Run") -> None:
        self._run = run
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's is none of asyncio's classes, and has what they have.
        self.transport = cast("asyncio.Transport", transport)
        self._ask()

    def _ask(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._sent = time.perf_counter()
        self.transport.write(self._run.request)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._run.fail(f"a reply is no HTTP: {error}")

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if not 200 <= status < 400:
            self._run.fail(f"a reply had status {status}")
        elif not self._run.over:
            self._run.replied(time.perf_counter() - self._sent)
            if self._parser.should_keep_alive():
                self._ask()
            else:
                self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._run.over:
            self._run.connect()


class Run:
    """All connections of one load, and what they count together."""

    def __init__(self, request: bytes, port: int) -> None:
        self.request = request
        self.over = False
        self.latencies: list[float] = []
        self.failed: str | None = None
        self._port = port
        self._ended = asyncio.Event()
        self._begun = asyncio.Event()
        self._connecting: set[asyncio.Task[None]] = set()

    def fail(self, reason: str) -> None:
        self.failed = self.failed or reason
        self._ended.set()
        self._begun.set()

    def replied(self, seconds: float) -> None:
        self.latencies.append(seconds)
        self._begun.set()

    def connect(self) -> None:
        """Opens a connection in the background."""
        task = asyncio.get_running_loop().create_task(self._connect())
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: Connection(self), "127.0.0.1", self._port)
        except OSError as error:
            self.fail(f"no connection: {error}")

    async def load(self, connections: int, seconds: float) -> dict[str, Any]:
        """Loads, and tells how much came back."""
        for _ in range(connections):
            self.connect()
        started = time.perf_counter()
        await within(seconds, self._ended)
        # A busy machine may need longer than the sample for the first reply.
        await within(PATIENCE, self._begun)
        self.over = True
        lasted = time.perf_counter() - started
        times = sorted(self.latencies)
        return {
            "count": len(times),
            "seconds": lasted,
            "p50": times[len(times) // 2] * 1000 if times else None,
            "p99": times[len(times) * 99 // 100] * 1000 if times else None,
            "failed": self.failed or (None if times else f"no reply within {PATIENCE:g} s"),
        }


async def within(seconds: float, event: asyncio.Event) -> None:
    """Waits for an event, and no longer than that."""
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        pass


async def main(job: str) -> None:
    text, port, connections, seconds = json.loads(job)
    run = Run(text.encode("latin-1"), port)
    sys.stdout.write(json.dumps(await run.load(connections, seconds)) + "\n")


def _run(job: str) -> None:
    try:
        from uvloop import run
    except ImportError:
        asyncio.run(main(job))
    else:
        run(main(job))


if __name__ == "__main__":
    _run(sys.argv[1])
