"""A side of a benchmark that answers some requests otherwise than FastAPI does."""

from typing import Any

from starlette.responses import JSONResponse

from trivium import App, Response


class FastAPI(App):
    """An application whose replies in JSON say something else."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/items"):
            await JSONResponse({"id": 8})(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


__all__ = ["FastAPI", "Response"]
