"""What takes minutes, and is asked for: many open streams, and a million requests."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from bench.serving import load
from bench.serving.endpoints import BY_NAME, Endpoint
from bench.serving.load import ROOT
from bench.serving.peers import Peer
from bench.serving.programs.shared import TICK
from bench.serving.server import serve
from trivium.cli.benchmark.errors import LoadFailed
from trivium.cli.benchmark.processes import Memory, memory

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Streams:
    """Open streams of one server. `lost` and `closed` are 0 where nothing went wrong.

    fewest: events that the stream with the fewest received in all.
    due: events that each must have received by then.
    """

    opened: int
    seconds: float
    events: int
    lost: int
    closed: int
    fewest: int
    due: int
    before: Memory
    open: Memory

    @property
    def held(self) -> bool:
        return not self.lost and not self.closed and self.fewest >= self.due

    @property
    def kib_a_stream(self) -> float:
        return (self.open.pss - self.before.pss) * 1024 / self.opened


def hold_streams(
    peer: Peer, *, streams: int, seconds: float, python: str, cores: tuple[int, int]
) -> Streams:
    """Opens `streams` streams on one worker and holds them for `seconds`.

    Raises NotServing, or LoadFailed where not all of them could be opened.
    """
    _allow_files(streams)
    load_core, server_core = cores
    with serve(peer, python=python, core=server_core) as server:
        before = memory(server.pid)
        client = subprocess.Popen(
            [
                *(sys.executable, "-m", "bench.serving.client", "streams"),
                *(str(server.port), "/ticks", str(streams), str(seconds)),
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {load_core}),
        )
        with client:
            try:
                opened = _line(client)
                if opened["failed"]:
                    raise LoadFailed(opened["failed"])
                while_open = memory(server.pid)
                told = _line(client)
                server.check_alive()
            finally:
                client.kill()
    # The first came at once; one more may be under way.
    due = int(told["seconds"] / TICK)
    return Streams(
        opened["opened"],
        told["seconds"],
        told["events"],
        told["lost"],
        told["closed"],
        told["fewest"],
        due,
        before,
        while_open,
    )


def _line(client: "subprocess.Popen[str]") -> dict[str, Any]:
    assert client.stdout is not None
    line = client.stdout.readline()
    if not line:
        raise LoadFailed(f"the client ended with status {client.wait()}")
    told: dict[str, Any] = json.loads(line)
    return told


def _allow_files(streams: int) -> None:
    """Lets this process and its children open a socket a stream."""
    needed = streams + 500
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise LoadFailed(f"{needed} open files are needed, and {hard} allowed (ulimit -Hn)")
    if soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


# Few connections: a load that lasts a fraction of a second has to get replies on all of them.
MIXED: tuple[Endpoint, ...] = tuple(
    replace(BY_NAME[name], connections=16) for name in ("json", "params", "body", "def", "report")
)


@dataclass(frozen=True, slots=True)
class Growth:
    """Memory of one server after `early` and after `late` mixed requests."""

    early: int
    late: int
    memory_early: Memory
    memory_late: Memory

    @property
    def ratio(self) -> float:
        return self.memory_late.rss / self.memory_early.rss


def grow(
    peer: Peer, *, early: int, late: int, python: str, cores: tuple[int, int], say: Say
) -> Growth:
    """Loads one server with all kinds of requests until `late` have been answered."""
    load_core, server_core = cores
    with serve(peer, python=python, core=server_core) as server:
        done = 0
        after: dict[int, tuple[int, Memory]] = {}
        seconds = 0.15
        for bound in (early, late):
            while done < bound:
                for endpoint in MIXED:
                    seen = load.apply(endpoint, server.port, seconds=seconds, core=load_core)
                    done += seen.count
                say(f"{peer.name}: {done:,} of {late:,} requests")
            after[bound] = done, memory(server.pid)
            seconds = 3.0
    return Growth(after[early][0], after[late][0], after[early][1], after[late][1])
