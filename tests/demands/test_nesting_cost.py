"""Finding a route costs the same flat or ten routers deep, and building grows with the routes only.

Cost is counted in executed bytecodes, which no busy machine changes.
"""

import asyncio
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from starlette.responses import PlainTextResponse

from bench.harness.asgi import ASGIApp, Call, exchange, lifespan
from trivium import APIRouter, App

DEPTH = 10
PREFIX = "".join(f"/level{level}" for level in range(DEPTH))
FOUND = PlainTextResponse("found")


def bytecodes(work: Callable[[], Any]) -> int:
    """How many bytecodes `work` executes, those of all functions that it calls included."""
    executed = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal executed
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        executed += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return executed


def of_a_request(app: ASGIApp, path: str) -> int:
    """The bytecodes of one request, after one that compiled what is compiled once."""

    async def measure() -> int:
        async with lifespan(app):
            first = await exchange(app, Call(path))
            assert (first.status, first.body) == (200, b"found")
            coroutine = exchange(app, Call(path))

            def step() -> None:
                with pytest.raises(StopIteration):
                    coroutine.send(None)

            return bytecodes(step)

    return asyncio.run(measure())


def declare(router: Any, count: int, prefix: str = "") -> None:
    for number in range(count):

        @router.get(f"{prefix}/route{number:05}/{{item_id}}")
        async def read(item_id: str) -> Any:
            return FOUND


def flat(count: int) -> App:
    app = App()
    declare(app, count, PREFIX)
    return app


def nested(count: int, depth: int = DEPTH) -> App:
    inner = APIRouter()
    declare(inner, count)
    for level in reversed(range(1, depth)):
        outer = APIRouter()
        outer.include_router(inner, prefix=f"/level{level}")
        inner = outer
    app = App()
    app.include_router(inner, prefix="/level0")
    return app


def test_match_time_is_independent_of_depth() -> None:
    one_flat_route = of_a_request(flat(1), f"{PREFIX}/route00000/7")

    last_of_many_nested = of_a_request(nested(200), f"{PREFIX}/route00199/7")

    assert last_of_many_nested <= one_flat_route * 1.1


def test_match_time_is_independent_of_the_number_of_routes() -> None:
    first_of_one = of_a_request(flat(1), f"{PREFIX}/route00000/7")

    last_of_many = of_a_request(flat(500), f"{PREFIX}/route00499/7")

    assert last_of_many <= first_of_one * 1.1


def of_building(count: int, depth: int) -> int:
    """The bytecodes from the first declaration to the first reply."""

    async def first_reply(app: App) -> None:
        prefix = "".join(f"/level{level}" for level in range(depth))
        reply = await exchange(app, Call(f"{prefix}/route{count - 1:05}/7"))
        assert reply.status == 200

    def build() -> None:
        coroutine = first_reply(nested(count, depth))
        with pytest.raises(StopIteration):
            coroutine.send(None)

    return bytecodes(build)


@pytest.mark.slow
def test_build_is_linear_in_routes() -> None:
    of_building(1, 2)  # what is done once in a process

    small, middle, large = (of_building(count, DEPTH) for count in (40, 80, 160))

    assert (large - middle) <= 2 * (middle - small) * 1.05


@pytest.mark.slow
def test_build_of_nested_routes_costs_little_more_than_flat_ones() -> None:
    of_building(1, 2)

    one_deep, ten_deep = of_building(80, 1), of_building(80, DEPTH)

    assert ten_deep <= one_deep * 1.5
