"""The physical limit: httptools on uvloop, nothing of a framework and nothing of ASGI.

An order is read and written by Pydantic, as everywhere else: how fast it can be served at all.

python limit_app.py PORT
"""

import asyncio
import json
import sys

import httptools
import uvloop
from models import OrderIn, OrderOut
from shared import GREETING

read_order = OrderIn.__pydantic_validator__.validate_json
write_order = OrderOut.__pydantic_serializer__.to_json


class Protocol(asyncio.Protocol):
    """Parses requests, headers included, and answers each with a line of JSON, or of text."""

    def connection_made(self, transport):
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)

    def data_received(self, data):
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.transport.close()

    def on_message_begin(self):
        self.headers = []
        self.url = self.body = b""

    def on_url(self, url):
        self.url += url

    def on_header(self, name, value):
        self.headers.append((name.lower(), value))

    def on_body(self, body):
        self.body += body

    def on_message_complete(self):
        path, kind = httptools.parse_url(self.url).path, b"application/json"
        if path == b"/orders":
            body = write_order(take(read_order(self.body)))
        elif path == b"/plaintext":
            body, kind = GREETING.encode(), b"text/plain; charset=utf-8"
        else:
            body = json.dumps({"message": GREETING}).encode()
        self.transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\ncontent-type: %b\r\n\r\n%b"
            % (len(body), kind, body)
        )
        if not self.parser.should_keep_alive():
            self.transport.close()


def take(order):
    total = sum(line.quantity * line.price for line in order.lines)
    return OrderOut(id=7, customer=order.customer, lines=order.lines, total=total)


async def main(port):
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Protocol, "127.0.0.1", port)
    await server.serve_forever()


uvloop.run(main(int(sys.argv[1])))
