"""Robyn on its own server, one process and one worker. `python robyn_app.py PORT`"""

import asyncio
import json
import sys

from models import OrderIn, OrderOut
from robyn import Robyn, SSEMessage, SSEResponse, WebSocketDisconnect
from shared import EVENTS, GREETING, REPORT, TICK

app = Robyn(__file__)


@app.get("/plaintext")
async def plaintext():
    return GREETING


@app.get("/json")
async def read_json():
    return {"message": GREETING}


@app.get("/users/:user_id/items")
async def items(user_id: int, limit: int = 10, q: str = ""):
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
async def upload(request):
    ((filename, data),) = request.files.items()
    return {"filename": filename, "size": len(data)}


@app.get("/events")
async def events():
    async def stream():
        for number in range(EVENTS):
            yield SSEMessage(json.dumps({"n": number}))

    return SSEResponse(stream())


@app.get("/ticks")
async def ticks():
    async def stream():
        number = 0
        while True:
            yield SSEMessage(json.dumps({"n": number}))
            number += 1
            await asyncio.sleep(TICK)

    return SSEResponse(stream())


@app.websocket("/echo")
async def echo(websocket):
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect:
        pass


if __name__ == "__main__":
    app.start("127.0.0.1", int(sys.argv[1]))
