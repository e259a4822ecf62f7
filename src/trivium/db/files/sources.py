"""What a file can be made of: an upload, bytes, a path, an open file."""

from __future__ import annotations

import io
import os
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, cast

from starlette.datastructures import UploadFile

from trivium.db.errors import InvalidValue
from trivium.storage.protocol import CHUNK
from trivium.threads import in_thread

__all__ = ["Source", "source_of"]

# A caller may hold a connection of the database, and threads may be waiting for one: no visit waits
# for a free thread.


class Source:
    """Where the content comes from; it can be read again, from its start."""

    def __init__(
        self,
        read: Callable[[], AsyncIterator[bytes]],
        *,
        filename: str | None = None,
        content_type: str | None = None,
        size: int | None = None,
    ) -> None:
        self.read = read
        self.filename = filename
        self.content_type = content_type
        self.size = size
        """Bytes, where that is known before the content is read."""


def source_of(given: Any) -> Source:
    """Raises ``TypeError`` for what no file can be made of."""
    if isinstance(given, UploadFile):
        return Source(
            lambda: _of_open(given.file),
            filename=given.filename,
            content_type=given.content_type,
            size=given.size,
        )
    if isinstance(given, bytes | bytearray | memoryview):
        content = bytes(given)
        return Source(lambda: _of_bytes(content), size=len(content))
    if isinstance(given, os.PathLike):
        path = Path(given)
        return Source(lambda: _of_path(path), filename=path.name)
    if isinstance(given, io.TextIOBase) or not callable(getattr(given, "read", None)):
        what = "a file that is open for text" if isinstance(given, io.TextIOBase) else repr(given)
        raise TypeError(
            f"{what} is no file: an upload, bytes, a Path or a file that is open in binary mode is"
        )
    name = getattr(given, "name", None)
    return Source(
        lambda: _of_open(cast("BinaryIO", given)),
        filename=os.path.basename(name) if isinstance(name, str) else None,
    )


async def _of_bytes(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), CHUNK):
        yield content[start : start + CHUNK]


async def _of_path(path: Path) -> AsyncIterator[bytes]:
    with ExitStack() as stack:
        # a caller that is cancelled meanwhile does not get the file, and closes it still
        file = await in_thread(lambda: stack.enter_context(path.open("rb")), limited=False)
        async for chunk in _of_open(file):
            yield chunk


async def _of_open(file: Any) -> AsyncIterator[bytes]:
    if getattr(file, "closed", False):
        raise InvalidValue(
            "The file is closed already; an upload is closed at the end of its request"
        )
    if not hasattr(file, "seekable") or file.seekable():
        await in_thread(file.seek, 0, limited=False)
    while chunk := await in_thread(file.read, CHUNK, limited=False):
        yield chunk
