"""The two ways in: ASGI in process, and a uvicorn server over a socket of its own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import h11
import uvicorn

from tests.differential.driver import Call, Driver, Reply

Send = Callable[[Call], Reply]


@contextmanager
def in_process(app: Any) -> Iterator[Send]:
    """Calls the app over raw ASGI. An exception that escapes fails the test."""
    driver = Driver()

    def send(call: Call) -> Reply:
        reply = driver.call(app, call)
        if reply.escaped is not None:
            raise reply.escaped
        return reply

    try:
        yield send
    finally:
        driver.close()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.serving = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.serving.set()


@contextmanager
def over_a_socket(app: Any) -> Iterator[Send]:
    """Serves the app with uvicorn on a free port of the loopback, and calls it there."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="critical", ws="none", lifespan="off")
    server = _Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        assert server.serving.wait(20), "uvicorn did not start"
        yield lambda call: exchange(listener.getsockname(), call)
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()


def exchange(address: tuple[str, int], call: Call) -> Reply:
    """Sends one request on a connection of its own and reads the reply to its end.

    A call that is `cut` closes the connection instead of completing its body; its reply is empty.
    """
    with socket.create_connection(address, timeout=20) as connection:
        try:
            for piece in _encoded(call):
                connection.sendall(piece)
        except ConnectionError:
            # A server may answer, and close, before it has read what it refuses to read.
            pass
        if call.cut:
            return Reply()
        return _read(connection, call.method)


def _encoded(call: Call) -> Iterator[bytes]:
    target = call.path + (b"?" + call.query if call.query else b"")
    lines = [call.method.encode() + b" " + target + b" HTTP/1.1", b"host: test"]
    lines += [name + b": " + value for name, value in call.headers]
    declared = any(name.lower() == b"content-length" for name, _ in call.headers)
    chunked = len(call.body) > 1 and not declared
    if chunked:
        lines.append(b"transfer-encoding: chunked")
    elif not declared and (call.body or call.cut):
        missing = 10 * call.cut
        lines.append(b"content-length: %d" % (sum(map(len, call.body)) + missing))
    yield b"\r\n".join([*lines, b"connection: close", b"", b""])
    for piece in call.body:
        yield b"%x\r\n%b\r\n" % (len(piece), piece) if chunked and piece else piece
    if chunked and not call.cut:
        yield b"0\r\n\r\n"


def _read(connection: socket.socket, method: str) -> Reply:
    parser = h11.Connection(h11.CLIENT)
    # h11 wants to know what was asked; the bytes went out already.
    parser.send(
        h11.Request(
            method=method if method != "CONNECT" else "GET", target="/", headers=[("host", "test")]
        )
    )
    parser.send(h11.EndOfMessage())
    reply = Reply()
    while not reply.complete:
        event = parser.next_event()
        if event is h11.NEED_DATA:
            parser.receive_data(connection.recv(65536))
        elif isinstance(event, h11.Response):
            reply.status = event.status_code
            reply.headers = list(event.headers)
        elif isinstance(event, h11.Data):
            reply.pieces.append(bytes(event.data))
        elif isinstance(event, h11.EndOfMessage):
            reply.complete = True
        elif isinstance(event, h11.ConnectionClosed):
            raise AssertionError(f"the server closed the connection after {reply}")
    return reply
