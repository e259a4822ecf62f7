"""One program, measured in a process of its own: ``python -m bench.data.worker PROGRAM``.

Writes one line of JSON: CPU seconds of this process for each operation, the least disturbed of
some samples. What PostgreSQL does is not in it.
"""

import asyncio
import gc
import inspect
import json
import os
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

from bench.data.operations import BULK, CARRIERS, OPERATIONS, ROWS, Operation, row

SAMPLES = 5


async def _done(result: Any) -> Any:
    return await result if inspect.isawaitable(result) else result


def _arguments(program: Any, operation: Operation) -> Callable[[int], Any]:
    if operation.name in ("one", "change"):
        return lambda number: 1 + number * 7919 % ROWS
    if operation.name == "twenty":
        return lambda number: CARRIERS[number % len(CARRIERS)]
    if operation.name == "insert":
        return lambda number: row(number)
    # the instances are there already: what is measured is storing them
    rows = [row(number) for number in range(BULK)]
    return lambda number: program.prepared(rows)


async def _measured(program: Any, operation: Operation) -> float:
    function = getattr(program, operation.name)
    argument = _arguments(program, operation)
    # synchronous code is called as it is: no coroutine stands in its figure
    is_async = inspect.iscoroutinefunction(function)
    best = float("inf")
    for sample in range(SAMPLES + 1):
        given = [argument(sample * operation.repeats + each) for each in range(operation.repeats)]
        before = time.process_time()
        if is_async:
            for one in given:
                await function(one)
        else:
            for one in given:
                function(one)
        spent = (time.process_time() - before) / operation.repeats
        # the first one is to warm up
        best = min(best, spent) if sample else best
        # else the objects of this sample would be freed within the next one
        del one, given
    return best


async def _checked(program: Any) -> None:
    """That everyone does the same. Raises SystemExit."""
    found = await _done(program.one(5))
    value = found["carrier"] if isinstance(found, dict) else found.carrier
    rows = await _done(program.twenty("AA"))
    key = await _done(program.insert(row(1)))
    distance = await _done(program.change(key))
    changed = await _done(program.one(key))
    stored = changed["distance"] if isinstance(changed, dict) else changed.distance
    found_out = (value, len(rows), key > 0, distance, stored)
    if found_out != (row(4)["carrier"], 20, True, row(1)["distance"] + 1, distance):
        raise SystemExit(f"{program.__name__} does something else: {found_out}")


async def _run(program: Any, url: str) -> dict[str, float]:
    await _done(program.open(url))
    try:
        await _checked(program)
        # what was imported is not looked through again and again, as in a server that has started
        gc.collect()
        gc.freeze()
        return {each.name: await _measured(program, each) for each in OPERATIONS}
    finally:
        await _done(program.close())


def main() -> None:
    program = import_module(f"bench.data.programs.{sys.argv[1]}")
    if inspect.iscoroutinefunction(program.one):
        import uvloop

        figures = uvloop.run(_run(program, os.environ["BENCH_DATABASE"]))
    else:
        # Django refuses to be called where an event loop runs
        figures = _run_synchronously(program, os.environ["BENCH_DATABASE"])
    print(json.dumps(figures))


def _run_synchronously(program: Any, url: str) -> dict[str, float]:
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    return asyncio.run(_run(program, url))


if __name__ == "__main__":
    main()
