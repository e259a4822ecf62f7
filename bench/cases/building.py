"""Building 1,000 routes: time until the first reply, and the memory they hold.

Each route has a handler of its own with an integer in the path, two query parameters and a response
model. Five routes share a model, as the routes of one resource do. Models are made before the clock
starts: Pydantic builds them, not the framework.
"""

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, create_model

from bench.harness.asgi import ASGIApp, Call
from bench.harness.case import BuildCase, Case, Goal, MemoryCase
from bench.harness.framework import Framework

COUNT, DEPTH, SHARE = 1_000, 10, 5
_TARGET = Call(f"/route{COUNT - 1:05}/7?q=word&limit=3")
_DEEP = "".join(f"/level{level}" for level in range(DEPTH))

Models = list[type[BaseModel]]


def _models(count: int) -> Callable[[Framework], Models]:
    def prepare(framework: Framework) -> Models:
        return [
            create_model(f"Out{number}", id=(int, ...), name=(str, ...), note=(str | None, None))
            for number in range(count // SHARE)
        ]

    return prepare


def _declare(router: Any, number: int, model: type[BaseModel]) -> None:
    @router.get(f"/route{number:05}/{{item_id}}", response_model=model)
    async def read(item_id: int, q: str, limit: int = 10):
        return {"id": item_id, "name": q, "note": str(limit)}


def _flat(count: int) -> Callable[[Framework, Models], ASGIApp]:
    def declare(framework: Framework, models: Models) -> ASGIApp:
        app = framework.application()
        for number in range(count):
            _declare(app, number, models[number // SHARE])
        return app

    return declare


def _resources(framework: Framework, models: Models) -> ASGIApp:
    """200 routers of five routes, included once: the shape of a large real program."""
    app = framework.application()
    for resource, model in enumerate(models):
        router = framework.APIRouter(tags=[f"resource {resource}"])
        for number in range(resource * SHARE, (resource + 1) * SHARE):
            _declare(router, number, model)
        app.include_router(router)
    return app


def _nested(framework: Framework, models: Models) -> ASGIApp:
    inner = framework.APIRouter()
    for number in range(COUNT):
        _declare(inner, number, models[number // SHARE])
    for level in reversed(range(1, DEPTH)):
        outer = framework.APIRouter()
        outer.include_router(inner, prefix=f"/level{level}")
        inner = outer
    app = framework.application()
    app.include_router(inner, prefix="/level0")
    return app


_FIFTH = (Goal(0.20),)

CASES: list[Case] = [
    BuildCase(
        name="build_flat",
        title="build 1,000 routes, flat, to the first reply",
        prepare=_models(COUNT),
        declare=_flat(COUNT),
        call=_TARGET,
        goals=_FIFTH,
    ),
    BuildCase(
        name="build_resources",
        title="build 1,000 routes in 200 routers, to the first reply",
        prepare=_models(COUNT),
        declare=_resources,
        call=_TARGET,
        goals=_FIFTH,
        slow=True,
    ),
    BuildCase(
        name="build_nested",
        title="build 1,000 routes ten routers deep, to the first reply",
        prepare=_models(COUNT),
        declare=_nested,
        call=Call(_DEEP + _TARGET.target),
        goals=_FIFTH,
    ),
    BuildCase(
        name="build_document",
        title="build 1,000 routes and their OpenAPI document",
        prepare=_models(COUNT),
        declare=_flat(COUNT),
        call=Call("/openapi.json"),
        slow=True,
    ),
    MemoryCase(
        name="memory_flat",
        title="memory of 1,000 routes, flat",
        prepare=_models(COUNT),
        declare=_flat(COUNT),
        call=_TARGET,
    ),
    MemoryCase(
        name="memory_nested",
        title="memory of 1,000 routes ten routers deep",
        prepare=_models(COUNT),
        declare=_nested,
        call=Call(_DEEP + _TARGET.target),
        slow=True,
    ),
]
