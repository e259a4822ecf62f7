"""The responses of the test clients: the library's own, of a client that can leave."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import cast

from trivium.testing._httpx import httpx
from trivium.testing.line import Line


class LiveResponse(httpx.Response):
    """A response that `TestClient.stream` is giving, while the app may still be sending it."""

    _line: Line
    _raise_server_exceptions: bool
    _chunks: Iterator[bytes] | None = None

    def read_chunk(self) -> bytes:
        """The next piece of the body, not decoded, as the app sent it; empty at the body's end."""
        if self._chunks is None:
            self._chunks = iter(cast(httpx.SyncByteStream, self.stream))
        return next(self._chunks, b"")

    def disconnect(self) -> None:
        """Leave, as a client does that closes its connection; return when the app's call has ended.

        The app's `receive` gives `http.disconnect` and what it sends is dropped, so after this its
        `finally` blocks and the teardown of its dependencies have run.

        Raises AppStillRunning when the call has not ended `patience` seconds later, and what the
        app raised, unless that was the news of this disconnect.
        """
        self._line.cut_from_thread()
        self._line.wait_in_thread()
        try:
            self.close()
        except BaseException as error:
            if error is not self._line.error:
                raise
        self._line.check(raise_server_exceptions=self._raise_server_exceptions)


class AsyncLiveResponse(httpx.Response):
    """A response that `AsyncTestClient.stream` is giving, while the app may still be sending it."""

    _line: Line
    _chunks: AsyncIterator[bytes]

    async def read_chunk(self) -> bytes:
        """The next piece of the body, not decoded, as the app sent it; empty at the body's end."""
        return await anext(self._chunks, b"")

    async def disconnect(self) -> None:
        """Leave, as a client does that closes its connection; return when the app's call has ended.

        The app's `receive` gives `http.disconnect` and what it sends is dropped, so after this its
        `finally` blocks and the teardown of its dependencies have run. Leaving the block of
        `client.stream(...)` before the response has ended is the same.

        Raises AppStillRunning when the call has not ended `patience` seconds later, and what the
        app raised, unless that was the news of this disconnect.
        """
        self._line.cut()
        await self.aclose()


@dataclass(frozen=True, slots=True)
class Disconnected:
    """What a client that left had seen until then.

    status_code: None when it left before the response started.
    headers: of the response; empty when it had not started.
    chunks: the non-empty pieces of the response's body, as the app sent them, not decoded.
    error: what the app raised because the client left (`ClientDisconnect`), else None.
    """

    status_code: int | None
    headers: httpx.Headers
    chunks: tuple[bytes, ...]
    error: BaseException | None

    @property
    def content(self) -> bytes:
        """The part of the response's body that had arrived."""
        return b"".join(self.chunks)
