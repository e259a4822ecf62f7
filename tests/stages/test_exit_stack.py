"""The exit stack of a request, for those who bring a middleware of their own."""

from __future__ import annotations

from typing import Any

import pytest

from trivium.stages.exit_stack import AsyncExitStackMiddleware


@pytest.mark.parametrize("fails", [False, True])
async def test_what_is_pushed_on_the_stack_is_closed_when_the_application_returns(
    fails: bool,
) -> None:
    events: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["stack"].callback(events.append, "closed")
        events.append("served")
        if fails:
            raise KeyError

    async def nothing(*_: Any) -> Any: ...

    middleware = AsyncExitStackMiddleware(app, "stack")

    if fails:
        with pytest.raises(KeyError):
            await middleware({"type": "http"}, nothing, nothing)
    else:
        await middleware({"type": "http"}, nothing, nothing)

    assert events == ["served", "closed"]
