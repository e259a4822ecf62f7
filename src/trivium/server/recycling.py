"""When a worker has served long enough: requests, age or memory, each a little different.

Memory that grows over days, in whatever library, is given back when the process ends. The limits of
each worker differ by a random part, so that workers started together do not end together.
"""

import random
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from trivium.server.settings import ServerSettings

__all__ = ["Limits", "resident_memory"]


def resident_memory() -> int | None:
    """Bytes of memory that this process occupies; None where that cannot be known."""
    try:
        pages = Path("/proc/self/statm").read_text("ascii").split()[1]
    except OSError:
        return _highest_memory()
    import resource

    return int(pages) * resource.getpagesize()


def _highest_memory() -> int | None:
    """The most that it has occupied: what systems without /proc tell."""
    if sys.platform == "win32":
        return None
    import resource

    highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # bytes on macOS, KiB elsewhere
    return highest if sys.platform == "darwin" else highest * 1024


@dataclass(slots=True)
class Limits:
    """The limits of one worker."""

    requests: int | None
    age: float | None
    memory: float | None
    born: float

    @classmethod
    def of(cls, settings: ServerSettings) -> "Limits":
        """The limits that the settings say, each moved up by a random part."""

        def moved(limit: float | None) -> float | None:
            part = random.random() * settings.recycle_jitter
            return None if limit is None else limit * (1 + part)

        return cls(
            # whole, so that a limit of a few requests is not one more
            None if (requests := moved(settings.max_requests)) is None else int(requests),
            moved(settings.max_worker_age),
            moved(settings.max_worker_memory),
            time.monotonic(),
        )

    def exceeded(self, requests: int) -> str | None:
        """The limit that has been reached, in words; None while there is none."""
        if self.requests is not None and requests >= self.requests:
            return f"it has answered {requests} requests"
        age = time.monotonic() - self.born
        if self.age is not None and age >= self.age:
            return f"it is {age:.0f} seconds old"
        if self.memory is not None and (used := resident_memory() or 0) >= self.memory:
            return f"it occupies {used / 1e6:.0f} MB"
        return None
