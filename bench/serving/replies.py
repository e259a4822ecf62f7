"""Before anything is measured: is the reply right? Says what is wrong with it."""

import base64
import http.client
import json
import re
import socket
from typing import Any

from bench.serving.endpoints import Endpoint

PATIENCE = 10.0


class WrongReply(Exception):
    """The reply is not the one that the endpoint has to give."""


def check(endpoint: Endpoint, port: int) -> None:
    """Asks once. Raises WrongReply, which says what was expected and what came."""
    try:
        if endpoint.kind == "echo":
            _check_echo(endpoint, port)
        else:
            _check_http(endpoint, port)
    except (OSError, http.client.HTTPException) as error:
        raise WrongReply(f"{endpoint.path}: {type(error).__name__}: {error}") from error


def warm(endpoint: Endpoint, port: int, times: int) -> None:
    """The same request a few times on one connection, so that its code has run."""
    if endpoint.kind != "http":
        return
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        for _ in range(times):
            headers = dict(endpoint.headers)
            connection.request(endpoint.method, endpoint.path, endpoint.body or None, headers)
            connection.getresponse().read()
    finally:
        connection.close()


def _check_http(endpoint: Endpoint, port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        headers = dict(endpoint.headers)
        connection.request(endpoint.method, endpoint.path, endpoint.body or None, headers)
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    said = f"{endpoint.method} {endpoint.path}"
    if response.status != 200:
        raise WrongReply(f"{said}: status {response.status}, not 200: {body[:200]!r}")
    wanted = _media_type(endpoint)
    if (found := (response.getheader("content-type") or "").partition(";")[0]) != wanted:
        raise WrongReply(f"{said}: content type {found!r}, not {wanted!r}")
    if (value := _value(endpoint, body)) != endpoint.expected:
        raise WrongReply(f"{said}: {str(value)[:200]}, not {str(endpoint.expected)[:200]}")


def _media_type(endpoint: Endpoint) -> str:
    if endpoint.kind == "events":
        return "text/event-stream"
    return "text/plain" if isinstance(endpoint.expected, str) else "application/json"


def _value(endpoint: Endpoint, body: bytes) -> Any:
    try:
        if endpoint.kind == "events":
            return [json.loads(data) for data in re.findall(rb"^data: ?(.+?)\r?$", body, re.M)]
        return body.decode() if isinstance(endpoint.expected, str) else json.loads(body)
    except ValueError as error:
        raise WrongReply(f"{endpoint.path}: {body[:200]!r} is no JSON: {error}") from error


def _check_echo(endpoint: Endpoint, port: int) -> None:
    message = endpoint.expected.encode()
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        connection.sendall(handshake(endpoint.path, port))
        stream = connection.makefile("rb")
        status = stream.readline()
        if b" 101 " not in status:
            raise WrongReply(f"{endpoint.path}: {status!r}, not 101")
        while stream.readline() not in (b"\r\n", b""):
            pass
        connection.sendall(frame(message))
        wanted = echoed(message)
        if (found := stream.read(len(wanted))) != wanted:
            raise WrongReply(f"{endpoint.path}: {found!r}, not {wanted!r}")


def handshake(path: str, port: int) -> bytes:
    """The request that opens a WebSocket (RFC 6455, 4.1)."""
    key = base64.b64encode(b"sixteen bytes!!!").decode()
    return (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def frame(message: bytes) -> bytes:
    """A client's text frame with a fixed mask (RFC 6455, 5.2). At most 125 bytes."""
    mask = b"\x12\x34\x56\x78"
    masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(message))
    return bytes([0x81, 0x80 | len(message)]) + mask + masked


def echoed(message: bytes) -> bytes:
    """The frame in which a server sends it back."""
    return bytes([0x81, len(message)]) + message
