"""The clock of slow connections goes on, whatever one of them does."""

from __future__ import annotations

import asyncio

import pytest

from trivium.server import patience
from trivium.server.patience import Clock


class Connection:
    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails
        self.told: list[float] = []
        self.twice = asyncio.Event()

    def tick(self, now: float) -> None:
        self.told.append(now)
        if len(self.told) == 2:
            self.twice.set()
        if self.fails:
            raise RuntimeError("a connection that fails")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "TICK", 0.001)


def test_a_connection_that_fails_does_not_stop_the_clock() -> None:
    async def main() -> list[str]:
        loop = asyncio.get_running_loop()
        problems: list[str] = []
        loop.set_exception_handler(lambda _, context: problems.append(str(context["exception"])))
        clock = Clock(loop)
        connection = Connection(fails=True)
        clock.watch(connection)
        await asyncio.wait_for(connection.twice.wait(), 20)
        clock.forget(connection)
        return problems

    assert "a connection that fails" in asyncio.run(main())


def test_the_clock_stands_still_without_connections_and_goes_on_with_the_next() -> None:
    async def main() -> None:
        clock = Clock(asyncio.get_running_loop())
        for _ in range(2):
            connection = Connection()
            clock.watch(connection)
            await asyncio.wait_for(connection.twice.wait(), 20)
            clock.forget(connection)
            while clock._timer is not None:  # noqa: ASYNC110  # it tells nobody that it has ended
                await asyncio.sleep(0.001)
            assert connection.told == sorted(connection.told)

    asyncio.run(main())
