"""Starlette, as its users write it: what it does not do (typed values, models) is done by hand."""

import asyncio
import json
import os

from models import OrderIn, OrderOut
from pydantic import TypeAdapter
from shared import EVENTS, GREETING, REPORT, TICK
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocketDisconnect

OUT = TypeAdapter(OrderOut)


async def plaintext(request):
    return PlainTextResponse(GREETING)


async def read_json(request):
    return JSONResponse({"message": GREETING})


async def items(request):
    query = request.query_params
    return JSONResponse(
        {
            "user_id": request.path_params["user_id"],
            "limit": int(query.get("limit", 10)),
            "q": query.get("q"),
        }
    )


async def order(request):
    order = OrderIn.model_validate_json(await request.body())
    total = sum(line.quantity * line.price for line in order.lines)
    result = OrderOut(id=7, customer=order.customer, lines=order.lines, total=total)
    return Response(OUT.dump_json(result), media_type="application/json")


def sync(request):
    return JSONResponse({"message": GREETING})


async def report(request):
    return JSONResponse(REPORT)


async def upload(request):
    async with request.form() as form:
        file = form["file"]
        return JSONResponse({"filename": file.filename, "size": len(await file.read())})


async def events(request):
    async def stream():
        for number in range(EVENTS):
            yield f"data: {json.dumps({'n': number})}\n\n"

    return StreamingResponse(stream(), media_type="text/event-stream")


async def ticks(request):
    async def stream():
        number = 0
        while True:
            yield f"data: {json.dumps({'n': number})}\n\n"
            number += 1
            await asyncio.sleep(TICK)

    return StreamingResponse(stream(), media_type="text/event-stream")


async def echo(socket):
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        pass


PRODUCTION = [
    Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "example.com"]),
    Middleware(CORSMiddleware, allow_origins=["https://example.com"]),
    Middleware(GZipMiddleware),
]

app = Starlette(
    routes=[
        Route("/plaintext", plaintext),
        Route("/json", read_json),
        Route("/users/{user_id:int}/items", items),
        Route("/orders", order, methods=["POST"]),
        Route("/sync", sync),
        Route("/report", report),
        Route("/upload", upload, methods=["POST"]),
        Route("/events", events),
        Route("/ticks", ticks),
        WebSocketRoute("/echo", echo),
    ],
    middleware=PRODUCTION if os.environ.get("PRODUCTION") else [],
)
