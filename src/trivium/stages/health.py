"""Whether the process is alive, and whether it can do its work: for whoever starts and feeds it."""

import json
import logging
from asyncio import AbstractEventLoop, Task, get_running_loop, wait
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


class _Outcome(NamedTuple):
    status: str
    seconds: float


class Health(Stage):
    """Answers at ``live`` while the process runs, and at ``ready`` while its checks pass.

    The checks are the application's: ``app.add_readiness(name, check)``. They run at the same time,
    each within its timeout; one that fails or takes too long makes the answer a 503 that names it,
    and is not begun again before it has ended, which in a worker thread may be much later.
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
        self._runs: dict[Readiness, Task[_Outcome]] = {}

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
                outcomes = await self._outcomes(checks)
                self._last = (perf_counter(), _answer(outcomes))
            reply = self._last[1]
        return reply._replace(headers=list(reply.headers))

    async def _outcomes(self, checks: Sequence[Readiness]) -> list[tuple[str, _Outcome]]:
        try:
            loop = get_running_loop()
        except RuntimeError:
            return await _all_run(checks)
        runs = [(check, self._run_of(check, loop)) for check in checks]
        now = perf_counter()
        return [(check.name, await _outcome_of(check, run, now)) for check, run in runs]

    def _run_of(self, check: Readiness, loop: AbstractEventLoop) -> Task[_Outcome]:
        """A check on its way, that of an earlier request where it does not come to an end: one that
        hangs in a thread must not take another thread each time somebody asks."""
        run = self._runs.get(check)
        if run is None or run.done() or run.get_loop() is not loop:
            run = self._runs[check] = loop.create_task(_run(check))
        return run

    def described(self) -> str:
        return f"health, at {' and '.join(filter(None, (self.live, self.ready)))}"


async def _run(check: Readiness) -> _Outcome:
    began = perf_counter()
    try:
        with anyio.move_on_after(check.timeout) as waiting:
            await check.check()
        # also where it took no notice of being cancelled
        status = "timed out" if waiting.cancel_called else "ok"
    except Exception as error:
        _log.warning("Not ready: %s", check.name, exc_info=error)
        status = "failed"
    return _Outcome(status, perf_counter() - began)


async def _all_run(checks: Sequence[Readiness]) -> list[tuple[str, _Outcome]]:
    """On Trio, where no task outlives who waits for it."""
    outcomes: list[tuple[str, _Outcome]] = []

    async def run(check: Readiness) -> None:
        outcomes.append((check.name, await _run(check)))

    async with anyio.create_task_group() as tasks:
        for check in checks:
            tasks.start_soon(run, check)
    return outcomes


async def _outcome_of(check: Readiness, run: Task[_Outcome], began: float) -> _Outcome:
    """What has become of a check by the end of its time."""
    await wait([run], timeout=max(0.0, began + check.timeout - perf_counter()))
    if not run.done():
        outcome = _Outcome("timed out", perf_counter() - began)
    elif run.cancelled():
        # by what it has waited for
        outcome = _Outcome("failed", perf_counter() - began)
    else:
        outcome = run.result()
    if outcome.status == "timed out":
        _log.warning("Not ready: %s has taken over %g s", check.name, check.timeout)
    return outcome


def _alive() -> Reply:
    return _as_reply(200, {"status": "ok"})


def _answer(outcomes: Sequence[tuple[str, _Outcome]]) -> Reply:
    is_ready = all(outcome.status == "ok" for _, outcome in outcomes)
    checks: dict[str, dict[str, Any]] = {}
    for name, (status, seconds) in outcomes:
        # of two with the same name, the one that fails is told
        if name not in checks or status != "ok":
            checks[name] = {"status": status, "ms": round(seconds * 1000, 1)}
    status = "ok" if is_ready else "not ready"
    return _as_reply(200 if is_ready else 503, {"status": status, "checks": checks})


def _as_reply(status: int, content: Any) -> Reply:
    body = json.dumps(content, separators=(",", ":")).encode()
    headers = [
        (b"content-length", b"%d" % len(body)),
        JSON_TYPE,
        (b"cache-control", b"no-store"),
    ]
    return Reply(status, headers, body)
