"""Rounds in which the two engines take turns, request by request."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median

from trivium.cli.benchmark.engines import Engine, Program
from trivium.cli.benchmark.errors import LoadFailed, NotServing
from trivium.cli.benchmark.load import Load, load_by_client, load_by_wrk
from trivium.cli.benchmark.processes import Memory, cores, cpu_seconds, memory
from trivium.cli.benchmark.replies import Reply, ask, difference
from trivium.cli.benchmark.requests import Request
from trivium.cli.benchmark.server import ServerProcess

WARMING = 20
"""Requests before a sample, so that what is done once is done."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how hard. `seconds`: of one sample."""

    rounds: int
    seconds: float
    connections: int
    by_wrk: bool


@dataclass(frozen=True, slots=True)
class Sample:
    """What one engine did in one round. `cpu_micros`: the server's CPU time for a request."""

    rate: float
    p50: float | None
    p99: float | None
    cpu_micros: float
    client_busy: float


@dataclass(slots=True)
class Row:
    """One request: the engines' samples by their names, a list entry a round.

    problem: why there are none.
    unfit: the problem is the request's own: both engines refuse it.
    varies: the body differs from one request to the next, so that only status and content type
        were compared.
    """

    request: Request
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    problem: str | None = None
    unfit: bool = False
    varies: bool = False

    def ratio(self, ours: str, theirs: str) -> tuple[float, float, float] | None:
        """Our rate divided by theirs: median of the rounds, lowest, highest."""
        pairs = zip(self.samples.get(ours, ()), self.samples.get(theirs, ()), strict=False)
        each = [one.rate / other.rate for one, other in pairs]
        return (median(each), min(each), max(each)) if each else None


@dataclass(slots=True)
class Standing:
    """An engine's server as a whole: a list entry a round."""

    startup_seconds: list[float] = field(default_factory=list)
    memory: list[Memory] = field(default_factory=list)
    """After the load of a round."""


class Comparison:
    """`engines`, the reference last, serve one program and are asked the same."""

    def __init__(
        self,
        program: Program,
        engines: Sequence[Engine],
        requests: Sequence[Request],
        plan: Plan,
        say: Callable[[str], None],
    ) -> None:
        self.rows = [Row(request) for request in requests]
        self.standing = {engine.name: Standing() for engine in engines}
        self._program, self._engines, self._plan, self._say = program, engines, plan, say
        self._load_core, self._server_core = cores()

    def check(self) -> None:
        """Compares the replies; a row whose replies differ has a problem and is not measured.

        Raises NotServing when an engine does not serve the program at all.
        """
        replies: list[list[Reply | str]] = []
        for engine in self._engines:
            self._say(f"asking {engine.title}")
            with self._serving(engine) as server:
                replies.append([_asked(row.request, server.port) for row in self.rows])
                again = [_asked(row.request, server.port) for row in self.rows]
            for row, one, other in zip(self.rows, replies[-1], again, strict=True):
                if isinstance(one, Reply) and isinstance(other, Reply):
                    row.varies = row.varies or one.value != other.value
        for row, *answers in zip(self.rows, *replies, strict=True):
            row.problem = self._problem(row, answers)

    def _problem(self, row: Row, answers: Sequence[Reply | str]) -> str | None:
        found = []
        for engine, answer in zip(self._engines, answers, strict=True):
            if isinstance(answer, str):
                return f"{engine.name}: {answer}"
            found.append(answer)
        differ = difference(found[0], found[-1], values=not row.varies)
        if differ:
            names = f"{self._engines[0].name} != {self._engines[-1].name}"
            return f"the replies differ ({names}): {differ}"
        if not 200 <= found[0].status < 300:
            row.unfit = True
            return f"both answer {found[0].status}"
        return None

    def measure(self) -> None:
        """All rounds. The order of the engines turns round each time, so that drift cancels."""
        rows = [row for row in self.rows if row.problem is None]
        for number in range(self._plan.rounds):
            order = self._engines if number % 2 == 0 else self._engines[::-1]
            with self._all_serving(order) as servers:
                for place, row in enumerate(rows, 1):
                    self._say(
                        f"round {number + 1} of {self._plan.rounds}, "
                        f"{place} of {len(rows)}: {row.request.title}"
                    )
                    for engine, server in zip(order, servers, strict=True):
                        if row.problem is None:
                            self._sample(row, engine, server)
                for engine, server in zip(order, servers, strict=True):
                    self.standing[engine.name].memory.append(memory(server.pid))

    def _sample(self, row: Row, engine: Engine, server: ServerProcess) -> None:
        server.resume()
        try:
            ask(row.request, server.port, WARMING)
            before = cpu_seconds(server.pid)
            seen = self._loaded(row.request, server.port)
            used = cpu_seconds(server.pid) - before
            server.check_alive()
        except (NotServing, LoadFailed) as error:
            row.problem = f"{engine.name}, under load: {error}"
            return
        finally:
            server.pause()
        taken = Sample(seen.rate, seen.p50, seen.p99, used / seen.count * 1e6, seen.client_busy)
        row.samples.setdefault(engine.name, []).append(taken)

    def _loaded(self, request: Request, port: int) -> Load:
        load = load_by_wrk if self._plan.by_wrk else load_by_client
        return load(
            request,
            port,
            connections=self._plan.connections,
            seconds=self._plan.seconds,
            core=self._load_core,
        )

    @contextmanager
    def _serving(self, engine: Engine) -> Iterator[ServerProcess]:
        probe = self.rows[0].request.target
        try:
            server = engine.serve(self._program, core=self._server_core, probe=probe)
        except NotServing as error:
            raise NotServing(
                f"{engine.title} does not serve {self._program.name}: {error}"
            ) from None
        with server:
            yield server

    @contextmanager
    def _all_serving(self, order: Sequence[Engine]) -> Iterator[list[ServerProcess]]:
        """A server of each engine, all paused."""
        first, *rest = order
        with self._serving(first) as server:
            self.standing[first.name].startup_seconds.append(server.startup_seconds)
            server.pause()
            if not rest:
                yield [server]
                return
            with self._all_serving(rest) as others:
                yield [server, *others]


def _asked(request: Request, port: int) -> Reply | str:
    """The reply, or why there is none."""
    try:
        return ask(request, port)
    except NotServing as error:
        return str(error)
