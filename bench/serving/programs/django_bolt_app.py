"""django-bolt on its own server, in one file. `python django_bolt_app.py PORT`"""

import asyncio
import json
import sys
from typing import Annotated, Any

import msgspec
from django.conf import settings

settings.configure(
    DEBUG=False,
    SECRET_KEY="for a benchmark",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django_bolt"],
    BOLT_API=[f"{__name__}:api"],
)
import django  # noqa: E402  # the settings come first

django.setup()
from django_bolt import BoltAPI, StreamingResponse, WebSocket, WebSocketDisconnect  # noqa: E402  # see above
from django_bolt.param_functions import File  # noqa: E402  # see above
from django_bolt.responses import PlainText  # noqa: E402  # see above
from shared import EVENTS, GREETING, REPORT, TICK  # noqa: E402  # see above

urlpatterns: list[Any] = []


class Line(msgspec.Struct):
    sku: str
    quantity: int
    price: float


class OrderIn(msgspec.Struct):
    customer: str
    lines: list[Line]
    note: str | None = None


class OrderOut(msgspec.Struct):
    id: int
    customer: str
    lines: list[Line]
    total: float


api = BoltAPI()


@api.get("/plaintext")
async def plaintext():
    return PlainText(GREETING)


@api.get("/json")
async def read_json():
    return {"message": GREETING}


@api.get("/users/{user_id}/items")
async def items(user_id: int, limit: int = 10, q: str | None = None):
    return {"user_id": user_id, "limit": limit, "q": q}


@api.post("/orders")
async def order(order: OrderIn) -> OrderOut:
    total = sum(line.quantity * line.price for line in order.lines)
    return OrderOut(id=7, customer=order.customer, lines=order.lines, total=total)


@api.get("/sync")
def sync():
    return {"message": GREETING}


@api.get("/report")
async def report():
    return REPORT


@api.post("/upload")
async def upload(file: Annotated[dict, File()]):
    return {"filename": file["filename"], "size": len(file["content"])}


@api.get("/events")
async def events():
    async def stream():
        for number in range(EVENTS):
            yield f"data: {json.dumps({'n': number})}\n\n"

    return StreamingResponse(stream(), media_type="text/event-stream")


@api.get("/ticks")
async def ticks():
    async def stream():
        number = 0
        while True:
            yield f"data: {json.dumps({'n': number})}\n\n"
            number += 1
            await asyncio.sleep(TICK)

    return StreamingResponse(stream(), media_type="text/event-stream")


@api.websocket("/echo")
async def echo(websocket: WebSocket):
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect:
        pass


if __name__ == "__main__":
    from django.core.management import execute_from_command_line

    at = ["--host", "127.0.0.1", "--port", sys.argv[1]]
    execute_from_command_line(["bench", "runbolt", *at, "--no-admin"])
