"""Stages: what every request passes on its way in and every reply on its way out.

A stage is a class with any of the methods of ``Stage``. They are called directly, on the exchange,
at either entrance, so a stage adds a call and no frame, task or message of its own. What needs to
hold a request in its hands as a whole is ASGI middleware instead, and stands inside of the stages.
"""

from asyncio import CancelledError, current_task
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from math import inf
from time import perf_counter
from types import MappingProxyType
from typing import Any, ClassVar, TypeAlias

from starlette.responses import PlainTextResponse, Response
from starlette.types import Message

from trivium.exchange import HTML_TYPE, JSON_TYPE, Exchange, Patience, RawHeaders, Reply
from trivium.responding.delivery import handed_over

__all__ = ["Answer", "Page", "Serve", "Stage", "Stages", "Transform", "give"]

Answer: TypeAlias = Reply | Response
Serve: TypeAlias = Callable[[Exchange], Awaitable[None]]
OnError: TypeAlias = Callable[[Exchange, Exception], Awaitable[None]]
Page: TypeAlias = Callable[[Exchange], Answer | Awaitable[Answer | None] | None]
Transform: TypeAlias = Callable[[bytes, bool], bytes]

_CONDITIONS = frozenset({b"if-none-match", b"if-modified-since"})


class Stage:
    """One concern. Override what it needs; what is not overridden costs nothing.

    The methods are called with the exchange of the request, for HTTP requests and WebSockets alike
    (``ex.is_websocket``). None of them may block. State of one request belongs to the exchange, in
    ``ex.notes``, for one stage serves many requests at once.
    """

    place: ClassVar[int] = 500
    """Where the stage stands: the smaller, the further out."""
    needs_time: ClassVar[bool] = False
    """Whether ``leave`` reads ``ex.began`` or ``ex.seconds``."""
    needs_headers: ClassVar[bool] = False
    """Whether it reads ``ex.header_map`` of every request."""
    decides_clients: ClassVar[bool] = False
    """Whether it says who the client is, so that uvicorn's own idea of it does not count."""
    asks_direct: ClassVar[bool] = True
    """Whether ``enter`` and ``leave`` have anything to do for a request of a direct connection."""
    keeps_headers: ClassVar[bool] = False
    """Whether ``enter`` leaves the request's headers and its client as they are, so that what
    stages inside of it will make of them can be told before."""
    keeps_line: ClassVar[bool] = False
    """Whether ``line`` is the same for all requests of a connection with the same headers."""
    lines: frozenset[bytes] = frozenset()
    """The names that ``line`` speaks of."""
    patience: "Patience | None" = None
    """How long a reply on a direct connection may take to begin: the connection's clock tells."""
    smallest: int = 0
    """How many bytes a body has to have for ``reply`` to do anything, unless the request is a
    conditional one (RFC 9110, section 13.1)."""
    pages: "Mapping[str, Page]" = MappingProxyType({})
    """Paths that it answers itself: cheaper than ``enter``. An answer of None is none."""
    skips: frozenset[str] = frozenset()
    """The methods that have nothing to do in this instance, by name."""
    constant: Sequence[tuple[bytes, bytes]] = ()
    """Headers of every reply that does not have them already; cheaper than ``head``. Names are in
    lower case."""

    def enter(self, ex: Exchange) -> Answer | Awaitable[Answer | None] | None:
        """On the way in. An answer is sent instead of what would follow, through the stages.

        May be an ``async def``. A WebSocket that gets an answer is refused with it.
        """

    def passes(self, ex: Exchange) -> bool:
        """Whether ``enter`` has nothing to do for any request of this connection that has these
        headers. It is not called for them, then."""
        return False

    def wrap(self, serve: Serve) -> Serve:
        """What to call instead of ``serve``, for a stage that has to stand around it."""
        return serve

    def reply(self, ex: Exchange, reply: Reply) -> Reply:
        """A complete reply, before any ``head``: the place to change a body."""
        return reply

    def transform(self, ex: Exchange, status: int, headers: RawHeaders) -> Transform | None:
        """For a reply that is sent in pieces, before any ``head``: what is to be done to each.

        The function gets the bytes and whether they are the last ones, and returns what to send.
        ``headers`` may be changed; a Content-Length that will not be true has to be removed.
        """

    def head(self, ex: Exchange, status: int, headers: RawHeaders) -> None:
        """The headers of any reply, to be changed in place. Names are in lower case.

        Also those of the handshake of a WebSocket, with 101.
        """

    def line(self, ex: Exchange) -> bytes | None:
        """What ``head`` adds to the JSON or text of a route, as lines of a direct connection.

        It is asked instead of ``head`` where the reply has none of ``lines``, and ``None`` is to
        ask ``head`` all the same. Names and values must be such as may be sent.
        """
        return b""

    def leave(self, ex: Exchange) -> None:
        """When the last byte of the reply has been handed to the server, or none will come.

        ``ex.status`` (0: no reply), ``ex.sent_bytes``, ``ex.route`` and ``ex.error`` tell what
        became of it. Background tasks come later.
        """

    def lost(self, ex: Exchange) -> None:
        """When the client of a direct connection goes away before the reply is complete."""

    has_lifespan: ClassVar[bool] = False
    """Whether ``lifespan`` is to be entered."""

    def lifespan(self, app: Any) -> AbstractAsyncContextManager[Any]:
        """What is open as long as the application runs."""
        return nullcontext()

    def described(self) -> str:
        """How ``trivium explain`` names it, in a few words."""
        return type(self).__name__


