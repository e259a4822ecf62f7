"""A process that serves for another one that watches over it.

``python -m trivium.server.worker CHANNEL SOCKET...``: the first number is the descriptor of the
line to the watching process (see ``processes``), the others are those of the sockets to accept
from.
"""

import asyncio
import json
import logging
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from trivium.errors import TriviumError
from trivium.server.facts import facts_of
from trivium.server.loading import load_served, show_errors, written
from trivium.server.logging import configure
from trivium.server.processes import STARTUP_FAILED, listeners
from trivium.server.serving import Overseer, Server
from trivium.server.settings import ServerSettings

logger = logging.getLogger("trivium.server")


class Line(Overseer):
    """The line to the watching process."""

    takes_interrupts = False

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._orders: dict[str, Any] = {}
        self._received = b""
        self._server: Server | None = None

    def orders(self) -> dict[str, Any]:
        """What to serve; waits for it. Ends the process where nobody will ask any more."""
        while b"\n" not in self._received:
            data = self._channel.recv(65536)
            if not data:
                sys.exit(0)
            self._received += data
        line, _, self._received = self._received.partition(b"\n")
        self._orders = json.loads(line)
        return self._orders

    def attach(self, server: Server) -> None:
        self._server = server
        self._channel.setblocking(False)
        asyncio.get_running_loop().add_reader(self._channel.fileno(), self._hear)
        # What came together with the orders, or since.
        self._obey(server)

    def ready(self, server: Server) -> None:
        self._say("ready", facts_of(server, self._orders["mode"]))

    def beat(self) -> None:
        if self._orders["settings"]["worker_timeout"] is not None:
            self._say("alive", None)

    def retire(self, reason: str) -> None:
        self._say("retire", reason)

    def _say(self, word: str, what: Any) -> None:
        try:
            self._channel.sendall(f"{word} {json.dumps(what)}\n".encode())
        except OSError as error:
            logger.warning("The process that watches over this one does not listen: %s", error)

    def _hear(self) -> None:
        try:
            data = self._channel.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        server = self._server
        if server is None:
            return
        if not data:
            # Nobody watches any more, and nobody could replace this one.
            asyncio.get_running_loop().remove_reader(self._channel.fileno())
            server.end()
            return
        self._received += data
        self._obey(server)

    def _obey(self, server: Server) -> None:
        *lines, self._received = self._received.split(b"\n")
        for line in lines:
            if line == b"drain":
                server.drain()
            elif line == b"stop":
                server.end()
            elif line == b"force":
                server.interrupt()
                server.interrupt()


def serve(orders: dict[str, Any], line: Line, sockets: list[socket.socket]) -> int:
    """Serves as ordered, until told to end; returns the status of the process."""
    settings = ServerSettings.validated(orders["settings"])
    configure(settings.log_level, settings.log_format, access_log=settings.access_log)
    sys.path[:] = orders["path"]
    try:
        served = load_served(orders["app"], factory=orders["factory"], cwd=Path.cwd())
    except TriviumError as error:
        sys.stderr.write(f"{written(error)}\n")
        return STARTUP_FAILED
    if orders["debug"]:
        show_errors(served)
    server = Server(settings, served, sockets, line)
    server.run()
    return server.status


def main() -> None:
    """Waits for orders, and obeys them."""
    # Ctrl+C reaches every process of the terminal; the watching one decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel, *sockets = listeners([int(number) for number in sys.argv[1:]])
    line = Line(channel)
    sys.exit(serve(line.orders(), line, sockets))


if __name__ == "__main__":
    main()
