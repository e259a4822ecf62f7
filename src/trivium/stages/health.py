"""Whether the process is alive, and whether it can do its work: for whoever starts and feeds it."""

import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
from typing import Any, NamedTuple, TypeAlias

import anyio

from trivium.exchange import JSON_TYPE, Exchange, Reply
from trivium.shutdown import shutdown_of
from trivium.stages.stage import Stage

__all__ = ["ReadinessCheck", "Health", "Readiness"]

ReadinessCheck: TypeAlias = Callable[[], Awaitable[Any]]
"""Returns if all is well, and raises if not."""

_READING = frozenset({"GET", "HEAD"})
_log = logging.getLogger("trivium.health")


class Readiness(NamedTuple):
    """Something that has to work before requests can be answered."""

    name: str
    check: ReadinessCheck
    timeout: float
    """Seconds."""


class Health(Stage):
    """Answers at ``live`` while the process runs, and at ``ready`` while its checks pass.

    The checks are the application's: ``app.add_readiness(name, check)``. They run at the same time,
    each within its timeout; one that fails or takes too long makes the answer a 503 that names it.
    What it raised is in the log, and not in the answer, which anybody may read. An answer is good
    for ``fresh`` seconds, so that asking often costs the database nothing.

    A server that is about to stop is not ready: see ``trivium run --shutdown-delay``.

    It stands before the check of hosts, because those who ask use addresses.
    """

    place = 60

    def __init__(
        self, *, live: str | None = "/health", ready: str | None = "/ready", fresh: float = 1.0
    ) -> None:
        self.live = live
        self.ready = ready
        self.pages = {
            path: page for path, page in ((live, self._live), (ready, self._ready)) if path
        }
        self._fresh = fresh
        self._last: tuple[float, Reply] | None = None
        self._lock: anyio.Lock | None = None

    def _live(self, ex: Exchange) -> Reply | None:
        return _alive() if ex.method in _READING else None

    def _ready(self, ex: Exchange) -> Reply | Awaitable[Reply | None] | None:
        if ex.method not in _READING:
            return None
        if shutdown_of(ex.scope).is_announced():
            return _as_reply(503, {"status": "stopping", "checks": {}})
        last = self._last
        if last is not None and perf_counter() - last[0] < self._fresh:
            return last[1]._replace(headers=list(last[1].headers))
        return self._ask(ex.app.readiness)

    async def _ask(self, checks: Sequence[Readiness]) -> Reply | None:
        self._lock = self._lock or anyio.Lock()
        began = perf_counter()
        async with self._lock:
            if self._last is None or self._last[0] < began:
                # nobody has asked while this request waited
                results: dict[str, dict[str, Any]] = {check.name: {} for check in checks}
                async with anyio.create_task_group() as tasks:
                    for check in checks:
                        tasks.start_soon(_run, check, results[check.name])
                self._last = (perf_counter(), _answer(results))
            reply = self._last[1]
        return reply._replace(headers=list(reply.headers))

    def described(self) -> str:
        return f"health, at {' and '.join(filter(None, (self.live, self.ready)))}"


async def _run(check: Readiness, result: dict[str, Any]) -> None:
    began = perf_counter()
    try:
        with anyio.move_on_after(check.timeout) as waiting:
            await check.check()
        if waiting.cancelled_caught:
            _log.warning("Not ready: %s has taken over %g s", check.name, check.timeout)
            result["status"] = "timed out"
        else:
            result["status"] = "ok"
    except Exception as error:
        _log.warning("Not ready: %s", check.name, exc_info=error)
        result["status"] = "failed"
    result["ms"] = round((perf_counter() - began) * 1000, 1)


def _alive() -> Reply:
    return _as_reply(200, {"status": "ok"})


def _answer(results: dict[str, dict[str, Any]]) -> Reply:
    is_ready = all(result["status"] == "ok" for result in results.values())
    status = "ok" if is_ready else "not ready"
    return _as_reply(200 if is_ready else 503, {"status": status, "checks": results})


def _as_reply(status: int, content: Any) -> Reply:
    body = json.dumps(content, separators=(",", ":")).encode()
    headers = [
        (b"content-length", b"%d" % len(body)),
        JSON_TYPE,
        (b"cache-control", b"no-store"),
    ]
    return Reply(status, headers, body)
