"""One route, one server, nothing else running: memory, start-up and import time."""

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.serving import load
from bench.serving.endpoints import BY_NAME
from bench.serving.peers import Peer
from bench.serving.server import PROGRAMS, serve
from trivium.cli.benchmark.errors import LoadFailed, NotServing
from trivium.cli.benchmark.processes import Memory, memory

IMPORT = """
import json, sys, time
wall, cpu = time.perf_counter(), time.process_time()
__import__(sys.argv[1])
print(json.dumps([time.perf_counter() - wall, time.process_time() - cpu]))
"""


@dataclass(slots=True)
class Alone:
    """One peer's figures, a list entry a repetition. Seconds, and MiB over all processes."""

    started: list[Memory] = field(default_factory=list)
    loaded: list[Memory] = field(default_factory=list)
    startup: list[float] = field(default_factory=list)
    startup_cpu: list[float] = field(default_factory=list)
    imported: list[float] = field(default_factory=list)
    imported_cpu: list[float] = field(default_factory=list)
    reason: str | None = None


def measure(
    peers: list[Peer],
    *,
    repetitions: int,
    seconds: float,
    python: str,
    cores: tuple[int, int],
    say: Callable[[str], None],
) -> dict[str, Alone]:
    """Each peer's program of one route, in turns. The load lasts `seconds`, once."""
    found = {peer.name: Alone() for peer in peers}
    for number in range(repetitions):
        for peer in peers if number % 2 == 0 else peers[::-1]:
            alone = found[peer.name]
            if alone.reason is None:
                say(f"one route, {number + 1} of {repetitions}: {peer.name}")
                try:
                    _once(peer, alone, seconds if number == 0 else 0, python, cores)
                except (NotServing, LoadFailed, OSError, ValueError) as error:
                    alone.reason = str(error)
    return found


def _once(peer: Peer, alone: Alone, seconds: float, python: str, cores: tuple[int, int]) -> None:
    load_core, server_core = cores
    with serve(peer, python=python, core=server_core, one_route=True) as server:
        alone.startup.append(server.startup_seconds)
        alone.startup_cpu.append(server.startup_cpu_seconds)
        alone.started.append(memory(server.pid))
        if seconds:
            load.apply(BY_NAME["json"], server.port, seconds=seconds, core=load_core)
            alone.loaded.append(memory(server.pid))
    if "{module}:" in " ".join(peer.command):
        wall, cpu = _import_seconds(f"{peer.program}_one", peer, python, server_core)
        alone.imported.append(wall)
        alone.imported_cpu.append(cpu)


def _import_seconds(module: str, peer: Peer, python: str, core: int) -> tuple[float, float]:
    """Wall and CPU seconds that importing the program takes, in a new process."""
    done = subprocess.run(
        [python, "-c", IMPORT, module],
        cwd=PROGRAMS,
        env={**os.environ, "PYTHONHASHSEED": "0", **peer.environment},
        capture_output=True,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    if done.returncode:
        raise NotServing(f"{module} cannot be imported: {done.stderr.strip()[-300:]}")
    wall, cpu = json.loads(done.stdout.splitlines()[-1])
    return wall, cpu
