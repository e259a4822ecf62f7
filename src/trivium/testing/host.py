"""A place where tasks run for as long as an asynchronous test client is open."""

import asyncio
from contextlib import AsyncExitStack

import anyio
import anyio.abc

from trivium.errors import TriviumError


class TaskHost:
    """A task group that is opened in one place and closed in another.

    Fixtures need that: under asyncio, test plugins run the two halves of a fixture in two tasks,
    and a task group belongs to one. So there a task of its own holds the group open. Under Trio a
    task has a parent, and plugins run a fixture in one task: the group is the caller's.
    """

    def __init__(self) -> None:
        self._tasks: anyio.abc.TaskGroup | None = None

    async def open(self) -> None:
        """Make the host ready. Call `close`, in the same event loop, to be rid of it."""
        self._closing = anyio.Event()
        self._exits = AsyncExitStack()
        opened = anyio.Event()
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            group = await self._exits.enter_async_context(anyio.create_task_group())
            group.start_soon(self._hold, opened)
        else:
            holder = asyncio.create_task(self._hold(opened), name="trivium.testing")
            self._exits.push_async_callback(lambda: holder)
        await opened.wait()

    async def _hold(self, opened: anyio.Event) -> None:
        async with anyio.create_task_group() as self._tasks:
            opened.set()
            await self._closing.wait()
            self._tasks.cancel_scope.cancel()

    @property
    def tasks(self) -> anyio.abc.TaskGroup:
        """The group to start tasks in. Raises TriviumError when the host is not open.

        No task of it may raise: that would end all the others.
        """
        if self._tasks is None:
            raise TriviumError(
                "This AsyncTestClient is not open, so nothing can run its app.\n"
                "  written:  client = AsyncTestClient(app)\n"
                "  instead:  async with AsyncTestClient(app) as client: ..."
            )
        return self._tasks

    async def close(self) -> None:
        """Cancel the tasks that still run, and wait until they have ended."""
        self._closing.set()
        await self._exits.aclose()
        self._tasks = None
