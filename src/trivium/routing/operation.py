"""A route compiled, and the order in which a request to it comes to its end.

Function scope closed, reply sent, background tasks run, request scope closed, tasks that an exit
added run: here and nowhere else. Uploaded files are closed by ``Exchange.release``, last of all.
See ``docs/lifecycle.md``.
"""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NamedTuple, TypeAlias, cast

from starlette.concurrency import iterate_in_threadpool
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response, StreamingResponse

from trivium.binding.plan import Plan
from trivium.binding.steps import Overrides
from trivium.errors import TriviumError
from trivium.exchange import Exchange, Reply
from trivium.responding.delivery import handed_over, run_promised, whole_reply
from trivium.responding.loading import Unfinished
from trivium.responding.reply import Finish, Outcome, Written
from trivium.threads import iterated_in_threads

__all__ = [
    "Compiled",
    "OnceCompiled",
    "Operation",
    "RequestHandler",
    "as_response",
    "conclude",
    "exchange_of",
    "is_served",
    "waited_for",
]

RequestHandler: TypeAlias = Callable[[Request], Coroutine[Any, Any, Response]]
Produce: TypeAlias = Callable[[Exchange], Awaitable[Outcome]]

_EXCHANGE = "trivium.exchange"


class Compiled(NamedTuple):
    """What a request to one route runs: its plan, and the way the result becomes a reply."""

    plan: Plan
    finish: Finish
    custom_handler: RequestHandler | None = None
    """The handler of a route class of the author's own, which calls ``produce`` where it likes."""
    written: Written | None = None
    """``finish`` again, if it is of that kind."""

    async def produce(self, ex: Exchange) -> Outcome:
        """Runs the plan and makes the reply."""
        return await waited_for(await self.plan.call(ex, self.finish), ex)

    async def produce_custom(self, ex: Exchange) -> Outcome:
        """Has the author's own handler answer."""
        handler = cast(RequestHandler, self.custom_handler)
        ex.scope[_EXCHANGE] = ex
        return await handler(ex.request)


class OnceCompiled:
    """A route compiled at its first request, and anew where dependencies are replaced."""

    __slots__ = ("_compile", "_compiled", "_replaced")

    def __init__(self, compile_route: Callable[[Overrides | None], Compiled]) -> None:
        self._compile = compile_route
        self._compiled: Compiled | None = None
        self._replaced: tuple[dict[Any, Any], Compiled] | None = None

    def compiled(self, overrides: Overrides | None = None) -> Compiled:
        """The route compiled, with some of its dependencies replaced."""
        compiled = self._compiled
        if compiled is None:
            compiled = self._compiled = self._compile(None)
        if not overrides or not compiled.plan.calls_any(overrides):
            return compiled
        if self._replaced is None or self._replaced[0] != overrides:
            self._replaced = (dict(overrides), self._compile(overrides))
        return self._replaced[1]


class Operation(OnceCompiled):
    """Serves the requests to one route."""

    __slots__ = ()

    async def serve(self, ex: Exchange) -> None:
        """Answers one request whose path and method fit."""
        compiled = self._compiled
        if compiled is None or (not ex.is_simple and ex.overrides):
            compiled = self.compiled(ex.overrides)
        plan, finish, custom_handler, written = compiled
        if custom_handler is not None:
            await conclude(ex, compiled.produce_custom)
            return
        try:
            ready = plan.ready
            arguments = None if ready is None else ready(ex)
            if arguments is None:
                outcome = await plan.call(ex, finish)
            else:
                result = await plan.handler.call(**arguments)
                if written is None or not ex.is_simple:
                    outcome = finish(result, ex)
                elif (body := written.body(result, ex)) is None:
                    outcome = written.otherwise(result, ex)
                elif ex.write_at_once(written.status, written.kind, body):
                    return
                else:
                    outcome = written.reply(body)
        except BaseException as error:
            await _unwind(ex, error)
            raise
        if type(outcome) is Reply:
            reply: Reply | None = outcome
        else:
            reply = whole_reply(outcome) if ex.background is None else None
        if reply is not None and reply[3] is None and (ex.is_simple or not ex.is_open):
            if not ex.reply_at_once(reply):
                await ex.reply(reply)
        else:
            await _conclude_with(ex, outcome)


