"""The type of a file column, and what it allows."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Iterable
from fnmatch import fnmatchcase
from mimetypes import guess_type
from typing import Annotated, Any, TypeAlias
from weakref import WeakKeyDictionary

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError
from sqlalchemy import Dialect, String, TypeDecorator

from trivium.binding.uploads import UploadFile
from trivium.db.errors import DbError, InvalidValue
from trivium.db.files.sources import source_of
from trivium.db.files.stored import StoredFile
from trivium.db.units import current_unit
from trivium.storage.errors import InvalidKey
from trivium.storage.names import checked_key, split_ending
from trivium.storage.protocol import Storage

__all__ = ["FileType", "file_columns"]

Folder: TypeAlias = "str | Callable[[Any, str], str]"

LONGEST_KEY = 255

UNKNOWN = "application/octet-stream"
"""What clients say who do not know what a file is."""


class FileType(TypeDecorator[StoredFile]):
    """The type of a column that holds a file: the file is in a storage, its key in the column.

    ::

        photo: Mapped[StoredFile | None] = mapped_column(
            FileType("photos", types=["image/jpeg", "image/png"], max_size=5_000_000)
        )

    The file is stored when the row is saved, and goes with the row: what a transaction that is
    rolled back has stored is removed, what it has replaced or deleted is removed after the commit.

    to: the folder, or a function of the instance and the file's name that gives one.
    max_size: bytes; a file that has more is refused.
    types: what a file may be, ``"image/*"`` or ``"application/pdf"``: both what the client says and
        what the name's ending means. Nobody looks into the content.
    storage: a storage, or the name of one of ``Database(storages={...})``.
    keep: files are not removed when they are replaced or their row is deleted.
    """

    impl = String
    cache_ok = True

    def __init__(
        self,
        to: Folder = "",
        *,
        max_size: int | None = None,
        types: Iterable[str] | None = None,
        storage: str | Storage = "default",
        keep: bool = False,
    ) -> None:
        from trivium.db.files.keeping import listen

        if isinstance(types, str):
            raise DbError(f"types={types!r} is not a list\n    instead:  types=[{types!r}]")
        super().__init__(length=LONGEST_KEY)
        self.to = to.strip("/") if isinstance(to, str) else to
        self.max_size = max_size
        self.types = None if types is None else tuple(each.lower() for each in types)
        self.storage = storage
        self.keep = keep
        if isinstance(self.to, str) and self.to:
            checked_key(self.to)
        listen()

    @property
    def python_type(self) -> type[Any]:
        """``StoredFile``."""
        return StoredFile

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """The key."""
        if isinstance(value, StoredFile):
            if value.key is None:
                raise InvalidValue(
                    f"{value!r} is not stored yet. A file is stored with its instance:\n"
                    "    instead:  await Plane.objects.create(photo=...), or await plane.save()"
                )
            return value.key
        return value if value is None or isinstance(value, str) else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> StoredFile | None:
        """The file with the key."""
        return StoredFile.at(value, self) if value else None

    def compare_values(self, x: Any, y: Any) -> bool:
        """Whether both are the same file."""
        if isinstance(x, StoredFile) and isinstance(y, StoredFile):
            return x is y or (x.key is not None and x.key == y.key)
        return bool(x == y)

    def coerce_compared_value(self, op: Any, value: Any) -> Any:
        """What is compared with a key is a text."""
        return self if isinstance(value, StoredFile) else String()

    # What may be stored

    @property
    def check(self) -> AfterValidator:
        """For Pydantic: what the column allows."""
        return AfterValidator(self.checked)

    @property
    def upload_annotation(self) -> Any:
        """For Pydantic: a file of a form, checked."""
        return Annotated[UploadFile, AfterValidator(self._checked_upload)]

    def allows(self, kind: str) -> bool:
        """Whether a file may be of that type."""
        return self.types is None or any(fnmatchcase(kind, each) for each in self.types)

    def checked(self, file: StoredFile) -> StoredFile:
        """The file. Raises a ``ValueError``, one of Pydantic's, for one that is not allowed."""
        if file.source is not None:
            self._check(file.filename, file.source.content_type, file.source.size)
        return file

    def _checked_upload(self, upload: UploadFile) -> UploadFile:
        source = source_of(upload)
        self._check(StoredFile(upload).filename, source.content_type, source.size)
        return upload

    def _check(self, name: str, said: str | None, size: int | None) -> None:
        if self.max_size is not None and size is not None and size > self.max_size:
            raise self._too_large()
        if self.types is None:
            return
        kinds = [kind for kind in (_plain(said), guess_type(name)[0]) if kind]
        for kind in kinds or [UNKNOWN]:
            if not self.allows(kind):
                raise PydanticCustomError(
                    "file_type",
                    "File should be of type {types}, not {given}",
                    {"types": " or ".join(self.types), "given": kind},
                )

    def _too_large(self) -> PydanticCustomError:
        return PydanticCustomError(
            "file_too_large",
            "File should have at most {max_size} bytes",
            {"max_size": self.max_size},
        )

    async def limited(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The chunks. Raises the error of a file that is too large where there are too many."""
        size = 0
        async for chunk in chunks:
            size += len(chunk)
            if self.max_size is not None and size > self.max_size:
                raise self._too_large()
            yield chunk

    # Where it is stored

    def current_storage(self) -> Storage:
        """The storage, by its name in the databases of the current unit of work."""
        if not isinstance(self.storage, str):
            return self.storage
        return current_unit().storage(self.storage)

    def new_key(self, instance: Any, filename: str) -> str:
        """A key that nobody else has, and nobody can guess."""
        folder = self.to(instance, filename).strip("/") if callable(self.to) else self.to
        stem, ending = split_ending(filename)
        key = f"{folder}/" if folder else ""
        key += f"{stem}_{secrets.token_hex(8)}{ending}"
        if len(key) > LONGEST_KEY:
            raise InvalidKey(f"{key!r} is longer than {LONGEST_KEY} characters")
        return str(checked_key(key))


def _plain(said: str | None) -> str | None:
    kind = (said or "").partition(";")[0].strip().lower()
    return None if kind == UNKNOWN else kind


_FOUND: WeakKeyDictionary[Any, list[Any]] = WeakKeyDictionary()


def file_columns(table: Any) -> list[Any]:
    """The columns of a table that hold files."""
    found = _FOUND.get(table)
    if found is None:
        found = [column for column in table.columns if isinstance(column.type, FileType)]
        _FOUND[table] = found
    return found
