"""Files in a directory."""

import os
import secrets
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from anyio import CancelScope

from trivium.storage.errors import FileMissing, FileTaken, InvalidKey, StorageError, StorageFailed
from trivium.storage.names import checked_key
from trivium.storage.protocol import CHUNK
from trivium.threads import in_thread

__all__ = ["LocalStorage"]


class LocalStorage:
    """A directory, which is made when the first file is stored.

        LocalStorage("media", url="/media/")

    A file is written beside its place and moved there when it is whole and on the disk, and never
    replaces another. The work is done in worker threads.

    url: below which a web server, or ``StaticFiles``, serves the directory. Browsers run what they
        find there as a part of the site, so what strangers upload is better served from another
        host, or by ``StoredFile.response()``.
    permissions: of the files; directories get the same with what it takes to enter them.
    """

    def __init__(
        self, directory: str | os.PathLike[str], *, url: str | None = None, permissions: int = 0o644
    ) -> None:
        self.directory = Path(directory)
        self._url = url if url is None or url.endswith("/") else f"{url}/"
        self._permissions = permissions

    def __repr__(self) -> str:
        return f"LocalStorage({str(self.directory)!r})"

    async def save(self, key: str, chunks: AsyncIterable[bytes]) -> int:
        """Stores a file; how many bytes it has. Raises ``FileTaken``."""
        part = _Part(self._place(key), self.directory, self._permissions)
        size = 0
        try:
            with _translated(key):
                await in_thread(part.begin, limited=False)
            async for chunk in chunks:
                with _translated(key):
                    await in_thread(part.write, chunk, limited=False)
                size += len(chunk)
            with _translated(key):
                await in_thread(part.finish, limited=False)
        except BaseException:
            with CancelScope(shield=True):
                await in_thread(part.drop, limited=False)
            raise
        return size

    async def stream(self, key: str) -> AsyncIterator[bytes]:
        """The content, in chunks. Raises ``FileMissing``."""
        with ExitStack() as stack:
            with _translated(key):
                # a caller that is cancelled meanwhile does not get the file, and closes it still
                file = await in_thread(self._opened, key, stack, limited=False)
            while True:
                with _translated(key):
                    chunk = await in_thread(file.read, CHUNK, limited=False)
                if not chunk:
                    return
                yield chunk

    async def delete(self, key: str) -> None:
        """Removes the file."""
        with _translated(key):
            await in_thread(self._removed, key, limited=False)

    async def exists(self, key: str) -> bool:
        """Whether there is a file."""
        with _translated(key):
            return await in_thread(self._there, key, limited=False)

    async def size(self, key: str) -> int:
        """Bytes of the file. Raises ``FileMissing``."""
        with _translated(key):
            return (await in_thread(self._inside(key).stat, limited=False)).st_size

    def url(self, key: str) -> str:
        """The key, below the URL that was given."""
        name = quote(str(checked_key(key)))
        if self._url is None:
            raise StorageError(
                f"{self!r} does not know where its files are served.\n"
                f"    instead:  LocalStorage({str(self.directory)!r}, url='/media/')"
            )
        return self._url + name

    def path(self, key: str) -> Path:
        """Where the file lies."""
        return self._inside(key)

    # In worker threads

    def _place(self, key: str) -> Path:
        return self.directory / checked_key(key)

    def _inside(self, key: str) -> Path:
        """The place of a file; links that lead out of the directory are not followed."""
        place = self._place(key)
        if not place.resolve().is_relative_to(self.directory.resolve()):
            raise InvalidKey(f"{key!r} leads out of {self.directory}")
        return place

    def _opened(self, key: str, stack: ExitStack) -> BinaryIO:
        return stack.enter_context(self._inside(key).open("rb"))

    def _removed(self, key: str) -> None:
        self._inside(key).unlink(missing_ok=True)

    def _there(self, key: str) -> bool:
        return self._inside(key).is_file()


class _Part:
    """A file that is being written, beside its place; its methods block."""

    def __init__(self, place: Path, directory: Path, permissions: int) -> None:
        self._place = place
        self._directory = directory
        self._permissions = permissions
        # shorter than any name may be; and no key begins with a dot
        self._path = place.with_name(f".{secrets.token_hex(8)}.part")
        self._file: BinaryIO | None = None
        self._is_moved = False

    def begin(self) -> None:
        """Makes the directory and the file. Raises FileExistsError where the place is taken."""
        place = self._place
        enter = self._permissions | (self._permissions & 0o444) >> 2 | 0o700
        place.parent.mkdir(mode=enter, parents=True, exist_ok=True)
        if not place.parent.resolve().is_relative_to(self._directory.resolve()):
            raise InvalidKey(f"{place} leads out of {self._directory}")
        if os.path.lexists(place):
            raise FileExistsError(place)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        self._file = os.fdopen(os.open(self._path, flags, 0o600), "wb")

    def write(self, chunk: bytes) -> None:
        """Adds to the file."""
        if self._file is not None:
            self._file.write(chunk)

    def finish(self) -> None:
        """Has the disk keep it, and moves it to its place unless that is taken."""
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        self._path.chmod(self._permissions)
        _moved(self._path, self._place)
        self._is_moved = True
        if os.name == "posix":
            folder = os.open(self._place.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def drop(self) -> None:
        """Removes it, wherever it is."""
        if self._file is not None:
            try:
                self._file.close()
            except OSError:
                pass  # what was not written yet did not fit; it is not wanted any more
            self._path.unlink(missing_ok=True)
        if self._is_moved:
            self._place.unlink(missing_ok=True)


def _moved(part: Path, place: Path) -> None:
    """Gives a file its name, unless that is taken."""
    if os.name == "nt":
        part.rename(place)
        return
    try:
        os.link(part, place)
    except FileExistsError:
        raise
    except OSError:
        # a file system without links: the name is taken first, and then what it names is replaced
        os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        part.replace(place)
    else:
        part.unlink()


@contextmanager
def _translated(key: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise FileMissing(f"There is no file {key!r}") from error
    except FileExistsError as error:
        raise FileTaken(f"There is a file {key!r} already") from error
    except OSError as error:
        raise StorageFailed(f"{key!r}: {error.strerror or error}") from error
