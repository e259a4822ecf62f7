"""What an application of one route does not load: batteries, and what nobody asked for yet."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version

import trivium

APP = """
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


"""
ASKED = """
async def main():
    statuses = [await answered("/")]
    result = {"loaded": sorted(sys.modules)}
    statuses += await asyncio.gather(*map(answered, PATHS))
    result |= {"statuses": statuses, "at_the_end": sorted(sys.modules)}
    json.dump(result, sys.stdout)


asyncio.run(main())
"""

NOT_LOADED = (
    # Of Trivium: the models of OpenAPI take longer to make than everything else together.
    "trivium.binding.body",
    "trivium.binding.foreign",
    "trivium.binding.forms",
    "trivium.binding.shape",
    "trivium.checks",
    "trivium.cli",
    "trivium.db",
    "trivium.fastapi",
    "trivium.openapi.assets",
    "trivium.openapi.document",
    "trivium.openapi.models",
    "trivium.openapi.offline",
    "trivium.openapi.own_pages",
    "trivium.openapi.pages",
    "trivium.openapi.policy",
    "trivium.responding.relay",
    "trivium.responding.sse",
    "trivium.responding.stream",
    "trivium.routing.explain",
    "trivium.routing.frontend",
    "trivium.routing.handlers",
    "trivium.routing.views",
    "trivium.security",
    "trivium.server",
    "trivium.stages.access_log",
    "trivium.stages.body_limit",
    "trivium.stages.function_middleware",
    "trivium.stages.health",
    "trivium.stages.stage",
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
    "starlette.middleware.base",
    "starlette.staticfiles",
    "typer",
    "ujson",
    "uvicorn",
    "websockets",
)


def test_the_version_is_that_of_the_package() -> None:
    assert trivium.__version__ == version("trivium")


NO_TYPES = APP.replace(" -> dict[str, str]", "")
WITH_PARAMETER = """
@app.get("/items/{number}")
def read(number: int, page: int = 1):
    return {"number": number + page}


"""

NOT_LOADED_WITHOUT_TYPES = (
    *NOT_LOADED,
    "anyio._backends._asyncio",
    "anyio._core._synchronization",
    "anyio._core._tasks",
    "pydantic._internal._generate_schema",
    "pydantic._internal._model_construction",
    "pydantic.functional_validators",
    "pydantic.main",
    "pydantic.type_adapter",
)


def program(app: str, *paths: str) -> dict[str, list[str]]:
    """What a process tells that asks the app for ``/``, and then for all of the paths at once."""
    command = [sys.executable, "-c", app + ASKED.replace("PATHS", repr(paths))]
    printed = subprocess.check_output(command, text=True, timeout=60)
    result: dict[str, list[str]] = json.loads(printed)
    return result


def test_an_app_of_one_route_loads_neither_a_battery_nor_the_models_of_the_document() -> None:
    result = program(APP, "/openapi.json")

    assert result["statuses"] == [200, 200]
    assert [name for name in NOT_LOADED if name in result["loaded"]] == []
    assert "trivium.openapi.models" in result["at_the_end"]


def test_what_makes_models_is_not_loaded_by_an_app_that_declares_no_types() -> None:
    result = program(NO_TYPES, "/openapi.json")

    assert result["statuses"] == [200, 200]
    assert [name for name in NOT_LOADED_WITHOUT_TYPES if name in result["loaded"]] == []


def test_a_parameter_brings_what_makes_models_and_is_validated_in_threads() -> None:
    paths = [f"/items/{one}" for one in ("a", 1, 2, 3)]
    result = program(NO_TYPES + WITH_PARAMETER, *paths)

    assert result["statuses"] == [200, 422, 200, 200, 200]
    assert "pydantic.type_adapter" in result["loaded"]
