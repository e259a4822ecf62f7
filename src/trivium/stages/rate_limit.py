"""How often a client may ask, counted in this process, or in Redis by the package ``limits``."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from math import ceil, floor
from time import monotonic, time
from typing import Any, Literal, TypeAlias

import anyio
from limits import RateLimitItem, parse_many
from limits.aio.storage import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter as AsyncLimiter
from redis.asyncio import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response

from trivium.checks import Check
from trivium.errors import DeclarationError
from trivium.exchange import Exchange, RawHeaders, Reply
from trivium.stages.headers import remove
from trivium.stages.networks import address_of
from trivium.stages.refusals import refusal
from trivium.stages.stage import Stage

__all__ = ["RateLimit"]

Key: TypeAlias = Callable[[HTTPConnection], str | None]
_DETAIL = "Too many requests"
_REMAINING = b"ratelimit-remaining"
_MOST_COUNTED = 1_000_000
"""How many clients are counted in one window in this process."""
_CONNECTIONS = 32
"""To Redis, at most; who needs one more waits for it."""
_log = logging.getLogger("trivium.rate_limit")


class _Full(Exception):
    """A limit is used up."""

    def __init__(self, headers: RawHeaders) -> None:
        self.headers = headers


class _Away(Exception):
    """Nobody can say how often a client has asked."""


class RateLimit(Stage):
    """Answers 429 where a client asks more often than ``limit``.

    limit: for all requests to the application together, mounted applications included, as in
        ``100/minute`` or ``10/second;1000/hour``; None sets none. Routes get theirs by ``per``.
    storage: ``memory`` counts in this process, so several workers allow as much each; otherwise the
        address of a Redis, as in ``redis://127.0.0.1:6379/0``.
    key: what is counted, from the request; None exempts it. Without it, the client's address, of
        IPv6 its network of 64 bits, which is what one client has. Behind a proxy that is only so
        with ``TrustedProxies``.
    when_away: what becomes of requests while Redis does not answer: ``refuse`` (503) or ``allow``.
    timeout: seconds after which Redis counts as away.

    Windows slide: the count of the window before goes down as this one proceeds. Replies carry
    ``RateLimit-Limit``, ``RateLimit-Remaining`` and ``RateLimit-Reset`` of the limit with the least
    left, a 429 ``Retry-After``. Health and metrics stand outside and are not counted.

    Raises DeclarationError for what is not a limit.
    """

    place = 110
    keeps_headers = True
    has_lifespan = True

    def __init__(
        self,
        limit: str | None = None,
        *,
        storage: str = "memory",
        key: Key | None = None,
        when_away: Literal["refuse", "allow"] = "refuse",
        timeout: float = 1.0,
    ) -> None:
        self.limit = limit
        self._limits = _parsed(limit) if limit is not None else []
        if not self._limits:
            self.skips = frozenset({"enter", "head"})
        self._key = key
        self._when_away = when_away
        self._timeout = timeout
        self._next_warning = 0.0
        self._counting: _Counting
        if storage == "memory":
            self._counting = _InMemory()
        elif storage.startswith(("redis://", "rediss://", "redis+unix://")):
            self._counting = _InRedis(storage, timeout)
        else:
            raise DeclarationError(
                "Not a place to count in",
                written=f"storage={storage!r}",
                instead='storage="redis://127.0.0.1:6379/0"',
            )

    def enter(self, ex: Exchange) -> Awaitable[Reply | None] | None:
        return self._count(ex)

    async def _count(self, ex: Exchange) -> Reply | None:
        who = client_of(ex.client) if self._key is None else self._key(ex.connection)
        if who is None:
            return None
        try:
            ex.notes[self] = await self._hit(self._limits, "*", who)
        except _Full as full:
            return refusal(429, _DETAIL, full.headers)
        except _Away:
            return refusal(503, "The service is not available", [(b"retry-after", b"1")])
        return None

    def head(self, ex: Exchange, status: int, headers: RawHeaders) -> None:
        mine: RawHeaders = ex.notes.get(self, [])
        if status == 429 or not mine:
            return
        for name, value in headers:
            if name == _REMAINING:
                # of a route's own limit, or of a mounted application's
                if value.isdigit() and int(value) <= int(dict(mine)[_REMAINING]):
                    return
                remove(headers, {name for name, _ in mine})
                break
        headers += mine

    def per(self, limit: str, *, key: Key | None = None) -> Callable[..., Awaitable[None]]:
        """A dependency that limits the routes it is declared for, each of them apart::

            @app.post("/login", dependencies=[Depends(limits.per("5/minute"))])

        Counted beside the limit of the application, by the same storage.

        Raises DeclarationError for what is not a limit.
        """
        parsed = _parsed(limit)
        chosen = key or self._key

        async def within_limit(connection: HTTPConnection, response: Response) -> None:
            scope = connection.scope
            who = client_of(scope.get("client")) if chosen is None else chosen(connection)
            if who is None:
                return
            # the template alone, for a client chooses what stands in the path, mounts included
            path = getattr(scope.get("route"), "path", "")
            route = f"{scope.get('method', 'WS')} {path}"
            try:
                headers = await self._hit(parsed, route, who)
            except _Full as full:
                raise HTTPException(429, _DETAIL, _as_text(full.headers)) from None
            except _Away:
                detail = "The service is not available"
                raise HTTPException(503, detail, {"retry-after": "1"}) from None
            response.headers.update(_as_text(headers))

        return within_limit

    async def _hit(self, limits: list[RateLimitItem], what: str, who: str) -> RawHeaders:
        """Counts a request; the headers of the limit with the least left."""
        least: tuple[int, RawHeaders] | None = None
        try:
            for limit in limits:
                with anyio.fail_after(self._timeout):
                    is_within = await self._counting.hit(limit, what, who)
                    reset, remaining = await self._counting.stats(limit, what, who)
                seconds = max(1 if not is_within else 0, ceil(reset - time()))
                headers = _headers(limit, 0 if not is_within else remaining, seconds)
                if not is_within:
                    raise _Full([*headers, (b"retry-after", b"%d" % seconds)])
                if least is None or remaining < least[0]:
                    least = (remaining, headers)
        except _Full:
            raise
        except Exception as error:
            self._warn(error)
            if self._when_away == "refuse":
                raise _Away from error
            return []
        return [] if least is None else least[1]

    def _warn(self, error: Exception) -> None:
        # once in a while: there may be thousands of requests a second
        if monotonic() >= self._next_warning:
            self._next_warning = monotonic() + 10
            done = "refused" if self._when_away == "refuse" else "not counted"
            _log.warning("The store of rate limits is away; requests are %s", done, exc_info=error)

    def lifespan(self, app: Any) -> AbstractAsyncContextManager[None]:
        return self._connected()

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await self._counting.close()

    def checks(self, app: Any, *, deploy: bool) -> Iterable[Check]:
        """What ``trivium check`` says of it."""
        if deploy and isinstance(self._counting, _InMemory):
            yield Check(
                "info",
                "stages.rate_in_memory",
                "Each worker counts for itself, so a client may ask as often at each of them.",
                'rate_limit_storage="redis://..." counts for all of them',
            )

    def described(self) -> str:
        return f"rate limit of {self.limit}" if self.limit else "rate limits of routes"


class _Counting:
    """Where requests are counted."""

    async def hit(self, limit: RateLimitItem, *what: str) -> bool:
        """Counts one; whether it is within the limit."""
        raise NotImplementedError

    async def stats(self, limit: RateLimitItem, *what: str) -> tuple[float, int]:
        """When there will be more again, in seconds since 1970, and how many there are."""
        raise NotImplementedError

    async def close(self) -> None:
        """Closes connections; the next request opens new ones."""


class _Windows:
    """The requests of one limit, by what is counted: in this window of time and the one before."""

    __slots__ = ("before", "counts", "number")

    def __init__(self) -> None:
        self.number = 0
        self.counts: dict[tuple[str, ...], int] = {}
        self.before: dict[tuple[str, ...], int] = {}

    def proceed(self, number: int) -> None:
        """Has what is over be the window before, and what is older forgotten."""
        self.before = self.counts if number == self.number + 1 else {}
        self.counts = {}
        self.number = number


class _InMemory(_Counting):
    """As the library counts in Redis. Its own storage in memory has a thread look at all that is
    counted, again and again, and many clients make that most of what the process does."""

    def __init__(self) -> None:
        self._windows: dict[RateLimitItem, _Windows] = {}

    async def hit(self, limit: RateLimitItem, *what: str) -> bool:
        windows, weight = self._now(limit, time() / limit.get_expiry())
        count = windows.counts.get(what, 0)
        if floor(windows.before.get(what, 0) * weight + count) >= limit.amount:
            return False
        if not count and len(windows.counts) >= _MOST_COUNTED:
            # There is no end of addresses to ask from. What was counted still weighs as much as the
            # window before, so that nobody begins anew by asking from very many.
            windows.before, windows.counts = windows.counts, {}
        windows.counts[what] = count + 1
        return True

    async def stats(self, limit: RateLimitItem, *what: str) -> tuple[float, int]:
        now, expiry = time(), limit.get_expiry()
        windows, weight = self._now(limit, now / expiry)
        before, count = windows.before.get(what, 0), windows.counts.get(what, 0)
        left = weight * expiry
        resets = [left] if count else []
        if before:
            resets.append(left % (expiry / before))
        return now + min(resets, default=0.0), max(0, limit.amount - floor(before * weight + count))

    def _now(self, limit: RateLimitItem, at: float) -> tuple[_Windows, float]:
        """The windows, and how much of the one before still counts."""
        windows = self._windows.get(limit)
        if windows is None:
            windows = self._windows[limit] = _Windows()
        if windows.number != int(at):
            windows.proceed(int(at))
        return windows, 1 - at % 1


class _InRedis(_Counting):
    def __init__(self, url: str, timeout: float) -> None:
        self._url = url
        self._timeout = timeout
        self._of_loop: tuple[Any, AsyncLimiter, BlockingConnectionPool] | None = None

    def _limiter(self) -> AsyncLimiter:
        # connections belong to an event loop
        loop = anyio.lowlevel.current_token()
        if self._of_loop is None or self._of_loop[0] != loop:
            pool = BlockingConnectionPool.from_url(
                self._url,
                max_connections=_CONNECTIONS,
                timeout=self._timeout,
                socket_timeout=self._timeout,
                socket_connect_timeout=self._timeout,
                # a connection that has been closed meanwhile, by a Redis that was started again
                retry=Retry(NoBackoff(), 1),
            )
            options: Any = {"connection_pool": pool}
            storage = RedisStorage(
                f"async+{self._url}", implementation="redispy", key_prefix="trivium", **options
            )
            self._of_loop = (loop, AsyncLimiter(storage), pool)
        return self._of_loop[1]

    async def close(self) -> None:
        if self._of_loop is not None:
            await self._of_loop[2].aclose()
            self._of_loop = None

    async def hit(self, limit: RateLimitItem, *what: str) -> bool:
        return await self._limiter().hit(limit, *what)

    async def stats(self, limit: RateLimitItem, *what: str) -> tuple[float, int]:
        stats = await self._limiter().get_window_stats(limit, *what)
        return stats.reset_time, stats.remaining


def client_of(client: Any) -> str:
    """What stands for a client: its address; of IPv6 the network."""
    if client is None:
        return "unknown"
    address = address_of(client[0])
    if address is None:
        return str(client[0])
    return str(address) if address.version == 4 else address.exploded[:19]


def _parsed(limit: str) -> list[RateLimitItem]:
    try:
        limits = parse_many(limit)
    except ValueError as error:
        raise DeclarationError(
            f"Not a limit: {error}", written=repr(limit), instead="'100/minute'"
        ) from error
    if not all(one.amount > 0 for one in limits):
        raise DeclarationError(
            "No request would be answered", written=repr(limit), instead="'100/minute'"
        )
    return limits


def _headers(limit: RateLimitItem, remaining: int, seconds: int) -> RawHeaders:
    return [
        (b"ratelimit-limit", b"%d" % limit.amount),
        (_REMAINING, b"%d" % remaining),
        (b"ratelimit-reset", b"%d" % seconds),
    ]


def _as_text(headers: RawHeaders) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in headers}
