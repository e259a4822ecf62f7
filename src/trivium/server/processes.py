"""A process that serves, as the process that watches over it sees it.

The two talk over a socket pair, in lines. To the worker: its orders as JSON, then ``drain``,
``stop`` or ``force``. From it: ``ready`` with what it serves, ``alive`` while it serves, and
``retire`` with the reason. When the watching process dies, the worker sees the end of the line and
ends by itself: no orphan is left.

Only the standard library is imported here and in ``supervisor``: a process that serves nothing
should weigh nothing.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

__all__ = ["STARTUP_FAILED", "Process"]

STARTUP_FAILED = 3
"""The status of a process that could not start to serve; uvicorn's."""


class Process:
    """A worker process, from its start to its end.

    It imports what serving takes, then waits for its orders, so it may be started in advance.
    Raises OSError where the system cannot start one.
    """

    def __init__(self, sockets: Sequence[socket.socket]) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            descriptors = [theirs.fileno(), *(each.fileno() for each in sockets)]
            # -P: the search path is part of the orders
            command = [sys.executable, "-P", "-m", "trivium.server.worker", *map(str, descriptors)]
            try:
                self._popen = subprocess.Popen(command, pass_fds=descriptors)
            except BaseException:
                ours.close()
                raise
        ours.setblocking(False)
        self.channel = ours
        self.pid = self._popen.pid
        self.born = time.monotonic()
        self.is_ready = False
        self.heard = self.born
        """When it last said anything, by the monotonic clock."""
        self._received = b""

    def give(self, orders: dict[str, Any]) -> None:
        """Has it serve."""
        self.channel.setblocking(True)
        self._send(json.dumps(orders))
        self.channel.setblocking(False)

    def drain(self) -> None:
        """Has it accept no more, answer what is open, and end."""
        self._send("drain")

    def stop(self) -> None:
        """Has it end within the graceful timeout."""
        self._send("stop")
        if not self.is_ready:
            # It may be importing the application, and reads the line only afterwards.
            self._popen.terminate()

    def force(self) -> None:
        """Has it cancel what is open, and end."""
        self._send("force")

    def kill(self) -> None:
        """Ends it at once, without clean-up."""
        self._popen.kill()

    def _send(self, line: str) -> None:
        try:
            self.channel.sendall(line.encode() + b"\n")
        except OSError:
            # It is dead or does not listen any more; its end is seen elsewhere.
            return

    def messages(self) -> Iterator[tuple[str, Any]]:
        """What it has said since the last time: a word and what belongs to it."""
        while True:
            try:
                data = self.channel.recv(65536)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            if not data:
                break
            self._received += data
        *lines, self._received = self._received.split(b"\n")
        for line in lines:
            self.heard = time.monotonic()
            word, _, rest = line.decode().partition(" ")
            yield word, json.loads(rest) if rest else None

    @property
    def status(self) -> int | None:
        """How it ended; None while it lives, a negative number for a signal."""
        return self._popen.poll()

    def close(self) -> None:
        """Lets go of a process that has ended."""
        self.channel.close()
        self._popen.wait()

    @staticmethod
    def told(status: int) -> str:
        """How a process ended, in words."""
        if status >= 0:
            return f"ended with status {status}"
        try:
            return f"was ended by {signal.Signals(-status).name}"
        except ValueError:
            return f"was ended by signal {-status}"


class Alarm:
    """Signals as something to wait for: a descriptor that becomes readable, and their numbers."""

    def __init__(self, signals: Sequence[int]) -> None:
        self.receiver, self._sender = socket.socketpair()
        self.receiver.setblocking(False)
        self._sender.setblocking(False)
        self._before = {number: signal.signal(number, _noted) for number in signals}
        self._wakeup = signal.set_wakeup_fd(self._sender.fileno(), warn_on_full_buffer=False)

    def ring(self) -> None:
        """Makes it readable without a signal, from any thread."""
        try:
            self._sender.send(b"\0")
        except BlockingIOError:
            return

    def signals(self) -> Iterator[int]:
        """Those that came since the last time."""
        while True:
            try:
                numbers = self.receiver.recv(4096)
            except BlockingIOError:
                return
            yield from (number for number in numbers if number)

    def close(self) -> None:
        """Gives the signals back to whoever had them."""
        signal.set_wakeup_fd(self._wakeup)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self.receiver.close()
        self._sender.close()


def heeded(*names: str) -> list[int]:
    """Those of the signals that this system has and that mean something to this process.

    Whoever has SIGHUP ignored, as ``nohup`` does, wants a server that outlives its terminal.
    """
    numbers: dict[str, int] = {
        name: getattr(signal, name) for name in names if hasattr(signal, name)
    }
    if "SIGHUP" in numbers and signal.getsignal(numbers["SIGHUP"]) is signal.SIG_IGN:
        del numbers["SIGHUP"]
    return list(numbers.values())


def _noted(number: int, frame: object) -> None:
    """What counts is that the descriptor becomes readable."""


def listeners(descriptors: Sequence[int]) -> list[socket.socket]:
    """The sockets behind inherited descriptors, which are not inherited any further."""
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    return [socket.socket(fileno=descriptor) for descriptor in descriptors]
