"""A program with prometheus-fastapi-instrumentator: prints the handlers that its metrics name."""

import json
import re

from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient
from prometheus_fastapi_instrumentator import Instrumentator

app = FastAPI()

items = APIRouter(prefix="/items")


@items.get("/{item_id}")
async def read_item(item_id: int) -> int:
    return item_id


@items.get("/{item_id}/parts/{part}")
def read_part(item_id: int, part: str) -> str:
    return part


api = APIRouter(prefix="/api")
api.include_router(items, prefix="/v1")
app.include_router(api)

mounted = FastAPI()


@mounted.get("/users/{name}")
async def read_user(name: str) -> str:
    return name


app.mount("/mounted", mounted)


@app.get("/broken/{number}")
async def broken(number: int) -> None:
    raise ZeroDivisionError


Instrumentator().instrument(app).expose(app)

client = TestClient(app, raise_server_exceptions=False)
for path in (
    "/api/v1/items/7",
    "/api/v1/items/8",
    "/api/v1/items/7/parts/wheel",
    "/api/v1/items/seven",
    "/mounted/users/ada",
    "/broken/1",
    "/nowhere/at/all",
):
    client.get(path)

counted = re.findall(
    r'^http_requests_total{handler="([^"]+)",method="(\w+)",status="(\w+)"} ([\d.]+)$',
    client.get("/metrics").text,
    re.MULTILINE,
)
print(json.dumps(sorted([*line[:3], float(line[3])] for line in counted)))
