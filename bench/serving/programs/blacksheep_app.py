"""BlackSheep, as its documentation writes it."""

import asyncio
import os
from dataclasses import dataclass

from blacksheep import (
    Application,
    FromFiles,
    FromJSON,
    WebSocket,
    WebSocketDisconnectError,
    get,
    post,
    text,
    ws,
)
from blacksheep.server.compression import use_gzip_compression
from blacksheep.server.responses import json as json_response
from blacksheep.server.sse import ServerSentEvent, ServerSentEventsResponse
from shared import EVENTS, GREETING, REPORT, TICK

app = Application()

if os.environ.get("PRODUCTION"):
    app.use_cors(allow_methods="GET POST", allow_origins="https://example.com")
    use_gzip_compression(app)


@dataclass
class Line:
    sku: str
    quantity: int
    price: float


@dataclass
class OrderIn:
    customer: str
    lines: list[Line]
    note: str | None = None


@dataclass
class OrderOut:
    id: int
    customer: str
    lines: list[Line]
    total: float


@get("/plaintext")
async def plaintext():
    return text(GREETING)


@get("/json")
async def read_json():
    return json_response({"message": GREETING})


@get("/users/{user_id}/items")
async def items(user_id: int, limit: int = 10, q: str | None = None):
    return json_response({"user_id": user_id, "limit": limit, "q": q})


@post("/orders")
async def order(data: FromJSON[OrderIn]) -> OrderOut:
    order = data.value
    total = sum(line.quantity * line.price for line in order.lines)
    return OrderOut(id=7, customer=order.customer, lines=order.lines, total=total)


@get("/sync")
def sync():
    return json_response({"message": GREETING})


@get("/report")
async def report():
    return json_response(REPORT)


@post("/upload")
async def upload(files: FromFiles):
    file = files.value[0]
    return json_response({"filename": file.file_name.decode(), "size": len(file.data)})


@get("/events")
async def events():
    async def stream():
        for number in range(EVENTS):
            yield ServerSentEvent({"n": number})

    return ServerSentEventsResponse(stream)


@get("/ticks")
async def ticks():
    async def stream():
        number = 0
        while True:
            yield ServerSentEvent({"n": number})
            number += 1
            await asyncio.sleep(TICK)

    return ServerSentEventsResponse(stream)


@ws("/echo")
async def echo(socket: WebSocket):
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnectError:
        pass
