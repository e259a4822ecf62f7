"""Litestar, as its documentation writes it: msgspec for the models."""

import asyncio
import json
import os
from typing import Annotated

from litestar import Litestar, MediaType, WebSocket, get, post, websocket
from litestar.config.allowed_hosts import AllowedHostsConfig
from litestar.config.compression import CompressionConfig
from litestar.config.cors import CORSConfig
from litestar.datastructures import UploadFile
from litestar.enums import RequestEncodingType
from litestar.exceptions import WebSocketDisconnect
from litestar.params import Body
from litestar.response import ServerSentEvent
from msgspec import Struct
from shared import EVENTS, GREETING, REPORT, TICK


class Line(Struct):
    sku: str
    quantity: int
    price: float


class OrderIn(Struct):
    customer: str
    lines: list[Line]
    note: str | None = None


class OrderOut(Struct):
    id: int
    customer: str
    lines: list[Line]
    total: float


@get("/plaintext", media_type=MediaType.TEXT)
async def plaintext() -> str:
    return GREETING


@get("/json")
async def read_json() -> dict[str, str]:
    return {"message": GREETING}


@get("/users/{user_id:int}/items")
async def items(user_id: int, limit: int = 10, q: str | None = None) -> dict[str, int | str | None]:
    return {"user_id": user_id, "limit": limit, "q": q}


@post("/orders", status_code=200)
async def order(data: OrderIn) -> OrderOut:
    total = sum(line.quantity * line.price for line in data.lines)
    return OrderOut(id=7, customer=data.customer, lines=data.lines, total=total)


@get("/sync", sync_to_thread=True)
def sync() -> dict[str, str]:
    return {"message": GREETING}


@get("/report")
async def report() -> list[dict[str, object]]:
    return REPORT


@post("/upload", status_code=200)
async def upload(
    data: Annotated[UploadFile, Body(media_type=RequestEncodingType.MULTI_PART)],
) -> dict[str, str | int]:
    return {"filename": data.filename, "size": len(await data.read())}


@get("/events")
async def events() -> ServerSentEvent:
    async def stream():
        for number in range(EVENTS):
            yield json.dumps({"n": number})

    return ServerSentEvent(stream())


@get("/ticks")
async def ticks() -> ServerSentEvent:
    async def stream():
        number = 0
        while True:
            yield json.dumps({"n": number})
            number += 1
            await asyncio.sleep(TICK)

    return ServerSentEvent(stream())


@websocket("/echo")
async def echo(socket: WebSocket) -> None:
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        pass


# Litestar compares the Host header as it is sent, with its port.
HOST = f"127.0.0.1:{os.environ.get('PORT')}"
PRODUCTION = {
    "allowed_hosts": AllowedHostsConfig(allowed_hosts=[HOST, "example.com"]),
    "cors_config": CORSConfig(allow_origins=["https://example.com"]),
    "compression_config": CompressionConfig(backend="gzip"),
}

app = Litestar(
    [plaintext, read_json, items, order, sync, report, upload, events, ticks, echo],
    **(PRODUCTION if os.environ.get("PRODUCTION") else {}),
)
