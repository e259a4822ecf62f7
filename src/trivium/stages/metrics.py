"""Numbers for Prometheus: how many requests, how long, by method, route and status.

A request adds to a plain list of counts; the library is asked to make a document of them when
somebody looks. Where several processes share their numbers (``PROMETHEUS_MULTIPROC_DIR``), the
library's own metrics are told at once instead, at more cost.
"""

import hmac
import os
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import REGISTRY, Collector

from trivium.errors import DeclarationError
from trivium.exchange import Exchange, Reply
from trivium.stages.naming import METHODS, OTHER, route_of
from trivium.stages.networks import PRIVATE, Networks
from trivium.stages.stage import Stage

__all__ = ["BUCKETS", "Metrics"]

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds."""
_NAME = "http_request_duration_seconds"
_TEXT = "Time from the request to the last byte of its reply"
_LABELS = ("method", "route", "status")
_FORWARDING = frozenset({b"x-forwarded-for", b"forwarded", b"via"})


class Metrics(Stage):
    """Counts and measures requests, and serves the numbers at ``path``.

    Where no route has answered, ``route`` is empty, so that clients cannot make up new ones.

    path: None serves no page.
    readers: the networks that may read it. Whoever else asks is told what the application says of
        that path, and so is a request that comes through a proxy that is not trusted, for then
        nobody knows who asks.
    token: with it, whoever has it may read: ``Authorization: Bearer ...``.
    registry: whose other metrics are shown as well; the library's global one if nothing is said.

    Raises DeclarationError for a token without a letter, which anybody has, and for what is not a
    network.
    """

    place = 70
    needs_time = True

    def __init__(
        self,
        path: str | None = "/metrics",
        *,
        readers: Iterable[str] = PRIVATE,
        token: str | None = None,
        buckets: Iterable[float] = BUCKETS,
        registry: CollectorRegistry | None = None,
    ) -> None:
        self.path = path
        self.pages = {} if path is None else {path: self._shown_to}
        self.readers = Networks(readers)
        if token is not None and not token.strip():
            raise DeclarationError(
                "Everybody has this token",
                written=f"token={token!r}",
                instead="a long random text, or None",
            )
        self._token = token
        self._bounds = tuple(sorted(buckets))
        self._first = self._bounds[0] if self._bounds else -1.0
        self._all: dict[tuple[str, str, str], _Series] = {}
        # the same, by what is at hand when a request ends; not those of WebSockets
        self._known: dict[tuple[str, int, int], _Series] = {}
        self._shared: Histogram | None = None
        others: Collector = REGISTRY if registry is None else registry
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            self._shared = Histogram(_NAME, _TEXT, _LABELS, buckets=self._bounds, registry=None)
            others = MultiProcessCollector(CollectorRegistry())  # type: ignore[no-untyped-call]  # the library has no types here
        # a registry of its own, so that there may be any number of applications in a process
        self._page = CollectorRegistry(auto_describe=False)
        self._page.register(_Collected(self, others))

    def _shown_to(self, ex: Exchange) -> Reply | None:
        if ex.method in ("GET", "HEAD") and self._may_read(ex):
            return self._shown(ex)
        return None

    def leave(self, ex: Exchange) -> None:
        route = ex.route
        if ex.must_be_released and ex.has_scope:
            route = ex.scope.get("route")
        series = self._known.get((ex.method, id(route), ex.status))
        if series is None or series.route is not route:
            series = self._series_of(ex, route)
        seconds = ex.seconds
        if series.child is not None:
            series.child.observe(seconds)
            return
        # most are in the first
        place = 0 if seconds <= self._first else bisect_left(self._bounds, seconds)
        series.counts[place] += 1
        series.seconds += seconds

    def _series_of(self, ex: Exchange, route: Any) -> "_Series":
        method = ex.method if ex.method in METHODS else OTHER
        labels = ("WS" if ex.is_websocket else method, route_of(ex), str(ex.status))
        series = self._all.get(labels)
        if series is None:
            child = None if self._shared is None else self._shared.labels(*labels)
            series = self._all[labels] = _Series(len(self._bounds) + 1, child)
        if labels[0] == ex.method:
            series.route = route
            self._known[ex.method, id(route), ex.status] = series
        return series

    def _may_read(self, ex: Exchange) -> bool:
        if self._token is not None:
            given = ex.header_map.get(b"authorization", b"")
            if hmac.compare_digest(given, b"Bearer " + self._token.encode()):
                return True
        if ex.client == ex.peer and not _FORWARDING.isdisjoint(ex.header_map):
            return False
        return (None if ex.client is None else ex.client[0]) in self.readers

    def _shown(self, ex: Exchange) -> Reply:
        encode, content_type = choose_encoder(ex.header(b"accept") or "")
        body: bytes = encode(self._page)
        headers = [
            (b"content-length", b"%d" % len(body)),
            (b"content-type", content_type.encode()),
            (b"cache-control", b"no-store"),
        ]
        return Reply(200, headers, body)

    def collect(self) -> Iterator[Metric]:
        """The numbers so far, as the library's metrics."""
        if self._shared is not None:
            # among those of the other processes
            return
        family = HistogramMetricFamily(_NAME, _TEXT, labels=_LABELS)
        names = [*map(str, self._bounds), "+Inf"]
        for labels, series in list(self._all.items()):
            total, buckets = 0, []
            for name, number in zip(names, series.counts, strict=True):
                total += number
                buckets.append((name, total))
            family.add_metric(labels, buckets, series.seconds)
        yield family

    def described(self) -> str:
        return "metrics" if self.path is None else f"metrics, at {self.path}"


class _Series:
    """What has been counted for one method, route and status."""

    __slots__ = ("child", "counts", "route", "seconds")

    def __init__(self, buckets: int, child: Any) -> None:
        self.counts = [0] * buckets
        self.seconds = 0.0
        self.route: Any = None
        """The route that it was last used for, kept, so that no other one gets its identity."""
        self.child = child
        """The library's metric, where it is told at once."""


class _Collected(Collector):
    """The numbers of the requests, and those of others."""

    def __init__(self, metrics: Metrics, others: Collector) -> None:
        self._parts = (metrics, others)

    def collect(self) -> Iterator[Metric]:
        for part in self._parts:
            yield from part.collect()
