"""What every storage can do."""

from collections.abc import AsyncIterable, AsyncIterator
from pathlib import Path
from typing import Protocol, runtime_checkable

__all__ = ["CHUNK", "Storage"]

CHUNK = 256 * 1024
"""Bytes that are read at once, so that a file of any size takes this much memory."""


@runtime_checkable
class Storage(Protocol):
    """Files under keys: ``"photos/cat_3f9ac2d1.jpg"``.

    A file is whole or not there, and never changes: who reads it needs no lock. Methods raise
    ``InvalidKey`` for what is no key, and ``StorageFailed`` where the disk or the server refuses.
    """

    async def save(self, key: str, chunks: AsyncIterable[bytes]) -> int:
        """Stores a file; how many bytes it has. Raises ``FileTaken`` where there is one already.

        If the chunks end with an error, or the caller is cancelled, there is no file.
        """
        ...

    def stream(self, key: str) -> AsyncIterator[bytes]:
        """The content, in chunks. Raises ``FileMissing``."""
        ...

    async def delete(self, key: str) -> None:
        """Removes the file; one that is not there is no error."""
        ...

    async def exists(self, key: str) -> bool:
        """Whether there is a file."""
        ...

    async def size(self, key: str) -> int:
        """Bytes of the file. Raises ``FileMissing``."""
        ...

    def url(self, key: str) -> str:
        """Where clients find the file; asks nobody. Raises ``StorageError`` if they cannot."""
        ...

    def path(self, key: str) -> Path | None:
        """Where the file lies on this machine, so that it can be sent from there; or ``None``."""
        ...