_Learnt: TypeAlias = tuple[list[Page], bytes | None, float]
"""What is still asked on the way in, the lines that all replies have, and the size of a body from
which on one may be changed."""


class Stages:
    """The stages of an application, compiled: each list holds only those that have a say in it."""

    def __init__(self, stages: tuple[Stage, ...]) -> None:
        self.stages = tuple(sorted(stages, key=lambda stage: stage.place))
        self._enters = _enters_of(self.stages)
        self._direct_enters = _enters_of(self.stages, is_direct=True)
        # What happens on the way out begins with the innermost.
        self._smallest = min((stage.smallest for stage in self._with("reply")), default=inf)
        self._conditional = _CONDITIONS if self._smallest < inf else frozenset()
        self._replies = [stage.reply for stage in self._outwards("reply")]
        self._transforms = [stage.transform for stage in self._outwards("transform")]
        with_lines = list(self._outwards("line"))
        self._heads = [stage.head for stage in self._outwards("head") if stage not in with_lines]
        self._last_heads = [stage.head for stage in with_lines]
        self._kept_lines = [stage.line for stage in with_lines if stage.keeps_line]
        self._lines = [stage.line for stage in with_lines if not stage.keeps_line]
        self._leaves = [stage.leave for stage in self._outwards("leave")]
        self._direct_leaves = [
            stage.leave for stage in self._outwards("leave") if stage.asks_direct
        ]
        self._lost = [stage.lost for stage in self._with("lost")]
        self._wraps = [stage.wrap for stage in self._outwards("wrap")]
        self.have_wraps = bool(self._wraps)
        self._wrapped: tuple[Serve, Serve] | None = None
        self._needs_headers = any(stage.needs_headers for stage in self.stages)
        self._needs_time = any(stage.needs_time for stage in self.stages)
        self.patience = min(filter(None, (stage.patience for stage in self.stages)), default=None)
        # of two stages that set the same header the inner one is heard
        constant = {name: value for stage in self.stages for name, value in stage.constant}
        self._constant = list(constant.items())
        self._constant_names = frozenset(constant)
        self._constant_lines = b"".join([b"%b: %b\r\n" % header for header in self._constant])
        self._names = self._constant_names.union(*[stage.lines for stage in with_lines])

    def _with(self, name: str) -> list[Stage]:
        return [stage for stage in self.stages if _overrides(stage, name)]

    def _outwards(self, name: str) -> Iterator[Stage]:
        return reversed(self._with(name))

    async def serve(self, ex: Exchange, serve: Serve, on_error: OnError | None = None) -> None:
        """Serves one request within the stages.

        on_error: answers what ``serve`` raises, where that does not do so itself; one frame less.
            Nothing may stand around ``serve`` then.
        """
        ex.around = self
        if self._needs_time:
            ex.began = perf_counter()
        repeated = ex.repeated
        if repeated is not None:
            # the connection has had these headers before
            enters = (repeated.get(self) or self._learn(ex, repeated))[0]
        elif ex.is_direct:
            enters = self._direct_enters
        else:
            enters = self._enters
            if self._needs_headers:
                ex.header_map = dict(reversed(ex.raw_headers))
            if ex.is_websocket:
                self._stand_around_socket(ex)
        try:
            for enter in enters:
                answer = enter(ex)
                if answer is not None:
                    if not isinstance(answer, Reply | Response):
                        answer = await answer
                        if answer is None:
                            continue
                    await give(ex, answer)
                    return
            if on_error is None:
                await (self._around(serve) if self.have_wraps else serve)(ex)
            else:
                try:
                    await serve(ex)
                except Exception as error:
                    await on_error(ex, error)
                finally:
                    if ex.must_be_released:
                        await ex.release()
            if not ex.is_simple and ex._settlements:
                await ex.settle()
        except BaseException as error:
            if ex.error is None:
                ex.error = error
            await ex.settle(error)
            if ex.ended is None or not isinstance(error, CancelledError):
                if isinstance(error, Exception) and not (ex.status or ex.is_websocket):
                    await _answer_for_failure(ex)
                raise
            if (task := current_task()) is not None:
                task.uncancel()
            await ex.ended(ex)
        finally:
            if ex.around is not None:
                self.sent(ex)

    def _learn(self, ex: Exchange, repeated: dict[Any, Any]) -> "_Learnt":
        """What holds for all requests with the headers of this one."""
        asked: list[Stage] = []
        is_certain = True
        for stage in self.stages:
            if _overrides(stage, "enter"):
                if is_certain and stage.passes(ex):
                    asked.append(_Pages(stage.pages))
                    continue
                is_certain = is_certain and stage.keeps_headers
            asked.append(stage)
        lines = self._kept(ex) if is_certain else None
        learnt = (_enters_of(asked, is_direct=True), lines, self._smallest_changed(ex))
        repeated[self] = learnt
        return learnt

    def _around(self, serve: Serve) -> Serve:
        if self._wrapped is None or self._wrapped[0] != serve:
            inner = serve
            for wrap in self._wraps:
                inner = wrap(inner)
            self._wrapped = (serve, inner)
        return self._wrapped[1]

    def _stand_around_socket(self, ex: Exchange) -> None:
        """Has the replies to the handshake of a WebSocket pass the stages."""
        send = ex._send

        async def sending(message: Message) -> None:
            kind = message["type"]
            if kind in ("websocket.accept", "websocket.http.response.start"):
                ex.status = status = message.get("status", 101)
                headers: RawHeaders = list(message.get("headers") or ())
                self._finish_head(ex, status, headers)
                message = {**message, "headers": headers}
            elif kind == "websocket.close" and ex.status == 0:
                # what a server makes of it
                ex.status = 403
            await send(message)

        ex._send = sending

    # What an exchange asks: see ``trivium.exchange.Around``.

    def reply(self, ex: Exchange, reply: Reply) -> Reply:
        reply = self.changed(ex, reply)
        self.finish(ex, reply[0], reply[1])
        return reply

    def changed(self, ex: Exchange, reply: Reply) -> Reply:
        if len(reply[2]) >= self._smallest or self._is_conditional(ex):
            for change in self._replies:
                reply = change(ex, reply)
        for head in self._heads:
            head(ex, reply[0], reply[1])
        return reply

    def _is_conditional(self, ex: Exchange) -> bool:
        return bool(self._conditional) and not self._conditional.isdisjoint(ex.header_map)

    def _smallest_changed(self, ex: Exchange) -> float:
        """From which size on ``changed`` may have something to do."""
        return 0 if self._heads or self._is_conditional(ex) else self._smallest

    def finish(self, ex: Exchange, status: int, headers: RawHeaders) -> None:
        for head in self._last_heads:
            head(ex, status, headers)
        headers += self._missing(headers)

    def lines(
        self, ex: Exchange, headers: Sequence[tuple[bytes, bytes]], size: int | None
    ) -> bytes | None:
        lines: bytes | None
        if (repeated := ex.repeated) is not None:
            _, lines, smallest = repeated[self]
        else:
            lines, smallest = None, self._smallest_changed(ex)
        if size is not None and size >= smallest:
            return None
        if not headers or headers[-1] is not JSON_TYPE or len(headers) > 2:
            for header in headers:
                # what a page may do can depend on the page
                if header[0] in self._names or header is HTML_TYPE:
                    return None
        if lines is None and (lines := self._kept(ex)) is None:
            return None
        for line in self._lines:
            if (more := line(ex)) is None:
                return None
            lines += more
        return lines

    def _kept(self, ex: Exchange) -> bytes | None:
        """The lines of all requests with these headers."""
        lines = self._constant_lines
        for line in self._kept_lines:
            if (more := line(ex)) is None:
                return None
            lines += more
        return lines

    def _missing(self, headers: RawHeaders) -> RawHeaders:
        """The constant headers that are not there."""
        for header in headers:
            if header[0] in self._constant_names:
                given = {name for name, _ in headers}
                return [header for header in self._constant if header[0] not in given]
        return self._constant

    def start(self, ex: Exchange, message: Message) -> Message:
        status: int = message["status"]
        headers: RawHeaders = list(message.get("headers", ()))
        for begin in self._transforms:
            if (transform := begin(ex, status, headers)) is not None:
                before = ex.transform
                ex.transform = transform if before is None else _both(before, transform)
        self._finish_head(ex, status, headers)
        return {**message, "headers": headers}

    def _finish_head(self, ex: Exchange, status: int, headers: RawHeaders) -> None:
        for head in self._heads:
            head(ex, status, headers)
        self.finish(ex, status, headers)

    def lost(self, ex: Exchange) -> None:
        for tell in self._lost:
            tell(ex)

    def sent(self, ex: Exchange) -> None:
        ex.around = None
        if self._needs_time:
            ex.seconds = perf_counter() - ex.began
        is_direct = ex.repeated is not None or ex.is_direct
        leaves = iter(self._direct_leaves if is_direct else self._leaves)
        try:
            for leave in leaves:
                leave(ex)
        except Exception:
            # what the others tell is how this is found
            for leave in leaves:
                leave(ex)
            raise


