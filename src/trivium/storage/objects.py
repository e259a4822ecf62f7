"""Files in S3 and its like, by obstore."""

from collections.abc import AsyncIterable, AsyncIterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from mimetypes import guess_type
from pathlib import Path
from typing import Any
from urllib.parse import quote

from trivium.storage.errors import FileMissing, FileTaken, StorageError, StorageFailed
from trivium.storage.names import checked_key
from trivium.storage.protocol import CHUNK

__all__ = ["ObjectStorage"]

WHOLE = 8 * 1024 * 1024
"""Bytes up to which a file is sent with one request, which the server refuses if it is taken."""


class ObjectStorage:
    """A bucket of S3, Google Cloud Storage or Azure, or of a server that speaks like S3.

        ObjectStorage(obstore.store.S3Store("uploads", prefix="media"))

    It needs ``pip install 'trivium[objects]'``; obstore's documentation says how stores are made.

    url: below which clients find the files, where the bucket is public or behind a CDN. Without it
        URLs are signed, and good for ``expires``.

    A file of more than 8 MiB is sent in parts; that its key is free is asked before. A server may
    keep the parts of an upload that was broken off: a rule of the bucket removes them.
    """

    def __init__(
        self, store: Any, *, url: str | None = None, expires: timedelta = timedelta(hours=1)
    ) -> None:
        try:
            import obstore
        except ModuleNotFoundError as missing:
            raise StorageError(
                "ObjectStorage needs obstore, which is not installed.\n"
                "Install it with:\n    pip install 'trivium[objects]'"
            ) from missing
        self.store = store
        self._obstore: Any = obstore
        self._url = url if url is None or url.endswith("/") else f"{url}/"
        self._expires = expires

    def __repr__(self) -> str:
        return f"ObjectStorage({self.store!r})"

    async def save(self, key: str, chunks: AsyncIterable[bytes]) -> int:
        """Stores a file; how many bytes it has. Raises ``FileTaken``."""
        checked_key(key)
        kind = guess_type(key)[0] or "application/octet-stream"
        reading = _Reading(chunks)
        start = await reading.start()
        try:
            with self._translated(key):
                if reading.is_over:
                    await self._put(key, start, kind, mode="create")
                elif await self.exists(key):
                    raise FileTaken(f"There is a file {key!r} already")
                else:
                    await self._put(key, reading.all(start), kind, chunk_size=WHOLE)
        finally:
            if reading.failure is not None:
                raise reading.failure
        return reading.size

    async def _put(self, key: str, content: Any, kind: str, **options: Any) -> None:
        attributes = {"Content-Type": kind}
        await self._obstore.put_async(self.store, key, content, attributes=attributes, **options)

    async def stream(self, key: str) -> AsyncIterator[bytes]:
        """The content, in chunks. Raises ``FileMissing``."""
        with self._translated(key):
            found = await self._obstore.get_async(self.store, str(checked_key(key)))
            async for chunk in found.stream(min_chunk_size=CHUNK):
                yield bytes(chunk)

    async def delete(self, key: str) -> None:
        """Removes the file."""
        try:
            with self._translated(key):
                await self._obstore.delete_async(self.store, str(checked_key(key)))
        except FileMissing:
            return

    async def exists(self, key: str) -> bool:
        """Whether there is a file."""
        try:
            await self.size(key)
        except FileMissing:
            return False
        return True

    async def size(self, key: str) -> int:
        """Bytes of the file. Raises ``FileMissing``."""
        with self._translated(key):
            found = await self._obstore.head_async(self.store, str(checked_key(key)))
        return int(found["size"])

    def url(self, key: str) -> str:
        """The key below the URL that was given, or a signed URL."""
        name = str(checked_key(key))
        if self._url is not None:
            return self._url + quote(name)
        try:
            return str(self._obstore.sign(self.store, "GET", name, self._expires))
        except Exception as error:
            raise StorageError(
                f"{self!r} cannot sign URLs: {error}\n"
                "    instead:  ObjectStorage(store, url='https://files.example.org/')"
            ) from error

    def path(self, key: str) -> Path | None:
        """``None``."""
        return None

    def _translated(self, key: str) -> AbstractContextManager[None]:
        return _translated(self._obstore.exceptions, key)


class _Reading:
    """The chunks of a file, told apart from what becomes of them.

    obstore reads them outside of Python, where an error of theirs would lose its class.
    """

    def __init__(self, chunks: AsyncIterable[bytes]) -> None:
        self._chunks = aiter(chunks)
        self.size = 0
        self.is_over = False
        self.failure: BaseException | None = None

    async def start(self) -> bytes:
        """What there is, up to what is sent with one request."""
        held = bytearray()
        while len(held) < WHOLE and (chunk := await self._next()) is not None:
            held += chunk
        return bytes(held)

    async def all(self, start: bytes) -> AsyncIterator[bytes]:
        """The start and the rest."""
        yield start
        try:
            while (chunk := await self._next()) is not None:
                yield chunk
        except BaseException as failure:
            self.failure = failure
            raise

    async def _next(self) -> bytes | None:
        try:
            chunk = await anext(self._chunks)
        except StopAsyncIteration:
            self.is_over = True
            return None
        self.size += len(chunk)
        return chunk


@contextmanager
def _translated(errors: Any, key: str) -> Any:
    try:
        yield
    except (errors.NotFoundError, FileNotFoundError) as error:
        raise FileMissing(f"There is no file {key!r}") from error
    except errors.AlreadyExistsError as error:
        raise FileTaken(f"There is a file {key!r} already") from error
    except (errors.BaseError, OSError) as error:
        raise StorageFailed(f"{key!r}: {error}") from error
