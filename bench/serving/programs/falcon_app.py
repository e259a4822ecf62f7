"""Falcon (ASGI), as its documentation writes it: models are Pydantic's, by hand."""

import asyncio
import os

import falcon
import falcon.asgi
from models import OrderIn, OrderOut
from shared import EVENTS, GREETING, REPORT, TICK


class Plaintext:
    async def on_get(self, request, response):
        response.content_type = falcon.MEDIA_TEXT
        response.text = GREETING


class Json:
    async def on_get(self, request, response):
        response.media = {"message": GREETING}


class Items:
    async def on_get(self, request, response, user_id):
        limit = request.get_param_as_int("limit", default=10)
        response.media = {"user_id": user_id, "limit": limit, "q": request.get_param("q")}


class Orders:
    async def on_post(self, request, response):
        order = OrderIn.model_validate(await request.get_media())
        total = sum(line.quantity * line.price for line in order.lines)
        result = OrderOut(id=7, customer=order.customer, lines=order.lines, total=total)
        response.media = result.model_dump()


class Report:
    async def on_get(self, request, response):
        response.media = REPORT


class Upload:
    async def on_post(self, request, response):
        async for part in await request.get_media():
            if part.name == "file":
                data = await part.stream.read()
                response.media = {"filename": part.filename, "size": len(data)}


class Events:
    async def on_get(self, request, response):
        async def stream():
            for number in range(EVENTS):
                yield falcon.asgi.SSEvent(json={"n": number})

        response.sse = stream()


class Ticks:
    async def on_get(self, request, response):
        async def stream():
            number = 0
            while True:
                yield falcon.asgi.SSEvent(json={"n": number})
                number += 1
                await asyncio.sleep(TICK)

        response.sse = stream()


class Echo:
    async def on_websocket(self, request, socket):
        await socket.accept()
        try:
            while True:
                await socket.send_text(await socket.receive_text())
        except falcon.WebSocketDisconnected:
            pass


PRODUCTION = [falcon.CORSMiddleware(allow_origins="https://example.com")]

app = falcon.asgi.App(middleware=PRODUCTION if os.environ.get("PRODUCTION") else [])
app.add_route("/plaintext", Plaintext())
app.add_route("/json", Json())
app.add_route("/users/{user_id:int}/items", Items())
app.add_route("/orders", Orders())
app.add_route("/report", Report())
app.add_route("/upload", Upload())
app.add_route("/events", Events())
app.add_route("/ticks", Ticks())
app.add_route("/echo", Echo())
