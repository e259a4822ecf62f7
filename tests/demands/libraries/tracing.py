"""A program with OpenTelemetry's FastAPI instrumentation: prints name and route of its spans."""

import json

from fastapi import APIRouter, FastAPI, WebSocket
from fastapi.testclient import TestClient
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

app = FastAPI()

items = APIRouter(prefix="/items")


@items.get("/{item_id}")
async def read_item(item_id: int) -> int:
    return item_id


@items.websocket("/{item_id}/live")
async def live(websocket: WebSocket, item_id: int) -> None:
    await websocket.accept()
    await websocket.send_json(item_id)
    await websocket.close()


api = APIRouter(prefix="/api")
api.include_router(items, prefix="/v1")
app.include_router(api)


@app.get("/broken/{number}")
async def broken(number: int) -> None:
    raise ZeroDivisionError("on purpose")


@app.exception_handler(KeyError)
async def no_key(request: object, error: KeyError) -> None: ...


exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
FastAPIInstrumentor.instrument_app(app, tracer_provider=provider, exclude_spans=["receive", "send"])

client = TestClient(app, raise_server_exceptions=False)
client.get("/api/v1/items/7")
client.get("/api/v1/items/seven")
client.get("/broken/1")
client.get("/nowhere")
with client.websocket_connect("/api/v1/items/7/live") as session:
    session.receive_json()

print(
    json.dumps(
        [
            [
                span.name,
                span.attributes.get("http.route"),
                span.attributes.get("http.status_code"),
                [event.name for event in span.events],
            ]
            for span in exporter.get_finished_spans()
        ]
    )
)
