"""Files in memory, for tests."""

from collections.abc import AsyncIterable, AsyncIterator
from pathlib import Path
from urllib.parse import quote

from trivium.storage.errors import FileMissing, FileTaken
from trivium.storage.names import checked_key
from trivium.storage.protocol import CHUNK

__all__ = ["MemoryStorage"]


class MemoryStorage:
    """What a test gives instead of a directory: ``storage.files`` is what is stored, by key."""

    def __init__(self, *, url: str = "/media/") -> None:
        self.files: dict[str, bytes] = {}
        self._url = url

    async def save(self, key: str, chunks: AsyncIterable[bytes]) -> int:
        """Stores a file; how many bytes it has. Raises ``FileTaken``."""
        checked_key(key)
        content = b"".join([chunk async for chunk in chunks])
        if key in self.files:
            raise FileTaken(f"There is a file {key!r} already")
        self.files[key] = content
        return len(content)

    async def stream(self, key: str) -> AsyncIterator[bytes]:
        """The content, in chunks. Raises ``FileMissing``."""
        content = self._content(key)
        for start in range(0, len(content), CHUNK):
            yield content[start : start + CHUNK]

    async def delete(self, key: str) -> None:
        """Removes the file."""
        self.files.pop(str(checked_key(key)), None)

    async def exists(self, key: str) -> bool:
        """Whether there is a file."""
        return str(checked_key(key)) in self.files

    async def size(self, key: str) -> int:
        """Bytes of the file. Raises ``FileMissing``."""
        return len(self._content(key))

    def url(self, key: str) -> str:
        """The key, below the URL that was given."""
        return self._url + quote(str(checked_key(key)))

    def path(self, key: str) -> Path | None:
        """``None``."""
        return None

    def _content(self, key: str) -> bytes:
        try:
            return self.files[str(checked_key(key))]
        except KeyError:
            raise FileMissing(f"There is no file {key!r}") from None
