"""A route compiled: the plan of its handler, and the way its result becomes a reply."""

from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias, cast

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from trivium.binding.plan import Plan
from trivium.exchange import Exchange, Reply
from trivium.responding.reply import Finish, Outcome, with_background

__all__ = ["Operation", "RequestHandler", "as_response", "exchange_of"]

RequestHandler: TypeAlias = Callable[[Request], Coroutine[Any, Any, Response]]

_EXCHANGE = "trivium.exchange"


class Operation:
    """What a request to one route runs. Immutable; made once for each set of overrides."""

    __slots__ = ("custom_handler", "finish", "plan", "reply_to")

    def __init__(self, plan: Plan, finish: Finish, custom_handler: RequestHandler | None) -> None:
        self.plan = plan
        self.finish = finish
        self.custom_handler = custom_handler
        self.reply_to: Callable[[Exchange], Coroutine[Any, Any, Outcome]] = (
            self.produce if custom_handler is None else self._produce_custom
        )

    async def produce(self, ex: Exchange) -> Outcome:
        """Runs the plan and makes the reply."""
        return cast(Outcome, await self.plan.call(ex, self.finish))

    async def _produce_custom(self, ex: Exchange) -> Outcome:
        """Has the author's own handler answer; it calls ``produce`` where it sees fit."""
        handler = cast(RequestHandler, self.custom_handler)
        ex.scope[_EXCHANGE] = ex
        return with_background(await handler(ex.request), ex)


def exchange_of(connection: HTTPConnection) -> Exchange:
    """The exchange that a request belongs to, with that request in it; a new one if there is none.

    A custom route class may pass on a request of its own making.
    """
    ex = connection.scope.get(_EXCHANGE)
    if not isinstance(ex, Exchange):
        receive = getattr(connection, "_receive", None)
        send = getattr(connection, "_send", None)
        ex = Exchange(connection.scope, cast(Any, receive), cast(Any, send))
    ex.adopt(connection)
    return ex


def as_response(outcome: Outcome) -> Response:
    """The outcome as a Starlette response."""
    if not isinstance(outcome, Reply):
        return outcome
    response = Response(outcome.body, outcome.status, background=outcome.background)
    response.raw_headers[:] = outcome.headers
    return response
