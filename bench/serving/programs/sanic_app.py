"""Sanic on its own server; models are Pydantic's, by hand. `python sanic_app.py PORT`"""

import asyncio
import json
import sys

from models import OrderIn, OrderOut
from sanic import Sanic, Websocket
from sanic import json as json_response
from sanic.response import raw, text
from shared import EVENTS, GREETING, REPORT, TICK

app = Sanic("bench")


@app.get("/plaintext")
async def plaintext(request):
    return text(GREETING)


@app.get("/json")
async def read_json(request):
    return json_response({"message": GREETING})


@app.get("/users/<user_id:int>/items")
async def items(request, user_id: int):
    limit = int(request.args.get("limit", 10))
    return json_response({"user_id": user_id, "limit": limit, "q": request.args.get("q")})


@app.post("/orders")
async def order(request):
    order = OrderIn.model_validate_json(request.body)
    total = sum(line.quantity * line.price for line in order.lines)
    result = OrderOut(id=7, customer=order.customer, lines=order.lines, total=total)
    return raw(result.model_dump_json().encode(), content_type="application/json")


@app.get("/sync")
def sync(request):
    return json_response({"message": GREETING})


@app.get("/report")
async def report(request):
    return json_response(REPORT)


@app.post("/upload")
async def upload(request):
    file = request.files.get("file")
    return json_response({"filename": file.name, "size": len(file.body)})


@app.get("/events")
async def events(request):
    response = await request.respond(content_type="text/event-stream")
    for number in range(EVENTS):
        await response.send(f"data: {json.dumps({'n': number})}\n\n")
    await response.eof()


@app.get("/ticks")
async def ticks(request):
    response = await request.respond(content_type="text/event-stream")
    number = 0
    while True:
        await response.send(f"data: {json.dumps({'n': number})}\n\n")
        number += 1
        await asyncio.sleep(TICK)


@app.websocket("/echo")
async def echo(request, socket: Websocket):
    async for message in socket:
        await socket.send(message)


if __name__ == "__main__":
    # A stream may last as long as it likes; the default ends a reply after 60 s.
    app.config.RESPONSE_TIMEOUT = 3600
    app.run("127.0.0.1", int(sys.argv[1]), single_process=True, access_log=False, motd=False)
