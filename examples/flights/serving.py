"""A port, and a server on it."""

import errno
import socket
from collections.abc import Callable
from pathlib import Path

from trivium import App
from trivium.server.loading import Served
from trivium.server.serving import Overseer
from trivium.server.serving import Server as TriviumServer
from trivium.server.settings import ServerSettings


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


class _Told(Overseer):
    """Is told by the server when it has started."""

    def __init__(self, on_started: Callable[[], None]) -> None:
        self._on_started = on_started

    def ready(self, server: TriviumServer) -> None:
        self._on_started()


class Server(TriviumServer):
    """The server of `trivium run`, on a port that is open; tells when it has started."""

    def __init__(self, app: App, on_started: Callable[[], None]) -> None:
        served = Served(app, "examples.flights", Path.cwd(), is_factory=False)
        settings = ServerSettings(log_level="warning", access_log=False)
        super().__init__(settings, served, [], _Told(on_started))
