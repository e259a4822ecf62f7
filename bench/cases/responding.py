"""From a returned value to bytes."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from bench.harness.asgi import ASGIApp, Call
from bench.harness.case import Case, Goal, RequestCase
from bench.harness.framework import Framework

_THIRD = (Goal(1 / 3),)
_WHEN = datetime(2013, 1, 1, 5, 15, tzinfo=UTC)


class Flight(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    carrier: str
    origin: str
    destination: str
    departure: datetime
    delay: float | None


@dataclass(slots=True)
class Row:
    """What an ORM hands out: attributes, no validation."""

    id: int
    carrier: str = "UA"
    origin: str = "EWR"
    destination: str = "IAH"
    departure: datetime = _WHEN
    delay: float | None = 2.0
    secret: str = "not in the reply"


_ROWS = [Row(number) for number in range(160)]
_FLIGHTS = [Flight.model_validate(row) for row in _ROWS]
_PLAIN = [flight.model_dump(mode="json") for flight in _FLIGHTS]


def _app(framework: Framework, value: Any, **options: Any) -> ASGIApp:
    app = framework.application()

    @app.get("/", **options)
    async def read():
        return value

    return app


def _untyped(framework: Framework) -> ASGIApp:
    return _app(framework, _PLAIN)


def _instances(framework: Framework) -> ASGIApp:
    return _app(framework, _FLIGHTS, response_model=list[Flight])


def _objects(framework: Framework) -> ASGIApp:
    return _app(framework, _ROWS, response_model=list[Flight])


def _one_instance(framework: Framework) -> ASGIApp:
    return _app(framework, _FLIGHTS[0], response_model=Flight)


def _excluding(framework: Framework) -> ASGIApp:
    return _app(
        framework, _FLIGHTS[0], response_model=Flight, response_model_exclude={"delay", "origin"}
    )


def _plain_text(framework: Framework) -> ASGIApp:
    return _app(
        framework, "found", response_class=framework.submodule("responses").PlainTextResponse
    )


def _ready(framework: Framework) -> ASGIApp:
    app, response = framework.application(), framework.Response

    @app.get("/")
    async def read():
        return response(b"{}", media_type="application/json")

    return app


def _headers(framework: Framework) -> ASGIApp:
    app, response_type = framework.application(), framework.Response

    async def read(response):
        response.headers["x-total"] = "12"
        response.set_cookie("seen", "1")
        return {"ok": True}

    read.__annotations__ = {"response": response_type}
    app.get("/", status_code=201)(read)
    return app


def _background(framework: Framework) -> ASGIApp:
    app, tasks_type = framework.application(), framework.BackgroundTasks

    async def task() -> None: ...

    async def read(tasks):
        tasks.add_task(task)
        return {"ok": True}

    read.__annotations__ = {"tasks": tasks_type}
    app.get("/")(read)
    return app


def _stream(framework: Framework) -> ASGIApp:
    app, streaming = framework.application(), framework.submodule("responses").StreamingResponse

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 1_000

    @app.get("/")
    async def read():
        return streaming(chunks(), media_type="text/plain")

    return app


def _case(name: str, title: str, build: Any, *goals: Goal, status: int = 200, **more: Any) -> Case:
    return RequestCase(
        name=name, title=title, build=build, call=Call("/", status=status), goals=goals, **more
    )


CASES: list[Case] = [
    _case("json_untyped", "JSON 20 kB, no model", _untyped),
    _case("json_instances", "JSON 20 kB, list of model instances", _instances),
    _case("json_objects", "JSON 20 kB, list of objects to a model", _objects),
    _case("model_instance", "one model instance", _one_instance, *_THIRD),
    _case("model_exclude", "one model instance, two fields excluded", _excluding, *_THIRD),
    _case("text", "str as plain text", _plain_text, *_THIRD),
    _case("ready_response", "a Response of the handler's own", _ready, *_THIRD),
    _case("headers", "header, cookie and status of an injected Response", _headers, status=201),
    _case("background", "a background task", _background),
    _case("stream", "stream of 20 chunks of 1 kB", _stream, countable=False),
]
