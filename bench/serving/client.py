"""The load that wrk cannot make, as a process of its own on the load's core.

    python -m bench.serving.client events PORT PATH CONNECTIONS SECONDS
    python -m bench.serving.client echo PORT PATH CONNECTIONS SECONDS
    python -m bench.serving.client streams PORT PATH CONNECTIONS SECONDS

`events` reads streams to their end, again and again; `echo` sends a message on every WebSocket and
the next when it has come back; `streams` opens streams that do not end and watches that no event is
missing. Prints one line of JSON.
"""

import asyncio
import json
import re
import sys
import time
from collections import deque
from typing import Any

from bench.serving.endpoints import BY_NAME
from bench.serving.replies import PATIENCE, echoed, frame, handshake
from trivium.cli.benchmark.client import within

NUMBER = re.compile(rb'"n": ?(\d+)\}')
OPENED_AT_ONCE = 100


class Tally:
    """What all connections of one run count together."""

    def __init__(self) -> None:
        self.count = 0
        self.latencies: list[float] = []
        self.failed: str | None = None


class EventReader(asyncio.Protocol):
    """Counts the events of a reply, and asks anew on a new connection when it has ended."""

    def __init__(self, run: "Run") -> None:
        self.run, self.tail, self.seen = run, b"", 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self.run.request)

    def data_received(self, data: bytes) -> None:
        data = self.tail + data
        found = data.count(b"data:")
        # An event's name may be cut in two by the network.
        self.tail = data[data.rfind(b"data:") + 5 :][-4:] if found else data[-4:]
        self.seen += found
        self.run.count(found)
        if self.seen >= self.run.events:
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.run.over:
            if self.seen < self.run.events:
                self.run.fail(f"a stream ended after {self.seen} events")
            else:
                self.run.connect()


class Echo(asyncio.Protocol):
    """One WebSocket: a message is sent when the one before has come back."""

    def __init__(self, run: "Run") -> None:
        self.run, self.opened, self.buffer, self.sent = run, False, b"", 0.0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self.run.request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.opened:
            head, end, rest = self.buffer.partition(b"\r\n\r\n")
            if not end:
                return
            if b" 101 " not in head.partition(b"\r\n")[0]:
                self.run.fail(f"no WebSocket: {head[:100]!r}")
                return
            self.opened, self.buffer = True, rest
            self.send()
        elif len(self.buffer) >= len(self.run.echoed):
            if self.buffer != self.run.echoed:
                self.run.fail(f"{self.buffer[:60]!r} came back")
                return
            self.run.count(1)
            self.run.tally.latencies.append(time.perf_counter() - self.sent)
            self.buffer = b""
            self.send()

    def send(self) -> None:
        if not self.run.over:
            self.sent = time.perf_counter()
            self.transport.write(self.run.frame)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.run.over:
            self.run.fail("a WebSocket was closed")


class Stream(asyncio.Protocol):
    """One stream that stays open: its events are numbered, so a lost one is seen."""

    def __init__(self, run: "Run") -> None:
        self.run, self.tail, self.expected = run, b"", 0
        self.first: asyncio.Future[None] = run.loop.create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self.run.request)

    def data_received(self, data: bytes) -> None:
        data = self.tail + data
        end = 0
        for found in NUMBER.finditer(data):
            end = found.end()
            if int(found.group(1)) != self.expected:
                self.run.lost += 1
            self.expected = int(found.group(1)) + 1
            self.run.count(1)
        self.tail = data[end:][-32:]
        if self.expected and not self.first.done():
            self.first.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.run.over:
            self.run.closed += 1
        if not self.first.done():
            self.first.set_exception(ConnectionError("closed before the first event"))


class Run:
    """One run of one kind: opens the connections, waits, and tells."""

    def __init__(self, kind: str, port: int, path: str, connections: int, seconds: float) -> None:
        self.port, self.connections, self.seconds = port, connections, seconds
        self.tally, self.over = Tally(), False
        self.lost = self.closed = 0
        self.loop = asyncio.get_running_loop()
        self.ended = asyncio.Event()
        self.begun = asyncio.Event()
        self.events = len(BY_NAME["events"].expected)
        message = BY_NAME["echo"].expected.encode()
        self.frame, self.echoed = frame(message), echoed(message)
        self.protocol = {"events": EventReader, "echo": Echo, "streams": Stream}[kind]
        self.request = (
            handshake(path, port)
            if kind == "echo"
            else f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
        )
        self._opening: set[asyncio.Task[Any]] = set()

    def fail(self, reason: str) -> None:
        self.tally.failed = self.tally.failed or reason
        self.ended.set()
        self.begun.set()

    def count(self, number: int) -> None:
        if number:
            self.tally.count += number
            self.begun.set()

    def connect(self) -> None:
        task = self.loop.create_task(self._connect())
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _connect(self) -> Any:
        try:
            return await self.loop.create_connection(
                lambda: self.protocol(self), "127.0.0.1", self.port
            )
        except OSError as error:
            self.fail(f"no connection: {error}")

    async def load(self) -> dict[str, Any]:
        """Loads for `seconds`, and tells how much came back."""
        for _ in range(self.connections):
            self.connect()
        started = time.perf_counter()
        await within(self.seconds, self.ended)
        # A busy machine may need longer than the sample for the first of them.
        await within(PATIENCE, self.begun)
        self.over = True
        latencies = sorted(self.tally.latencies)
        return {
            "count": self.tally.count,
            "seconds": time.perf_counter() - started,
            "p50": latencies[len(latencies) // 2] * 1000 if latencies else None,
            "p99": latencies[len(latencies) * 99 // 100] * 1000 if latencies else None,
            "failed": self.tally.failed or (None if self.tally.count else "nothing came back"),
        }

    async def hold(self) -> dict[str, Any]:
        """Opens all streams, tells so, holds them for `seconds`, and tells what was lost.

        The first line says that all are open, or why not: then the memory can be read.
        """
        streams: list[Stream] = []
        waiting = deque(range(self.connections))
        while waiting and self.tally.failed is None:
            group = [waiting.popleft() for _ in range(min(OPENED_AT_ONCE, len(waiting)))]
            opened = await asyncio.gather(*(self._connect() for _ in group))
            made = [pair[1] for pair in opened if pair]
            streams += made
            firsts = await asyncio.gather(*(each.first for each in made), return_exceptions=True)
            if wrong := [error for error in firsts if error]:
                self.fail(f"{len(streams)} opened, then: {wrong[0]}")
        print(json.dumps({"opened": len(streams), "failed": self.tally.failed}), flush=True)
        before = self.tally.count
        started = time.perf_counter()
        await asyncio.sleep(self.seconds)
        self.over = True
        return {
            "seconds": time.perf_counter() - started,
            "events": self.tally.count - before,
            "lost": self.lost,
            "closed": self.closed,
            "fewest": min((each.expected for each in streams), default=0),
        }


async def main(kind: str, port: str, path: str, connections: str, seconds: str) -> None:
    run = Run(kind, int(port), path, int(connections), float(seconds))
    print(json.dumps(await (run.hold() if kind == "streams" else run.load())), flush=True)


if __name__ == "__main__":
    import uvloop

    uvloop.run(main(*sys.argv[1:]))
