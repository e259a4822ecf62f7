"""A real uvicorn on a real socket, with a protocol class to choose."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

DIRECT = "trivium.server.protocol:DirectProtocol"
HTTPTOOLS = "httptools"
PATIENCE = 20.0
"""Seconds after which a test gives up."""


class Live:
    """An application being served."""

    def __init__(self, app: Any, http: Any, **options: Any) -> None:
        self.listener: socket.socket = options.pop("listener", None) or socket.create_server(
            ("127.0.0.1", 0)
        )
        options = {"log_level": "critical", "lifespan": "off", **options}
        self.server = uvicorn.Server(uvicorn.Config(app, http=http, **options))
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.listener]})
        self.thread.start()

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(PATIENCE)
        self.listener.close()
        assert not self.thread.is_alive()

    def connect(self) -> socket.socket:
        return socket.create_connection(self.listener.getsockname(), timeout=PATIENCE)

    def exchanged(self, *pieces: bytes) -> bytes:
        """What comes back for these bytes until the server closes the connection."""
        with self.connect() as client:
            for piece in pieces:
                client.sendall(piece)
            return read_all(client)


def read_all(client: socket.socket) -> bytes:
    received = b""
    while piece := client.recv(65536):
        received += piece
    return received


@contextmanager
def served(app: Any, http: Any = DIRECT, **options: Any) -> Iterator[Live]:
    live = Live(app, http, **options)
    try:
        yield live
    finally:
        live.stop()
