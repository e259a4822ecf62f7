"""Finding a route: how the cost of a request grows with the number and the nesting of routes.

The handler returns a ready response, so that the search is as large a share of the request as it
can be. Where cases are compared with each other, the path of the request has the same shape.
"""

from collections.abc import Callable
from typing import Any

from bench.harness.asgi import ASGIApp, Call, Message, Receive, Send
from bench.harness.case import Build, Case, Goal, RequestCase
from bench.harness.framework import Framework

DEPTH = 10
_PREFIX = "".join(f"/level{level}" for level in range(DEPTH))

Declare = Callable[[Any, str, Any], None]


def _static(router: Any, path: str, reply: Any) -> None:
    @router.get(path)
    async def read():
        return reply


def _with_parameter(router: Any, path: str, reply: Any) -> None:
    @router.get(path + "/{item_id}")
    async def read(item_id: str):
        return reply


def _parameter_first(router: Any, path: str, reply: Any) -> None:
    @router.get("/{tenant}" + path + "/{item_id}")
    async def read(tenant: str, item_id: str):
        return reply


def _reply(framework: Framework) -> Any:
    return framework.submodule("responses").PlainTextResponse("found")


def _path(number: int) -> str:
    return f"/route{number:05}"


def _flat(count: int, declare: Declare, prefix: str = "") -> Build:
    def build(framework: Framework) -> ASGIApp:
        app, reply = framework.application(), _reply(framework)
        for number in range(count):
            declare(app, prefix + _path(number), reply)
        return app

    return build


def _nested(count: int, declare: Declare) -> Build:
    """All routes in the innermost of ten routers, each included in the next with a prefix."""

    def build(framework: Framework) -> ASGIApp:
        reply = _reply(framework)
        inner = framework.APIRouter()
        for number in range(count):
            declare(inner, _path(number), reply)
        for level in reversed(range(1, DEPTH)):
            outer = framework.APIRouter()
            outer.include_router(inner, prefix=f"/level{level}")
            inner = outer
        app = framework.application()
        app.include_router(inner, prefix="/level0")
        return app

    return build


def _branches(count: int, declare: Declare) -> Build:
    """Ten routers deep with a tenth of the routes on each level: the last one is the innermost."""

    def build(framework: Framework) -> ASGIApp:
        reply = _reply(framework)
        share = count // DEPTH
        inner = None
        for level in reversed(range(DEPTH)):
            router = framework.APIRouter(prefix=f"/level{level}")
            for number in range(level * share, (level + 1) * share):
                declare(router, _path(number), reply)
            if inner is not None:
                router.include_router(inner)
            inner = router
        app = framework.application()
        app.include_router(inner)
        return app

    return build


def _floor(framework: Framework) -> ASGIApp:
    start: Message = {"type": "http.response.start", "status": 200, "headers": []}
    body: Message = {"type": "http.response.body", "body": b"found"}

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for kind in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{kind}.complete"})
            return
        await send(start)
        await send(body)

    return app


def _case(
    name: str,
    title: str,
    build: Build,
    target: str,
    *goals: Goal,
    status: int = 200,
    slow: bool = False,
) -> Case:
    return RequestCase(
        name=name,
        title=title,
        build=build,
        call=Call(target, status=status),
        also=(Call("/nowhere", status=404), Call(target, method="DELETE", status=405)),
        goals=goals,
        slow=slow,
    )


def _alike(base: str) -> Goal:
    return Goal(1.10, to=base)


CASES: list[Case] = [
    RequestCase(name="floor", title="the driver alone", build=_floor, call=Call("/")),
    _case("first_of_1", "1 route, static", _flat(1, _static), _path(0)),
    _case(
        "last_of_1000",
        "last of 1,000, static",
        _flat(1_000, _static),
        _path(999),
        _alike("first_of_1"),
    ),
    _case(
        "last_of_10000",
        "last of 10,000, static",
        _flat(10_000, _static),
        _path(9_999),
        _alike("first_of_1"),
        slow=True,
    ),
    _case("first_of_1_param", "1 route, parameter", _flat(1, _with_parameter), _path(0) + "/7"),
    _case(
        "last_of_1000_param",
        "last of 1,000, parameter",
        _flat(1_000, _with_parameter),
        _path(999) + "/7",
        _alike("first_of_1_param"),
    ),
    _case(
        "last_of_10000_param",
        "last of 10,000, parameter",
        _flat(10_000, _with_parameter),
        _path(9_999) + "/7",
        _alike("first_of_1_param"),
        slow=True,
    ),
    _case("first_long", "1 route, 11 segments", _flat(1, _static, _PREFIX), _PREFIX + _path(0)),
    _case(
        "last_nested",
        "last of 1,000 ten routers deep, static",
        _nested(1_000, _static),
        _PREFIX + _path(999),
        _alike("first_long"),
        slow=True,
    ),
    _case(
        "first_long_param",
        "1 route, 12 segments, parameter",
        _flat(1, _with_parameter, _PREFIX),
        _PREFIX + _path(0) + "/7",
    ),
    _case(
        "last_nested_param",
        "last of 1,000 ten routers deep, parameter",
        _nested(1_000, _with_parameter),
        _PREFIX + _path(999) + "/7",
        _alike("first_long_param"),
    ),
    _case(
        "last_branches_param",
        "last of 1,000, 100 on each of ten levels, parameter",
        _branches(1_000, _with_parameter),
        _PREFIX + _path(999) + "/7",
        _alike("first_long_param"),
        slow=True,
    ),
    _case(
        "first_tenant",
        "1 route, parameter first",
        _flat(1, _parameter_first),
        "/acme" + _path(0) + "/7",
    ),
    _case(
        "last_tenant",
        "last of 1,000, parameter first",
        _flat(1_000, _parameter_first),
        "/acme" + _path(999) + "/7",
        _alike("first_tenant"),
    ),
    _case("miss_1", "404 with 1 route", _flat(1, _static), "/missing", status=404),
    _case(
        "miss_1000",
        "404 with 1,000 routes",
        _flat(1_000, _with_parameter),
        "/missing",
        _alike("miss_1"),
        status=404,
    ),
]
