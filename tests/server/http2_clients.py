"""Clients that speak HTTP/2: one that knows the protocol, and one that sends what it is told."""

from __future__ import annotations

import socket
import struct
from typing import Any, NamedTuple

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event, ResponseReceived, StreamEnded
from h2.settings import SettingCodes, Settings
from hpack import Decoder, Encoder

from trivium.server.frames import PREFACE

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS = range(5)
PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(6, 10)
END_STREAM, END_HEADERS, PADDED = 0x1, 0x4, 0x8
WHOLE = END_STREAM | END_HEADERS
NO_ERROR, REFUSED_STREAM, CANCEL, CALM = 0x0, 0x7, 0x8, 0xB


class Client:
    """One connection that speaks HTTP/2."""

    def __init__(
        self, connection: socket.socket, *, lax: bool = False, window: int | None = None
    ) -> None:
        self.socket = connection
        self.http2 = H2Connection(
            H2Configuration(
                header_encoding="utf-8",
                validate_outbound_headers=not lax,
                normalize_outbound_headers=not lax,
            )
        )
        self.seen: list[Event] = []
        if window is not None:
            # of each stream; the connection's is not a setting
            settings = {**self.http2.local_settings, SettingCodes.INITIAL_WINDOW_SIZE: window}
            self.http2.local_settings = Settings(client=True, initial_values=settings)
        self.http2.initiate_connection()
        self.flush()

    def flush(self) -> None:
        self.socket.sendall(self.http2.data_to_send())

    def send(
        self, path: str, body: bytes | None = None, headers: tuple[tuple[str, str], ...] = ()
    ) -> int:
        """Sends a request; the number of its stream."""
        number = self.http2.get_next_available_stream_id()
        method = "GET" if body is None else "POST"
        head = [(":method", method), (":path", path), (":scheme", "http"), (":authority", "a")]
        self.http2.send_headers(number, [*head, *headers], end_stream=body is None)
        if body is not None:
            self.http2.send_data(number, body, end_stream=True)
        self.flush()
        return number

    def begin(self, path: str, body: bytes) -> int:
        """Sends a request whose body goes on."""
        number = self.http2.get_next_available_stream_id()
        head = [(":method", "POST"), (":path", path), (":scheme", "http"), (":authority", "a")]
        self.http2.send_headers(number, head)
        self.http2.send_data(number, body)
        self.flush()
        return number

    def of(self, kind: type[Any]) -> list[Any]:
        """The events of this kind that have come."""
        return [event for event in self.seen if isinstance(event, kind)]

    def until(self, kind: type[Any], number: int | None = None) -> Any:
        """Waits for an event of this kind, on the stream if one is named."""
        while True:
            for event in self.seen:
                if isinstance(event, kind) and number in (None, getattr(event, "stream_id", None)):
                    return event
            data = self.socket.recv(65536)
            assert data, f"the connection is closed, without {kind.__name__}: {self.seen}"
            self.seen += self.http2.receive_data(data)
            self.flush()

    def answer(self, number: int) -> tuple[int, bytes]:
        """The whole reply on a stream."""
        self.until(StreamEnded, number)
        data = (e for e in self.seen if isinstance(e, DataReceived) and e.stream_id == number)
        return self.status(number), b"".join(each.data for each in data)

    def status(self, number: int) -> int:
        return int(dict(self.until(ResponseReceived, number).headers)[":status"])

    def close(self) -> None:
        self.socket.close()


class Frame(NamedTuple):
    """One frame as it is on the wire."""

    kind: int
    stream: int = 0
    flags: int = 0
    payload: bytes = b""

    def sent(self) -> bytes:
        """Its bytes."""
        head = struct.pack(">IBBI", len(self.payload), self.kind, self.flags, self.stream)
        return head[1:] + self.payload


def block(
    path: bytes | str = "/", *more: tuple[str, str], method: str = "GET", encoder: Any = None
) -> bytes:
    """The headers of a request, compressed."""
    head = [(":method", method), (":path", path), (":scheme", "http"), (":authority", "a")]
    return bytes((encoder or Encoder()).encode([*head, *more]))


class RawClient:
    """Frames, whatever they are."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.seen: list[Frame] = []
        self._statuses: dict[int, int] = {}
        self._decoder = Decoder()
        self._data = b""
        self.send(PREFACE, Frame(SETTINGS))

    def send(self, *pieces: Frame | bytes) -> None:
        self.socket.sendall(b"".join(p.sent() if isinstance(p, Frame) else p for p in pieces))

    def close(self) -> None:
        self.socket.close()

    def until(self, kind: int, stream: int | None = None) -> Frame:
        """Waits for a frame of this kind, on the stream if one is named."""
        while True:
            for frame in self.seen:
                if frame.kind == kind and stream in (None, frame.stream):
                    return frame
            assert self._read(), f"the connection is closed, without {kind}: {self.seen}"

    def status(self, stream: int) -> int:
        """Of the reply on a stream."""
        self.until(HEADERS, stream)
        return self._statuses[stream]

    def until_closed(self) -> None:
        """Reads all that comes."""
        while self._read():
            pass

    def errors(self, kind: int) -> list[int]:
        """The error codes of all frames of this kind that have come."""
        at = 4 if kind == GOAWAY else 0
        return [
            int.from_bytes(frame.payload[at : at + 4], "big")
            for frame in self.seen
            if frame.kind == kind
        ]

    def _read(self) -> bool:
        data = self.socket.recv(65536)
        self._data += data
        while len(self._data) >= 9:
            size = 9 + int.from_bytes(self._data[:3], "big")
            if len(self._data) < size:
                break
            head, payload = self._data[:9], self._data[9:size]
            self.seen.append(Frame(head[3], int.from_bytes(head[5:], "big"), head[4], payload))
            self._data = self._data[size:]
            if head[3] == HEADERS:
                fields = dict(self._decoder.decode(payload))
                self._statuses[self.seen[-1].stream] = int(fields[":status"])
        return bool(data)