async def _answer_for_failure(ex: Exchange) -> None:
    """A stage has failed, and nothing inside of it answers for that: 500, through the stages."""
    try:
        await give(ex, PlainTextResponse("Internal Server Error", 500))
    except Exception:
        # The one that fails has a say in every reply. This is what a server makes of it.
        ex.status = 500


def _enters_of(stages: Iterable[Stage], *, is_direct: bool = False) -> list[Page]:
    """What is asked on the way in: stages with pages that stand together are asked once."""
    enters: list[Page] = []
    pages: dict[str, Page] = {}
    for stage in stages:
        if _overrides(stage, "enter") and (stage.asks_direct or not is_direct):
            enters.append(stage.enter)
            pages = {}
        if stage.pages:
            if not pages:
                enters.append(_page_of(pages))
            pages.update({path: page for path, page in stage.pages.items() if path not in pages})
    return enters


def _page_of(pages: dict[str, Page]) -> Page:
    def enter(ex: Exchange) -> Answer | Awaitable[Answer | None] | None:
        page = pages.get(ex.path)
        return None if page is None else page(ex)

    return enter


class _Pages(Stage):
    """The pages of a stage that has nothing else to do on the way in."""

    def __init__(self, pages: Mapping[str, Page]) -> None:
        self.pages = pages


def _overrides(stage: Stage, name: str) -> bool:
    return getattr(type(stage), name) is not getattr(Stage, name) and name not in stage.skips


def _both(inner: Transform, outer: Transform) -> Transform:
    return lambda body, is_last: outer(inner(body, is_last), is_last)


async def give(ex: Exchange, answer: Answer) -> None:
    """Answers instead of the application. A WebSocket is refused, before it has been accepted."""
    if ex.is_websocket:
        await _refuse_socket(ex, answer)
        return
    gone = await handed_over(ex, answer)
    if gone is not None:
        raise gone


async def _refuse_socket(ex: Exchange, answer: Answer) -> None:
    if isinstance(answer, Reply):
        response = Response(answer.body, answer.status)
        response.raw_headers[:] = answer.headers
        answer = response
    # servers wait for the handshake to be asked for
    await ex.receive()
    if "websocket.http.response" in ex.scope.get("extensions", {}):
        await answer(ex.scope, ex.receive, ex.send)
    else:
        # a server that can say no more than 403 (RFC 6455, section 7.4.1: policy violation)
        await ex.send({"type": "websocket.close", "code": 1008, "reason": ""})