async def conclude(ex: Exchange, produce: Produce) -> None:
    """Produces the reply, sends it and ends the request.

    An error passes through the function scope, then the request scope, so that each dependency
    sees it, and leaves as it is; the reply to it is made further out.
    """
    try:
        outcome = await produce(ex)
    except BaseException as error:
        await _unwind(ex, error)
        raise
    await _conclude_with(ex, outcome)


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


def is_served(connection: HTTPConnection) -> bool:
    """Whether a route is serving the connection and will close what it opened."""
    return isinstance(connection.scope.get(_EXCHANGE), Exchange)


def as_response(outcome: Outcome, ex: Exchange) -> Response:
    """The outcome as a Starlette response, which shows the injected tasks if it has none."""
    if not isinstance(outcome, Reply):
        if outcome.background is None:
            outcome.background = ex.background
        return outcome
    response = Response(outcome.body, outcome.status, background=outcome.background)
    response.raw_headers[:] = outcome.headers
    return response


async def waited_for(outcome: Any, ex: Exchange) -> Outcome:
    """The outcome, once its result is loaded."""
    return cast(Outcome, await outcome.finished(ex) if isinstance(outcome, Unfinished) else outcome)


async def _conclude_with(ex: Exchange, result: Outcome | Unfinished) -> None:
    try:
        outcome = await waited_for(result, ex)
        if ex.has_function_scope:
            await ex.close_function()
        await ex.settle()
        if ex.is_holding and isinstance(outcome, StreamingResponse):
            _iterate_without_limit(outcome)
        gone = await handed_over(ex, outcome)
    except BaseException as error:
        await _unwind(ex, error)
        raise
    try:
        await _end(ex, outcome, gone)
    except Exception:
        await _run_late(ex)
        raise
    await _run_late(ex)


async def _end(ex: Exchange, outcome: Outcome, gone: Exception | None) -> None:
    try:
        await run_promised(ex.background, outcome.background)
        if gone is not None:
            raise gone
    except BaseException as error:
        await _unwind(ex, error)
        raise
    if ex.is_open:
        await ex.close_request()


async def _run_late(ex: Exchange) -> None:
    """Runs the tasks that an exit of a dependency has added."""
    if ex.background is not None and ex.background.tasks:
        await ex.background()


def _iterate_without_limit(response: StreamingResponse) -> None:
    """Has a synchronous iterable, which Starlette has wrapped, take no token for its chunks.

    Others may hold them all and wait for what this request gives back at its end.
    """
    frame = getattr(response.body_iterator, "ag_frame", None)
    if frame is not None and frame.f_code is iterate_in_threadpool.__code__:
        iterable = frame.f_locals["iterator"]
        response.body_iterator = iterated_in_threads(iterable, limited=False)


async def _unwind(ex: Exchange, error: BaseException) -> None:
    """Closes what is open around an error; raises what the exits make of it.

    Returning means that the error itself is still to be raised.
    """
    if ex.has_function_scope:
        try:
            swallowed = await ex.close_function(error)
        except BaseException as other:
            await _unwind(ex, other)
            raise
        if swallowed:
            error = _swallowed()
            await ex.settle(error)
            if await ex.close_request(error):
                raise _swallowed()
            raise error
    await ex.settle(error)
    if ex.is_open and await ex.close_request(error):
        raise _swallowed() from error


def _swallowed() -> TriviumError:
    return TriviumError(
        "There is no response: the handler is raising an exception and a dependency with yield"
        " swallows it.\n"
        "    written:  except Exception: ...\n"
        "    instead:  except Exception: ...; raise"
    )
