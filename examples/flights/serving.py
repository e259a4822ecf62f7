"""A port, a server on it, and an end without loose ends."""

import errno
import socket
from collections.abc import Callable

import uvicorn

from trivium import App


class PortUnavailable(Exception):
    """The address cannot be listened on; the message says why."""


def open_port(host: str, port: int) -> socket.socket:
    """Listen on the address; raises `PortUnavailable`. The caller closes the socket."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortUnavailable(f"Port {port} is in use by another program.") from None
        raise PortUnavailable(f"Cannot listen on {host}, port {port}: {error.strerror}.") from None


class Server(uvicorn.Server):
    """A server that tells when it has started, and ends the app's streams when it is stopped.

    uvicorn waits at shutdown until every response is complete. A departures board never is.
    """

    def __init__(self, app: App, on_started: Callable[[], None]) -> None:
        super().__init__(uvicorn.Config(app, log_level="warning"))
        self._app = app
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.pace.stop()
        await super().shutdown(sockets)
