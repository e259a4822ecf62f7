"""Generators that write down what becomes of them."""

import pytest
from anyio.lowlevel import checkpoint


class Log(list):
    """What a generator did, in order."""

    async def numbers(self, *, count=None):
        n = 0
        try:
            while count is None or n < count:
                self.append(n)
                yield n
                n += 1
        finally:
            await checkpoint()
            await checkpoint()
            self.append("closed")

    def numbers_in_thread(self, *, count=None):
        n = 0
        try:
            while count is None or n < count:
                self.append(n)
                yield n
                n += 1
        finally:
            self.append("closed")


@pytest.fixture
def log():
    return Log()


@pytest.fixture(params=["numbers", "numbers_in_thread"])
def numbers(request, log):
    return getattr(log, request.param)
