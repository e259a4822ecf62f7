"""What an application of one route does not load: batteries, and what nobody asked for yet."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version

import trivium

ONE_ROUTE = """
import asyncio, json, sys

from trivium import App

app = App()


@app.get("/")
async def hello() -> dict[str, str]:
    return {"hello": "world"}


async def answered(path):
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": []}
    await app(scope, receive, send)
    return sent[0]["status"]


async def main():
    statuses = [await answered("/")]
    result = {"loaded": sorted(sys.modules)}
    statuses.append(await answered("/openapi.json"))
    result |= {"statuses": statuses, "at_the_end": sorted(sys.modules)}
    json.dump(result, sys.stdout)


asyncio.run(main())
"""

NOT_LOADED = (
    # Of Trivium: the models of OpenAPI take longer to make than everything else together.
    "trivium.binding.foreign",
    "trivium.checks",
    "trivium.cli",
    "trivium.db",
    "trivium.fastapi",
    "trivium.openapi.document",
    "trivium.openapi.models",
    "trivium.responding.relay",
    "trivium.responding.sse",
    "trivium.responding.stream",
    "trivium.routing.explain",
    "trivium.routing.handlers",
    "trivium.security",
    "trivium.server",
    "trivium.stages.access_log",
    "trivium.stages.function_middleware",
    "trivium.stages.health",
    "trivium.stages.telemetry.server",
    "trivium.testing",
    # Of others.
    "difflib",
    "fastapi",
    "gzip",
    "httpx",
    "httpx2",
    "jinja2",
    "msgspec",
    "opentelemetry",
    "orjson",
    "pydantic.color",
    "pydantic.networks",
    "pydantic.v1",
    "pydantic_settings",
    "rich",
    "sqlalchemy",
    "typer",
    "ujson",
    "uvicorn",
    "websockets",
)


def test_the_version_is_that_of_the_package() -> None:
    assert trivium.__version__ == version("trivium")


def program() -> dict[str, list[str]]:
    command = [sys.executable, "-c", ONE_ROUTE]
    printed = subprocess.check_output(command, text=True, timeout=60)
    result: dict[str, list[str]] = json.loads(printed)
    return result


def test_an_app_of_one_route_loads_neither_a_battery_nor_the_models_of_the_document() -> None:
    result = program()

    assert result["statuses"] == [200, 200]
    assert [name for name in NOT_LOADED if name in result["loaded"]] == []
    assert "trivium.openapi.models" in result["at_the_end"]
