"""The physical limit: httptools on uvloop, nothing of a framework and nothing of ASGI.

python limit.py PORT
"""

import asyncio
import json
import sys

import httptools
import uvloop
from shared import GREETING


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
        self.url = b""

    def on_url(self, url):
        self.url += url

    def on_header(self, name, value):
        self.headers.append((name.lower(), value))

    def on_message_complete(self):
        if httptools.parse_url(self.url).path != b"/plaintext":
            body, kind = json.dumps({"message": GREETING}).encode(), b"application/json"
        else:
            body, kind = GREETING.encode(), b"text/plain; charset=utf-8"
        self.transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\ncontent-type: %b\r\n\r\n%b"
            % (len(body), kind, body)
        )
        if not self.parser.should_keep_alive():
            self.transport.close()


async def main(port):
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Protocol, "127.0.0.1", port)
    await server.serve_forever()


uvloop.run(main(int(sys.argv[1])))
