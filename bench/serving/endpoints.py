"""What every program is asked, what it has to answer, and what is sent to it."""

import json
from dataclasses import dataclass
from typing import Any, Literal

from bench.serving.programs.shared import EVENTS, GREETING, REPORT

MESSAGE = {"message": GREETING}
LINES = [{"sku": f"article-{n}", "quantity": n, "price": 9.5} for n in range(1, 6)]
ORDER = {"customer": "Ada Lovelace", "lines": LINES, "note": None}
# Less than the 64 kB from which django-bolt 0.3.12 refuses a file.
FILE = b"0123456789abcdef" * 3750
BOUNDARY = "a-boundary-of-the-benchmark"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One thing to ask for.

    kind: "http" is measured by wrk; "events" and "echo" by the client of this package.
    expected: the JSON value of the reply; a str for a text.
    core: measured in every round, because a goal looks at it.
    production: asked of the program with its production middleware on.
    """

    name: str
    title: str
    path: str
    expected: Any
    kind: Literal["http", "events", "echo"] = "http"
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    connections: int = 64
    core: bool = False
    production: bool = False
    unit: str = "requests/s"


def _multipart() -> bytes:
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return head.encode() + FILE + f"\r\n--{BOUNDARY}--\r\n".encode()


ENDPOINTS = (
    Endpoint("json", "JSON", "/json", MESSAGE, core=True),
    Endpoint(
        "params",
        "path and query, typed",
        "/users/7/items?limit=20&q=word",
        {"user_id": 7, "limit": 20, "q": "word"},
        core=True,
    ),
    Endpoint(
        "body",
        "validated body, response model",
        "/orders",
        {"id": 7, "customer": "Ada Lovelace", "lines": LINES, "total": 142.5},
        method="POST",
        headers=(("Content-Type", "application/json"),),
        body=json.dumps(ORDER).encode(),
        core=True,
    ),
    Endpoint("def", "`def` handler", "/sync", MESSAGE, core=True),
    Endpoint("production", "JSON, production on", "/json", MESSAGE, core=True, production=True),
    Endpoint("plaintext", "plain text", "/plaintext", GREETING),
    Endpoint("report", "JSON of 20 kB", "/report", REPORT),
    Endpoint(
        "upload",
        "upload of 60 kB",
        "/upload",
        {"filename": "a.bin", "size": len(FILE)},
        method="POST",
        headers=(("Content-Type", f"multipart/form-data; boundary={BOUNDARY}"),),
        body=_multipart(),
    ),
    Endpoint(
        "events",
        "Server-Sent Events",
        "/events",
        [{"n": number} for number in range(EVENTS)],
        kind="events",
        connections=16,
        unit="events/s",
    ),
    Endpoint(
        "echo",
        "WebSocket echo",
        "/echo",
        "a message of 32 characters, here",
        kind="echo",
        connections=16,
        unit="messages/s",
    ),
    Endpoint("json@1", "JSON, 1 connection", "/json", MESSAGE, connections=1),
    Endpoint("json@256", "JSON, 256 connections", "/json", MESSAGE, connections=256),
)

BY_NAME = {endpoint.name: endpoint for endpoint in ENDPOINTS}
