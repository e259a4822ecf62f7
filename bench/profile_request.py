"""Where the time of one benchmark case goes: `python -m bench.profile_request path_query`.

`--tool cprofile` (the default) lists functions by their own time, exact in its counts and unfair to
small functions; `--tool pyinstrument` samples, and shows a tree of calls.
"""

import argparse
import cProfile
import importlib
import pstats
import sys
import time
import warnings
from typing import Any

from bench.cases import find
from bench.harness.asgi import lifespan, repeat
from bench.harness.case import BuildCase, RequestCase
from bench.harness.framework import Framework


class _CProfile:
    """The profiler of the standard library, in the shape of pyinstrument's."""

    def __init__(self, lines: int) -> None:
        self._profile, self._lines = cProfile.Profile(), lines

    def start(self) -> None:
        self._profile.enable()

    def stop(self) -> None:
        self._profile.disable()

    def print(self) -> None:
        stats = pstats.Stats(self._profile).strip_dirs()
        stats.sort_stats("tottime").print_stats(self._lines)


def _profiler(tool: str, lines: int) -> Any:
    if tool == "cprofile":
        return _CProfile(lines)
    module = importlib.import_module("pyinstrument")  # bench/requirements.txt brings it
    return module.Profiler(interval=0.0001, async_mode="disabled")


async def _requests(case: RequestCase, framework: Framework, times: int, profiler: Any) -> float:
    app = case.build(framework)
    async with lifespan(app):
        await repeat(app, case.call, 200)
        before = time.process_time()
        profiler.start()
        await repeat(app, case.call, times)
        profiler.stop()
        return time.process_time() - before


def _build(case: BuildCase, framework: Framework, profiler: Any) -> float:
    prepared = case.prepare(framework)
    before = time.process_time()
    profiler.start()
    case.declare(framework, prepared)
    profiler.stop()
    return time.process_time() - before


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.profile_request", description=__doc__)
    parser.add_argument("case", help="a name from `python -m bench --list`")
    parser.add_argument("--module", default="trivium.fastapi", help="a module with FastAPI's names")
    parser.add_argument("--tool", choices=["cprofile", "pyinstrument"], default="cprofile")
    parser.add_argument("--times", type=int, default=5_000, help="requests")
    parser.add_argument("--lines", type=int, default=40, help="of cProfile's table")
    parser.add_argument("--loop", choices=["uvloop", "asyncio"], default="uvloop")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    case, framework = find(options.case), Framework(options.module, options.loop)
    profiler = _profiler(options.tool, options.lines)

    if isinstance(case, RequestCase):
        spent = framework.run(_requests(case, framework, options.times, profiler))
        each = f"{spent / options.times * 1e6:.1f} µs a request"
    elif isinstance(case, BuildCase):
        spent = _build(case, framework, profiler)
        each = f"{spent * 1e3:.0f} ms"
    else:
        sys.exit(f"{case.name} has no work of its own to profile")
    profiler.print()
    print(f"{case.title}, {options.module}: {each} under the profiler")


if __name__ == "__main__":
    main()
