"""A synchronous context manager whose ends run in worker threads."""

import threading
from contextlib import contextmanager

import anyio
import anyio.from_thread
import pytest

from trivium.fastapi.concurrency import contextmanager_in_threadpool


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param


async def test_a_context_that_is_entered_after_its_caller_was_cancelled_is_left_again(
    anyio_backend,
):
    entering, release = anyio.Event(), threading.Event()
    steps = []

    @contextmanager
    def connection():
        anyio.from_thread.run_sync(entering.set)
        release.wait(5)
        steps.append("entered")
        try:
            yield
        finally:
            steps.append("left")

    async def use():
        async with contextmanager_in_threadpool(connection()):
            steps.append("used")
            await anyio.sleep_forever()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(use)
        await entering.wait()
        tasks.cancel_scope.cancel()
        release.set()

    assert [step for step in steps if step != "used"] == ["entered", "left"]


async def test_a_context_that_cannot_be_entered_is_not_left(anyio_backend):
    class Closed:
        def __enter__(self):
            raise ConnectionError("closed")

        def __exit__(self, *error):
            raise AssertionError("never entered")

    with pytest.raises(ConnectionError, match="closed"):
        async with contextmanager_in_threadpool(Closed()):
            raise AssertionError("not reached")
