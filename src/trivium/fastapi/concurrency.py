"""``fastapi.concurrency``"""

from contextlib import asynccontextmanager

from starlette.concurrency import (
    iterate_in_threadpool,
    run_in_threadpool,
    run_until_first_complete,
)

from trivium.binding.lifetimes import contextmanager_in_threadpool

__all__ = [
    "asynccontextmanager",
    "contextmanager_in_threadpool",
    "iterate_in_threadpool",
    "run_in_threadpool",
    "run_until_first_complete",
]
