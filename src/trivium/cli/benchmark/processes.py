"""A process and its children, as Linux's /proc sees them: CPU time and memory."""

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from trivium.cli.benchmark.errors import CannotMeasure

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Memory:
    """MiB, summed over processes. `rss` counts a page that two share twice, `pss` once."""

    rss: float
    pss: float


def require_linux() -> None:
    """Raises CannotMeasure where there is no /proc that tells what is measured."""
    if sys.platform != "linux":
        raise CannotMeasure(f"This measures on Linux only, and this is {sys.platform}.")


def cores() -> tuple[int, int]:
    """The core for the load and the core for the server.

    Raises CannotMeasure where there is only one.
    """
    require_linux()
    free = sorted(os.sched_getaffinity(0))
    if len(free) < 2:
        raise CannotMeasure("Two cores are needed: one for the server, one for the load.")
    return free[0], free[-1]


def tree(pid: int) -> list[int]:
    """The process and all below it, those that ended left out."""
    found = [pid]
    for parent in found:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            try:
                found += map(int, children.read_text().split())
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


def state(pid: int) -> str | None:
    """Its letter in ps(1), T for a stopped one; None where it is gone."""
    try:
        # The name, in parentheses, may hold anything.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return None


def is_running(pid: int) -> bool:
    """Whether it is there and has not ended; what nobody has waited for yet has ended."""
    return state(pid) not in (None, "Z", "X")


def memory(pid: int) -> Memory:
    """What the process and its children hold."""
    rss = pss = 0
    for each in tree(pid):
        try:
            lines = Path(f"/proc/{each}/smaps_rollup").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue
        for line in lines:
            if line.startswith("Rss:"):
                rss += int(line.split()[1]) * 1024
            elif line.startswith("Pss:"):
                pss += int(line.split()[1]) * 1024
    return Memory(rss / MIB, pss / MIB)


def cpu_seconds(pid: int) -> float:
    """CPU time, user and system, of the process and its living children, all threads.

    Read from each process's CPU clock (clock_getcpuclockid(3)), which counts nanoseconds where
    /proc/PID/stat counts ticks of ten milliseconds.
    """
    total = 0.0
    for each in tree(pid):
        try:
            total += time.clock_gettime((~each << 3) | 2)
        except OSError:
            continue
    return total
