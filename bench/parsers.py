"""httptools and zttp, the two parsers that uvicorn knows, on the same requests::

    python -m pip install zttp
    python -m bench.parsers

Each parses the requests in process, and then answers them over a socket in the smallest protocol
that takes apart what a framework needs: method, target, version, headers in lower case, body, and
whether the connection stays. CPU time of the server is counted: other processes take none of it.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
import statistics
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import httptools
import uvloop

ROUNDS = 7
PARSED = 20_000
ANSWERED = 10_000
BODY = b'{"name": "Lamp", "price": 3.5, "tags": ["a", "b"]}'
BROWSER = b"".join(
    b"%b: %b\r\n" % header
    for header in [
        (b"Host", b"shop.example"),
        (b"User-Agent", b"Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0"),
        (b"Accept", b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
        (b"Accept-Language", b"en-GB,en;q=0.5"),
        (b"Accept-Encoding", b"gzip, deflate, br, zstd"),
        (b"Cookie", b"session=" + b"0123456789abcdef" * 4),
        (b"Sec-Fetch-Dest", b"document"),
        (b"Sec-Fetch-Mode", b"navigate"),
        (b"Upgrade-Insecure-Requests", b"1"),
    ]
)
REQUESTS = {
    "small": b"GET /items/5?q=a HTTP/1.1\r\nHost: shop.example\r\n\r\n",
    "browser": b"GET /items/5?q=a HTTP/1.1\r\n%b\r\n" % BROWSER,
    "body": b"POST /items HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n%b" % (BROWSER, len(BODY), BODY),
}
REPLY = (
    b"HTTP/1.1 200 OK\r\ncontent-length: 17\r\ncontent-type: application/json\r\n\r\n"
    b'{"hello":"world"}'
)

Found = tuple[str, bytes, str, list[tuple[bytes, bytes]], bytes, bool]
Feed = Callable[[bytes], None]


class Httptools:
    """Tells ``on_request`` of each request that httptools finds."""

    def __init__(self, on_request: Callable[[Found], None]) -> None:
        self.on_request = on_request
        self.parser: Any = httptools.HttpRequestParser(self)
        self.feed: Feed = self.parser.feed_data
        self.url = self.body = b""
        self.headers: list[tuple[bytes, bytes]] = []

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        parser = self.parser
        found = (
            parser.get_method().decode(),
            self.url,
            parser.get_http_version(),
            self.headers,
            self.body,
            parser.should_keep_alive(),
        )
        self.url, self.headers, self.body = b"", [], b""
        self.on_request(found)


class Zttp:
    """Tells ``on_request`` of each request that zttp finds.

    Its connection is a state machine of both sides: the next request is read when a reply has been
    written through it. So the reply here goes through it as well.
    """

    def __init__(self, on_request: Callable[[Found], None]) -> None:
        import zttp

        self.zttp = zttp
        self.on_request = on_request
        self.connection: Any = zttp.Connection(zttp.SERVER)
        self.head: Any = None
        self.body = b""

    def feed(self, data: bytes) -> None:
        zttp, connection = self.zttp, self.connection
        event = connection.receive_event(data)
        while event is not zttp.NEED_DATA:
            if isinstance(event, zttp.Request):
                self.head, self.body = event, b""
                is_over = event.end_stream
            elif isinstance(event, zttp.Data):
                self.body += event.data
                is_over = False
            else:
                is_over = True
            if is_over:
                head = self.head
                self.on_request(
                    (
                        head.method.decode(),
                        head.target,
                        head.http_version.decode(),
                        head.headers.to_list(lowercase_names=True),
                        self.body,
                        not connection.should_close(),
                    )
                )
                connection.send_response(200, REPLY_HEADERS)
                connection.send_data(REPLY_BODY)
                connection.end_message()
                self.written = connection.data_to_send()
                connection.start_next_cycle()
            event = connection.next_event()


REPLY_HEADERS = [(b"content-length", b"17"), (b"content-type", b"application/json")]
REPLY_BODY = b'{"hello":"world"}'
PARSERS: dict[str, type[Httptools] | type[Zttp]] = {"httptools": Httptools, "zttp": Zttp}


def check() -> None:
    """Both find the same in every request."""
    for request in REQUESTS.values():
        found: list[Found] = []
        for make in PARSERS.values():
            make(found.append).feed(request)
        assert found[0] == found[1], found
        assert len(found) == 2


def parsing(make: type[Httptools] | type[Zttp], request: bytes) -> float:
    """Microseconds of CPU for one request, in process."""
    feed = make(lambda found: None).feed
    begin = time.process_time()
    for _ in range(PARSED):
        feed(request)
    return (time.process_time() - begin) / PARSED * 1e6


class Answering(asyncio.Protocol):
    """Answers each request with the same reply, written once."""

    def __init__(self, make: type[Httptools] | type[Zttp]) -> None:
        self.parser = make(self.answer)

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.parser.feed(data)
        if isinstance(self.parser, Zttp):
            self.transport.write(self.parser.written)

    def answer(self, found: Found) -> None:
        if isinstance(self.parser, Httptools):
            self.transport.write(REPLY)


def serve(name: str, channel: Connection) -> None:
    """A server process: sends its port, then its CPU time whenever it is asked."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Answering(PARSERS[name]), "127.0.0.1", 0)
        channel.send(server.sockets[0].getsockname()[1])
        done = asyncio.Event()

        def asked() -> None:
            if channel.recv() == "end":
                done.set()
            else:
                channel.send(time.process_time())

        loop.add_reader(channel.fileno(), asked)
        await done.wait()

    uvloop.run(main())


def answering(name: str, request: bytes) -> float:
    """Microseconds of the server's CPU for one request over a socket."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(name, theirs))
    process.start()
    with socket.create_connection(("127.0.0.1", ours.recv())) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ours.send("time")
        begin = ours.recv()
        for _ in range(ANSWERED):
            client.sendall(request)
            client.recv(65536)
        ours.send("time")
        end = ours.recv()
    ours.send("end")
    process.join()
    return float(end - begin) / ANSWERED * 1e6


def main() -> None:
    check()
    print(f"microseconds of CPU for one request, median of {ROUNDS} rounds\n")
    print(f"{'':10}{'in process':>24}{'over a socket':>24}")
    print(f"{'':10}{'httptools':>12}{'zttp':>12}{'httptools':>12}{'zttp':>12}")
    for name, request in REQUESTS.items():
        figures: dict[str, list[float]] = {}
        for _ in range(ROUNDS):
            for parser, make in PARSERS.items():
                figures.setdefault(f"in {parser}", []).append(parsing(make, request))
        for _ in range(3):
            for parser in PARSERS:
                figures.setdefault(f"socket {parser}", []).append(answering(parser, request))
        medians = [f"{statistics.median(values):12.2f}" for values in figures.values()]
        print(f"{name:10}{''.join(medians)}", flush=True)


if __name__ == "__main__":
    main()
