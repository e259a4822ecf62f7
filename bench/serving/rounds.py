"""Alternating rounds: every peer's server is up, and one at a time has the CPU."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from bench.serving import load, replies
from bench.serving.endpoints import Endpoint
from bench.serving.peers import Peer
from bench.serving.server import serve
from trivium.cli.benchmark.errors import LoadFailed, NotServing
from trivium.cli.benchmark.processes import cpu_seconds
from trivium.cli.benchmark.server import ServerProcess

Say = Callable[[str], None]

WARMING = 20
"""Requests before a sample."""
SHORTEST, LONGEST = 0.5, 3.0
"""Seconds of a sample, where the time that is left decides. The slowest replies take 0.2 s."""
FIRST_GUESS = 0.15
"""Seconds that a sample takes besides the load, until some have been taken."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement.

    cpu_micros: CPU time of the server for one request, event or message.
    server_busy, client_busy: the share of its core that each had.
    """

    rate: float
    p50: float | None
    p99: float | None
    cpu_micros: float
    server_busy: float
    client_busy: float

    @property
    def limited_by_client(self) -> bool:
        """Whether the figure says what the load could do, not what the server could."""
        return self.server_busy < 0.9 and self.client_busy > self.server_busy


@dataclass(slots=True)
class Results:
    """Samples by endpoint and peer, round by round; None where one failed."""

    samples: dict[str, dict[str, list[Sample | None]]] = field(default_factory=dict)
    reasons: dict[tuple[str, str], str] = field(default_factory=dict)
    """(endpoint, peer) to the reason why there is no figure; endpoint "" for all of a peer."""

    def reason(self, endpoint: str, peer: str) -> str | None:
        return self.reasons.get(("", peer)) or self.reasons.get((endpoint, peer))

    def of(self, endpoint: str, peer: str) -> list[Sample]:
        """The samples of the rounds in which there was one."""
        return [each for each in self.samples.get(endpoint, {}).get(peer, []) if each]

    def pairs(self, endpoint: str, one: str, other: str) -> list[tuple[Sample, Sample]]:
        """The samples of the rounds in which both have one."""
        return self.across((endpoint, one), (endpoint, other))

    def across(self, one: tuple[str, str], other: tuple[str, str]) -> list[tuple[Sample, Sample]]:
        left = self.samples.get(one[0], {}).get(one[1], [])
        right = self.samples.get(other[0], {}).get(other[1], [])
        return [(a, b) for a, b in zip(left, right, strict=False) if a and b]


@dataclass(frozen=True, slots=True)
class Plan:
    """`seconds`: of one sample, or None to make it fit the time there is."""

    rounds: int
    seconds: float | None
    load_core: int
    server_core: int
    python: str


class Run:
    """Checks, then rounds, over `endpoints` for `peers`."""

    def __init__(self, endpoints: list[Endpoint], peers: list[Peer], plan: Plan, say: Say) -> None:
        self._endpoints, self._peers, self._plan, self._say = endpoints, peers, plan, say
        self.results = Results()
        self.starting: dict[tuple[str, bool], float] = {}
        """Seconds that it takes to bring a program up and down again, once checked."""
        self._around: list[float] = []

    def check(self) -> None:
        """Notes who does not come up, and which reply is not right: neither is measured."""
        for peer in self._peers:
            for name, reason in peer.lacks.items():
                self.results.reasons[name, peer.name] = f"not measured: {reason}"
            for production in (False, True):
                asked = [each for each in self._asked(peer) if each.production is production]
                if asked:
                    self._say(f"checking replies: {peer.name}")
                    began = time.perf_counter()
                    self._check(peer, asked, production)
                    self.starting[peer.name, production] = time.perf_counter() - began

    def _check(self, peer: Peer, asked: list[Endpoint], production: bool) -> None:
        try:
            with self._server(peer, production) as server:
                for endpoint in asked:
                    try:
                        replies.check(endpoint, server.port)
                        server.check_alive()
                    except (replies.WrongReply, NotServing) as error:
                        reason = f"wrong reply: {error}"
                        self.results.reasons[endpoint.name, peer.name] = reason
        except NotServing as error:
            # Its name in the table is reason enough, once; the production program is one line.
            where = "production" if production else ""
            self.results.reasons[where, peer.name] = f"does not start: {error}"

    def measure(self, until: float) -> None:
        """All rounds. The order of the peers turns round each time, so that drift cancels.

        until: the value of `time.perf_counter()` at which they should have ended; samples are as
            long as that allows, where the plan does not say how long.
        """
        for number in range(self._plan.rounds):
            endpoints = self._endpoints_of(number)
            order = self._peers if number % 2 == 0 else self._peers[::-1]
            with self._servers(order, endpoints) as servers:
                for place, endpoint in enumerate(endpoints):
                    seconds = self._seconds(number, place, until)
                    self._say(
                        f"round {number + 1} of {self._plan.rounds}, {seconds:.2f} s a sample, "
                        f"{max(0.0, until - time.perf_counter()):.0f} s left: {endpoint.title}"
                    )
                    for peer in order:
                        if self.results.reason(endpoint.name, peer.name) is None:
                            began = time.perf_counter()
                            server = servers.get((peer.name, endpoint.production))
                            self._sample(endpoint, peer, server, seconds)
                            self._around.append(time.perf_counter() - began - seconds)

    def _endpoints_of(self, number: int) -> list[Endpoint]:
        """What no goal looks at is measured in every second round."""
        return [each for each in self._endpoints if each.core or number % 2 == 0]

    def _asked(self, peer: Peer) -> Iterator[Endpoint]:
        for endpoint in self._endpoints:
            if self.results.reason(endpoint.name, peer.name) is None:
                yield endpoint

    @contextmanager
    def _servers(
        self, order: list[Peer], endpoints: list[Endpoint]
    ) -> Iterator[dict[tuple[str, bool], ServerProcess]]:
        """A server for every program that is needed, all paused."""
        servers: dict[tuple[str, bool], ServerProcess] = {}
        with ExitStack() as stack:
            for peer in order:
                for production in (False, True):
                    asked = [e for e in self._asked(peer) if e.production is production]
                    if any(each in endpoints for each in asked):
                        self._say(f"starting {peer.name}")
                        try:
                            server = stack.enter_context(self._server(peer, production))
                        except NotServing:
                            # It came up for the check; the sample says what it is now.
                            continue
                        server.pause()
                        servers[peer.name, production] = server
            yield servers

    def _server(self, peer: Peer, production: bool) -> ServerProcess:
        plan = self._plan
        return serve(peer, python=plan.python, core=plan.server_core, production=production)

    def _sample(
        self, endpoint: Endpoint, peer: Peer, server: ServerProcess | None, seconds: float
    ) -> None:
        taken: Sample | None = None
        try:
            if server is None:
                raise NotServing("did not come up in this round")
            taken = self.sample(endpoint, server, seconds)
        except (NotServing, LoadFailed, OSError) as error:
            self._say(f"{peer.name}, {endpoint.name}: {error}")
            self.results.reasons[endpoint.name, peer.name] = f"failed under load: {error}"
        rounds = self.results.samples.setdefault(endpoint.name, {}).setdefault(peer.name, [])
        rounds.append(taken)

    def sample(self, endpoint: Endpoint, server: ServerProcess, seconds: float) -> Sample:
        """One measurement of a server that is paused before and afterwards."""
        server.resume()
        try:
            replies.warm(endpoint, server.port, WARMING)
            before = cpu_seconds(server.pid)
            seen = load.apply(endpoint, server.port, seconds=seconds, core=self._plan.load_core)
            used = cpu_seconds(server.pid) - before
            server.check_alive()
        finally:
            server.pause()
        busy = min(1.0, used / seen.seconds)
        return Sample(
            seen.rate, seen.p50, seen.p99, used / seen.count * 1e6, busy, seen.client_busy
        )

    def _seconds(self, number: int, place: int, until: float) -> float:
        """How long a sample may last from here on: the endpoint at `place` of round `number`."""
        if self._plan.seconds is not None:
            return self._plan.seconds
        ahead = [*self._endpoints_of(number)[place:]]
        for later in range(number + 1, self._plan.rounds):
            ahead += self._endpoints_of(later)
        samples = sum(
            self.results.reason(endpoint.name, peer.name) is None
            for endpoint in ahead
            for peer in self._peers
        )
        starting = sum(self.starting.values()) * (self._plan.rounds - number - 1)
        around = sum(self._around) / len(self._around) if self._around else FIRST_GUESS
        each = (until - time.perf_counter() - starting) / max(samples, 1) - around
        return min(max(each, SHORTEST), LONGEST)
