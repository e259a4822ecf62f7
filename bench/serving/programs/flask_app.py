"""Flask, as its documentation writes it; models are Pydantic's, by hand."""

import json

from flask import Flask, Response, request
from models import OrderIn, OrderOut
from shared import EVENTS, GREETING, REPORT

app = Flask(__name__)


@app.get("/plaintext")
def plaintext():
    return Response(GREETING, mimetype="text/plain")


@app.get("/json")
@app.get("/sync")
def read_json():
    return {"message": GREETING}


@app.get("/users/<int:user_id>/items")
def items(user_id):
    limit = request.args.get("limit", 10, type=int)
    return {"user_id": user_id, "limit": limit, "q": request.args.get("q")}


@app.post("/orders")
def order():
    order = OrderIn.model_validate(request.get_json())
    total = sum(line.quantity * line.price for line in order.lines)
    return OrderOut(id=7, customer=order.customer, lines=order.lines, total=total).model_dump()


@app.get("/report")
def report():
    return REPORT


@app.post("/upload")
def upload():
    file = request.files["file"]
    return {"filename": file.filename, "size": len(file.read())}


@app.get("/events")
def events():
    def stream():
        for number in range(EVENTS):
            yield f"data: {json.dumps({'n': number})}\n\n"

    return Response(stream(), mimetype="text/event-stream")
