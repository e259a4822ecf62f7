"""FastAPI, as its documentation writes it; `trivium_app.py` runs it on Trivium."""

import asyncio
import os
from collections.abc import AsyncIterable

from fastapi import FastAPI, UploadFile, WebSocket, WebSocketDisconnect
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.middleware.trustedhost import TrustedHostMiddleware
from fastapi.responses import PlainTextResponse
from fastapi.sse import EventSourceResponse
from models import OrderIn, OrderOut
from pydantic import BaseModel
from shared import EVENTS, GREETING, REPORT, TICK


class Event(BaseModel):
    n: int


app = FastAPI()

if os.environ.get("PRODUCTION"):
    app.add_middleware(GZipMiddleware)
    app.add_middleware(CORSMiddleware, allow_origins=["https://example.com"])
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "example.com"])


@app.get("/plaintext", response_class=PlainTextResponse)
async def plaintext():
    return GREETING


@app.get("/json")
async def read_json():
    return {"message": GREETING}


@app.get("/users/{user_id}/items")
async def items(user_id: int, limit: int = 10, q: str | None = None):
    return {"user_id": user_id, "limit": limit, "q": q}


@app.post("/orders")
async def order(order: OrderIn) -> OrderOut:
    total = sum(line.quantity * line.price for line in order.lines)
    return OrderOut(id=7, customer=order.customer, lines=order.lines, total=total)


@app.get("/sync")
def sync():
    return {"message": GREETING}


@app.get("/report")
async def report():
    return REPORT


@app.post("/upload")
async def upload(file: UploadFile):
    return {"filename": file.filename, "size": len(await file.read())}


@app.get("/events", response_class=EventSourceResponse)
async def events() -> AsyncIterable[Event]:
    for number in range(EVENTS):
        yield Event(n=number)


@app.get("/ticks", response_class=EventSourceResponse)
async def ticks() -> AsyncIterable[Event]:
    number = 0
    while True:
        yield Event(n=number)
        number += 1
        await asyncio.sleep(TICK)


@app.websocket("/echo")
async def echo(socket: WebSocket):
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        pass
