"""Load on the other core: wrk for requests, `client` for streams and sockets."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench.serving.endpoints import Endpoint

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("wrk.lua")
HOW_TO_GET_WRK = (
    "wrk is not installed, and the load comes from it.\n"
    "  Debian, Ubuntu:  apt-get install wrk\n"
    "  macOS:           brew install wrk"
)


class LoadFailed(Exception):
    """The load could not be made, or replies went wrong under it."""


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


def wrk_missing() -> str | None:
    """How to get wrk, where it is missing."""
    return None if shutil.which("wrk") else HOW_TO_GET_WRK


def apply(endpoint: Endpoint, port: int, *, seconds: float, core: int) -> Load:
    """Loads one endpoint for `seconds`. Raises LoadFailed when a reply was an error."""
    if endpoint.kind == "http":
        return _wrk(endpoint, port, seconds, core)
    return _client(endpoint, port, seconds, core)


def _wrk(endpoint: Endpoint, port: int, seconds: float, core: int) -> Load:
    with tempfile.NamedTemporaryFile() as body:
        body.write(endpoint.body)
        body.flush()
        headers = [text for pair in endpoint.headers for text in pair]
        # wrk takes whole seconds only; a signal ends it early and it still reports.
        command = ["wrk", "-t1", f"-c{endpoint.connections}", "-d600s", "-s", str(SCRIPT)]
        command += [f"http://127.0.0.1:{port}{endpoint.path}", "--"]
        command += [endpoint.method, body.name if endpoint.body else "", *headers]
        out, busy = _run(command, core, seconds)
    results = [line.split() for line in out.splitlines() if line.startswith("RESULT ")]
    if not results:
        raise LoadFailed(f"wrk said: {out.strip()[-400:]}")
    requests, duration, p50, p99, errors = map(int, results[0][1:])
    if errors or not requests:
        raise LoadFailed(f"{errors} errors in {requests} requests")
    return Load(requests, duration / 1e6, p50 / 1000, p99 / 1000, busy)


def _client(endpoint: Endpoint, port: int, seconds: float, core: int) -> Load:
    job = [endpoint.kind, str(port), endpoint.path, str(endpoint.connections), str(seconds)]
    out, busy = _run([sys.executable, "-m", "bench.serving.client", *job], core, None)
    told = json.loads(out)
    if told["failed"]:
        raise LoadFailed(told["failed"])
    return Load(told["count"], told["seconds"], told["p50"], told["p99"], busy)


def _run(command: list[str], core: int, seconds: float | None) -> tuple[str, float]:
    """The output of a command on `core`, and the share of its time in which it had the CPU."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    try:
        out, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    except BaseException:
        process.kill()
        raise
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return out, used / (time.perf_counter() - started)
