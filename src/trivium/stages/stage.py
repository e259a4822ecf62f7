"""Stages: what every request passes on its way in and every reply on its way out.

A stage is a class with any of the methods of ``Stage``. They are called directly, on the exchange,
at either entrance, so a stage adds a call and no frame, task or message of its own. What needs to
hold a request in its hands as a whole is ASGI middleware instead, and stands inside of the stages.
"""

from collections.abc import Awaitable, Callable
from inspect import iscoroutinefunction
from typing import Any, ClassVar, TypeAlias, cast

from starlette.responses import Response
from starlette.types import Message

from trivium.exchange import Exchange, RawHeaders, Reply
from trivium.responding.delivery import handed_over

__all__ = ["Answer", "Serve", "Stage", "Stages", "Transform"]

Answer: TypeAlias = Reply | Response
Serve: TypeAlias = Callable[[Exchange], Awaitable[None]]
Transform: TypeAlias = Callable[[bytes, bool], bytes]


class Stage:
    """One concern. Override what it needs; what is not overridden costs nothing.

    The methods are called with the exchange of the request, for HTTP requests and WebSockets alike
    (``ex.is_websocket``). None of them may block. State of one request belongs to the exchange, in
    ``ex.notes``, for one stage serves many requests at once.
    """

    place: ClassVar[int] = 500
    """Where the stage stands: the smaller, the further out."""

    def enter(self, ex: Exchange) -> Answer | Awaitable[Answer | None] | None:
        """On the way in. An answer is sent instead of what would follow, through the stages.

        May be an ``async def``.
        """

    def wrap(self, serve: Serve) -> Serve:
        """What to call instead of ``serve``, for a stage that has to stand around it."""
        return serve

    def reply(self, ex: Exchange, reply: Reply) -> Reply:
        """A complete reply, before ``head``: the place to change a body."""
        return reply

    def transform(self, ex: Exchange, status: int, headers: RawHeaders) -> Transform | None:
        """For a reply that is sent in pieces, before ``head``: what is to be done to each piece.

        The function gets the bytes and whether they are the last ones, and returns what to send.
        ``headers`` may be changed; a Content-Length that will not be true has to be removed.
        """

    def head(self, ex: Exchange, status: int, headers: RawHeaders) -> None:
        """The headers of any reply, to be changed in place. Names are in lower case."""

    def leave(self, ex: Exchange) -> None:
        """When the last byte of the reply has been handed to the server, or none will come.

        ``ex.status`` (0: no reply), ``ex.sent_bytes``, ``ex.route`` and ``ex.error`` tell what
        became of it. Background tasks come later.
        """


class Stages:
    """The stages of an application, compiled: each list holds only those that have a say in it."""

    def __init__(self, stages: tuple[Stage, ...]) -> None:
        self.stages = tuple(sorted(stages, key=lambda stage: stage.place))
        self._enters = [
            (stage.enter, iscoroutinefunction(stage.enter)) for stage in self._with("enter")
        ]
        inwards_out = tuple(reversed(self.stages))
        self._changes: list[tuple[Any, Any, Any]] = [
            (
                stage.reply if _overrides(stage, "reply") else None,
                stage.transform if _overrides(stage, "transform") else None,
                stage.head if _overrides(stage, "head") else None,
            )
            for stage in inwards_out
            if any(_overrides(stage, name) for name in ("reply", "transform", "head"))
        ]
        self._leaves = [stage.leave for stage in inwards_out if _overrides(stage, "leave")]
        self._wraps = [stage.wrap for stage in inwards_out if _overrides(stage, "wrap")]
        self._wrapped: tuple[Serve, Serve] | None = None

    def _with(self, name: str) -> list[Stage]:
        return [stage for stage in self.stages if _overrides(stage, name)]

    async def serve(self, ex: Exchange, serve: Serve) -> None:
        """Serves one request within the stages."""
        ex.around = self
        if self._wraps:
            serve = self._around(serve)
        try:
            for enter, is_async in self._enters:
                answer = enter(ex)
                if is_async:
                    answer = await cast(Awaitable[Answer | None], answer)
                if answer is not None:
                    await _give(ex, cast(Answer, answer))
                    return
            await serve(ex)
            if ex.has_settlements:
                await ex.settle()
        except BaseException as error:
            if ex.error is None:
                ex.error = error
            await ex.settle(error)
            raise
        finally:
            if ex.around is not None:
                self.sent(ex)

    def _around(self, serve: Serve) -> Serve:
        if self._wrapped is None or self._wrapped[0] != serve:
            inner = serve
            for wrap in self._wraps:
                inner = wrap(inner)
            self._wrapped = (serve, inner)
        return self._wrapped[1]

    # What an exchange asks: see ``trivium.exchange.Around``.

    def reply(self, ex: Exchange, reply: Reply) -> Reply:
        for change, _, head in self._changes:
            if change is not None:
                reply = change(ex, reply)
            if head is not None:
                head(ex, reply.status, reply.headers)
        return reply

    def start(self, ex: Exchange, message: Message) -> Message:
        status: int = message["status"]
        headers: RawHeaders = list(message.get("headers", ()))
        for _, begin, head in self._changes:
            if begin is not None and (transform := begin(ex, status, headers)) is not None:
                before = ex.transform
                ex.transform = transform if before is None else _both(before, transform)
            if head is not None:
                head(ex, status, headers)
        return {**message, "headers": headers}

    def sent(self, ex: Exchange) -> None:
        ex.around = None
        for leave in self._leaves:
            leave(ex)


def _overrides(stage: Stage, name: str) -> bool:
    return getattr(type(stage), name) is not getattr(Stage, name)


def _both(inner: Transform, outer: Transform) -> Transform:
    return lambda body, is_last: outer(inner(body, is_last), is_last)


async def _give(ex: Exchange, answer: Answer) -> None:
    gone = await handed_over(ex, answer)
    if gone is not None:
        raise gone
