"""Load on a core of its own: wrk where it is installed, else a client of our own."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trivium.cli.benchmark.errors import CannotMeasure, LoadFailed
from trivium.cli.benchmark.requests import Request

SCRIPT = Path(__file__).with_name("wrk.lua")


@dataclass(frozen=True, slots=True)
class Load:
    """What the client saw. `p50` and `p99` in milliseconds; None where no reply is waited for.

    client_busy: the share of its core that the client used. Near 1 the client was the limit.
    """

    count: int
    seconds: float
    p50: float | None
    p99: float | None
    client_busy: float

    @property
    def rate(self) -> float:
        return self.count / self.seconds


def has_wrk() -> bool:
    """Whether wrk is on the path."""
    return shutil.which("wrk") is not None


def wanted_client(name: str) -> str:
    """`wrk` or `builtin`, for one of these or `auto`. Raises CannotMeasure for another, and for a
    wrk that is not there."""
    if name not in ("auto", "wrk", "builtin"):
        raise CannotMeasure(f"--client {name}: there are auto, wrk and builtin.")
    if name == "wrk" and not has_wrk():
        raise CannotMeasure("--client wrk: wrk is not on the path.")
    return "wrk" if name != "builtin" and has_wrk() else "builtin"


def load_by_wrk(
    request: Request, port: int, *, connections: int, seconds: float, core: int
) -> Load:
    """Loads a server for `seconds`. Raises LoadFailed when a reply was an error."""
    with tempfile.NamedTemporaryFile() as body:
        body.write(request.body)
        body.flush()
        headers = [text for pair in request.headers for text in pair]
        # wrk takes whole seconds only; a signal ends it early and it still reports.
        command = ["wrk", "-t1", f"-c{connections}", "-d600s", "-s", str(SCRIPT)]
        command += [f"http://127.0.0.1:{port}{request.target}", "--"]
        command += [request.method, body.name if request.body else "", *headers]
        out, busy = run_client(command, core=core, seconds=seconds)
    results = [line.split() for line in out.splitlines() if line.startswith("RESULT ")]
    if not results:
        raise LoadFailed(f"wrk said: {out.strip()[-400:]}")
    count, duration, p50, p99, errors = map(int, results[0][1:])
    if errors or not count:
        raise LoadFailed(f"{errors} errors in {count} requests")
    return Load(count, duration / 1e6, p50 / 1000, p99 / 1000, busy)


def load_by_client(
    request: Request, port: int, *, connections: int, seconds: float, core: int
) -> Load:
    """The same with our own client: slower than wrk, and always there."""
    job = json.dumps([request.wire(port).decode("latin-1"), port, connections, seconds])
    command = [sys.executable, "-m", "trivium.cli.benchmark.client", job]
    out, busy = run_client(command, core=core)
    return from_client(out, busy)


def from_client(out: str, busy: float) -> Load:
    """What a client of ours told in its one line of JSON. Raises LoadFailed if it failed."""
    try:
        told = json.loads(out)
    except ValueError:
        raise LoadFailed(f"the client said: {out.strip()[-400:]}") from None
    if told["failed"]:
        raise LoadFailed(told["failed"])
    return Load(told["count"], told["seconds"], told["p50"], told["p99"], busy)


def run_client(
    command: Sequence[str],
    *,
    core: int,
    seconds: float | None = None,
    directory: Path | None = None,
) -> tuple[str, float]:
    """What a command on `core` wrote, and the share of the time in which it had the CPU.

    seconds: after these it is interrupted, and goes on to its end.
    """
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=directory,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    try:
        out, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    except BaseException:
        process.kill()
        process.wait()
        raise
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return out, used / (time.perf_counter() - started)
