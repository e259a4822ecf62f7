"""The goals, each with what decides it. Ratios are taken within a round."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench.serving.alone import Alone
from bench.serving.lasting import Growth, Streams
from bench.serving.peers import BY_NAME
from bench.serving.rounds import Results, Sample

NOT_ASKED = "not measured in this run"


@dataclass(frozen=True, slots=True)
class Ratio:
    """The median of several ratios, with the extremes."""

    middle: float
    low: float
    high: float

    @classmethod
    def of(cls, each: Sequence[float]) -> "Ratio | None":
        return cls(median(each), min(each), max(each)) if each else None


@dataclass(frozen=True, slots=True)
class Verdict:
    """One row of the table of goals.

    bound: what has to be reached, `at_least` or at most.
    cpu: the same ratio in CPU time of the server a request, which a busy machine disturbs less.
    met: None where one of the two was not measured; `note` says why.
    asked: whether this run was to measure it.
    """

    what: str
    bound: float
    at_least: bool
    ratio: Ratio | None
    cpu: float | None = None
    note: str = ""

    @property
    def asked(self) -> bool:
        return not self.note.endswith(NOT_ASKED)

    @property
    def met(self) -> bool | None:
        if self.ratio is None:
            return None
        middle = self.ratio.middle
        return middle >= self.bound if self.at_least else middle <= self.bound


Pairs = list[tuple[Sample, Sample]]


def _rate(what: str, bound: float, pairs: Pairs, note: str) -> Verdict:
    ratio = Ratio.of([ours.rate / theirs.rate for ours, theirs in pairs])
    cpu = Ratio.of([theirs.cpu_micros / ours.cpu_micros for ours, theirs in pairs])
    sides = zip(*pairs, strict=True) if pairs else ()
    if any(sum(each.limited_by_client for each in side) > len(side) / 2 for side in sides):
        note = "the load was at its limit, not the server"
    return Verdict(what, bound, True, ratio, cpu and cpu.middle, note)


# what, bound, (endpoint, peer), (endpoint, peer)
_RATES: tuple[tuple[str, float, tuple[str, str], tuple[str, str]], ...] = (
    ("JSON, against FastAPI", 6, ("json", "trivium"), ("json", "fastapi")),
    ("path and query, against FastAPI", 6, ("params", "trivium"), ("params", "fastapi")),
    ("validated body, against FastAPI", 6, ("body", "trivium"), ("body", "fastapi")),
    ("JSON, against bare ASGI's JSON", 1.2, ("json", "trivium"), ("json", "bare")),
    ("path and query, against bare ASGI's JSON", 1.2, ("params", "trivium"), ("json", "bare")),
    ("validated body, against bare ASGI's JSON", 1, ("body", "trivium"), ("json", "bare")),
    ("JSON, against the physical limit", 0.6, ("json", "trivium"), ("json", "limit")),
    ("JSON, plain ASGI, against FastAPI", 2.5, ("json", "trivium-asgi"), ("json", "fastapi")),
    (
        "path and query, plain ASGI, against FastAPI",
        2.5,
        ("params", "trivium-asgi"),
        ("params", "fastapi"),
    ),
    (
        "validated body, plain ASGI, against FastAPI",
        2.5,
        ("body", "trivium-asgi"),
        ("body", "fastapi"),
    ),
    ("`def` handler, against FastAPI's", 2, ("def", "trivium"), ("def", "fastapi")),
    ("JSON, production on, against off", 0.8, ("production", "trivium"), ("json", "trivium")),
)

_FRAMEWORKS = ("BlackSheep", "Falcon", "Sanic", "Litestar", "Robyn", "django-bolt")
_COMPARED = (("json", "JSON"), ("params", "path and query"), ("body", "validated body"))


def verdicts(
    results: Results,
    alone: Mapping[str, Alone],
    streams: Mapping[str, Streams | str],
    growth: Mapping[str, Growth | str],
) -> list[Verdict]:
    """Every goal, in the order in which they are written down."""
    return [
        *_rates(results),
        *_frameworks(results),
        _p99(results),
        *_alone(alone),
        _streams(streams),
        _growth(growth),
    ]


def _rates(results: Results) -> Iterable[Verdict]:
    for what, bound, one, other in _RATES:
        yield _rate(what, bound, results.across(one, other), _why(results, one, other))


def _why(results: Results, *sides: tuple[str, str]) -> str:
    """Why one of them has no figure; nothing where all have."""
    for endpoint, peer in sides:
        if not results.of(endpoint, peer):
            reason = results.reason(endpoint, peer) or NOT_ASKED
            return f"{peer}: {reason.splitlines()[-1]}"
    return ""


def _frameworks(results: Results) -> Iterable[Verdict]:
    for framework in _FRAMEWORKS:
        for endpoint, title in _COMPARED:
            peers = [name for name, peer in BY_NAME.items() if peer.framework == framework]
            measured = [name for name in peers if results.of(endpoint, name)]
            best = max(measured, key=_middle_rate(results, endpoint), default=peers[0])
            what = f"{title}, against {framework}"
            if measured and len(peers) > 1:
                what += f" on {BY_NAME[best].server}"
            pairs = results.pairs(endpoint, "trivium", best)
            note = _why(results, (endpoint, "trivium"), (endpoint, best))
            yield _rate(what, 1.5, pairs, note)


def _middle_rate(results: Results, endpoint: str) -> Callable[[str], float]:
    return lambda peer: median(each.rate for each in results.of(endpoint, peer))


def _p99(results: Results) -> Verdict:
    pairs = results.pairs("json", "trivium", "fastapi")
    ratio = Ratio.of([one.p99 / two.p99 for one, two in pairs if one.p99 and two.p99])
    note = _why(results, ("json", "trivium"), ("json", "fastapi"))
    return Verdict("p99 of JSON, 64 connections, against FastAPI", 1 / 3, False, ratio, note=note)


def _alone(alone: Mapping[str, Alone]) -> Iterable[Verdict]:
    ours, flask, fastapi = (
        alone.get(name) or Alone(reason=NOT_ASKED) for name in ("trivium", "flask", "fastapi")
    )
    yield _quotient(
        "memory (PSS) of one route after load, against Flask under gunicorn",
        ("trivium", ours, [each.pss for each in ours.loaded]),
        ("flask", flask, [each.pss for each in flask.loaded]),
    )
    yield _quotient(
        "start to first reply, one route, against FastAPI",
        ("trivium", ours, ours.startup),
        ("fastapi", fastapi, fastapi.startup),
        (ours.startup_cpu, fastapi.startup_cpu),
    )
    yield _quotient(
        "import of one route's program, against FastAPI",
        ("trivium", ours, ours.imported),
        ("fastapi", fastapi, fastapi.imported),
        (ours.imported_cpu, fastapi.imported_cpu),
    )


def _quotient(
    what: str,
    one: tuple[str, Alone, list[float]],
    other: tuple[str, Alone, list[float]],
    cpu: tuple[list[float], list[float]] | None = None,
) -> Verdict:
    pairs = list(zip(one[2], other[2], strict=False))
    ratio = Ratio.of([ours / theirs for ours, theirs in pairs])
    note = ""
    for name, alone, figures in (one, other):
        if not figures:
            note = f"{name}: {(alone.reason or 'not measured').splitlines()[-1]}"
            break
    times = Ratio.of([a / b for a, b in zip(*cpu, strict=False)]) if cpu else None
    return Verdict(what, 1, False, ratio, times and times.middle, note)


def _streams(streams: Mapping[str, Streams | str]) -> Verdict:
    """Held or not is the goal; the memory of a stream is told in its own table."""
    what = "streams held open on one worker, nothing lost (share held)"
    ours = streams.get("trivium", f"--streams: {NOT_ASKED}")
    if isinstance(ours, str):
        return Verdict(what, 1, True, None, note=ours)
    wrong = f"{ours.opened:,} opened, {ours.closed} closed, {ours.lost} gaps"
    share = 1.0 if ours.held else 1 - max(1, ours.closed + ours.lost) / ours.opened
    return Verdict(what, 1, True, Ratio(share, share, share), note=wrong)


def _growth(growth: Mapping[str, Growth | str]) -> Verdict:
    what = "RSS after a million mixed requests, against after ten thousand"
    ours = growth.get("trivium", f"--growth: {NOT_ASKED}")
    if isinstance(ours, str):
        return Verdict(what, 1.02, False, None, note=ours)
    note = f"after {ours.late:,} and {ours.early:,} requests"
    return Verdict(what, 1.02, False, Ratio(ours.ratio, ours.ratio, ours.ratio), note=note)
