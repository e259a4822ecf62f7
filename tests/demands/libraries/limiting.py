"""A program with slowapi: prints the status of requests in excess of the limits of its routes."""

import json

from fastapi import APIRouter, FastAPI, Request
from fastapi.testclient import TestClient
from slowapi import Limiter, _rate_limit_exceeded_handler
from slowapi.errors import RateLimitExceeded
from slowapi.middleware import SlowAPIASGIMiddleware, SlowAPIMiddleware
from slowapi.util import get_remote_address


def program(middleware: type) -> FastAPI:
    limiter = Limiter(key_func=get_remote_address, default_limits=["2/minute"])
    app = FastAPI()
    app.state.limiter = limiter
    app.add_exception_handler(RateLimitExceeded, _rate_limit_exceeded_handler)
    app.add_middleware(middleware)

    inner = APIRouter(prefix="/inner")

    @inner.get("/by-default/{number}")
    async def by_default(number: int) -> int:
        return number

    @inner.get("/decorated")
    @limiter.limit("1/minute")
    async def decorated(request: Request) -> str:
        return "ok"

    @inner.get("/exempt")
    @limiter.exempt
    async def exempt(request: Request) -> str:
        return "ok"

    outer = APIRouter(prefix="/outer")
    outer.include_router(inner)
    app.include_router(outer)

    @app.get("/flat")
    async def flat() -> str:
        return "ok"

    return app


found = {}
for middleware in (SlowAPIMiddleware, SlowAPIASGIMiddleware):
    client = TestClient(program(middleware))
    found[middleware.__name__] = {
        path: [client.get(path).status_code for _ in range(4)]
        for path in (
            "/flat",
            "/outer/inner/by-default/7",
            "/outer/inner/decorated",
            "/outer/inner/exempt",
        )
    }
print(json.dumps(found))
