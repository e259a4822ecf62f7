"""What a file column holds in the program."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from mimetypes import guess_type
from typing import TYPE_CHECKING, Any, Self

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from trivium.db.errors import InvalidValue
from trivium.db.files.sources import Source, source_of
from trivium.storage.errors import FileTaken
from trivium.storage.names import safe_name
from trivium.storage.protocol import Storage

if TYPE_CHECKING:
    from trivium.db.files.column import FileType
    from trivium.responding.responses import Response

__all__ = ["StoredFile"]

_TOKEN = re.compile(r"_[0-9a-f]{16}(?=\.[A-Za-z0-9]*\Z|\Z)")

# What a browser runs as a part of the site that it comes from.
_RUN_BY_BROWSERS = re.compile(r"text/html|.*xml.*|.*script.*|.*svg.*", re.IGNORECASE)


class StoredFile:
    """A file of a row: in a storage, or on its way there.

    ::

        plane.photo = StoredFile(upload)
        await plane.save()

    content: an ``UploadFile``, bytes, a ``Path``, or a file that is open in binary mode; it is read
        when the row is saved. Another ``StoredFile`` is copied.
    filename: what the file is called, as far as names go; the content's own name without it.
    content_type: what it is said to be; what the upload says without it.

    In JSON it is its URL. ``await file.read()``, ``stream()``, ``size()`` and ``response()`` are
    for both: what is stored, and what is not yet.
    """

    __slots__ = ("_column", "_given", "_key", "_source", "is_owned")

    def __init__(
        self, content: Any, *, filename: str | None = None, content_type: str | None = None
    ) -> None:
        self._key: str | None = None
        self._column: FileType | None = None
        self.is_owned = False
        """Whether a transaction removes the file if it is rolled back."""
        if isinstance(content, StoredFile):
            source = Source(
                content.stream, filename=content.filename, content_type=content.content_type
            )
        else:
            source = source_of(content)
        source.filename = filename if filename is not None else source.filename
        source.content_type = content_type if content_type is not None else source.content_type
        self._source: Source | None = source

    @classmethod
    def at(cls, key: str, column: FileType) -> Self:
        """The file that a row refers to."""
        made = cls.__new__(cls)
        made._key, made._column, made._source, made.is_owned = key, column, None, False
        return made

    def __repr__(self) -> str:
        return f"<StoredFile {self._key!r}>" if self._key else f"<StoredFile of {self.filename!r}>"

    @property
    def key(self) -> str | None:
        """The key in the storage; ``None`` before the file is stored."""
        return self._key

    @property
    def is_stored(self) -> bool:
        """Whether the file is in the storage."""
        return self._key is not None

    @property
    def source(self) -> Source | None:
        """What it is made of, until that is committed."""
        return self._source

    @property
    def filename(self) -> str:
        """The name without its folders and without what made it unique; safe to use."""
        if self._key is None:
            return safe_name(self._source.filename if self._source else None)
        return _TOKEN.sub("", self._key.rpartition("/")[2])

    @property
    def content_type(self) -> str:
        """What the name says that the file is; of one that is not stored, what was said."""
        if self._key is None and self._source is not None and self._source.content_type:
            return self._source.content_type
        return guess_type(self.filename)[0] or "application/octet-stream"

    @property
    def storage(self) -> Storage:
        """Where it is, or will be."""
        if self._column is None:
            raise InvalidValue(f"{self!r} belongs to no column yet")
        return self._column.current_storage()

    @property
    def url(self) -> str:
        """Where clients find it. Raises ``StorageError`` where the storage has no URLs."""
        return self.storage.url(self._stored_key())

    async def stream(self) -> AsyncIterator[bytes]:
        """The content, in chunks. Raises ``FileMissing``."""
        if self._key is None and self._source is not None:
            async for chunk in self._source.read():
                yield chunk
            return
        async for chunk in self.storage.stream(self._stored_key()):
            yield chunk

    async def read(self) -> bytes:
        """The content, in memory as a whole."""
        return b"".join([chunk async for chunk in self.stream()])

    async def size(self) -> int:
        """Bytes of the file, which is stored. Raises ``FileMissing``."""
        return await self.storage.size(self._stored_key())

    async def exists(self) -> bool:
        """Whether the storage has it."""
        return self._key is not None and await self.storage.exists(self._key)

    async def response(self, *, inline: bool = False, filename: str | None = None) -> Response:
        """A response with the file, which browsers save.

        From a directory it is sent with ETag and ranges. Raises ``FileMissing``.

        inline: browsers show it; not HTML, SVG, XML and scripts, which could act in your site's
            name.
        filename: what it is saved as, instead of its own.
        """
        from trivium.responding.responses import FileResponse, StreamingResponse

        key, storage, kind = self._stored_key(), self.storage, self.content_type
        size = await storage.size(key)
        shown = inline and not _RUN_BY_BROWSERS.fullmatch(kind)
        disposition = "inline" if shown else "attachment"
        headers = {"X-Content-Type-Options": "nosniff"}
        name = filename or self.filename
        path = storage.path(key)
        if path is not None:
            return FileResponse(
                path,
                media_type=kind,
                filename=name,
                content_disposition_type=disposition,
                headers=headers,
            )
        headers["Content-Length"] = str(size)
        headers["Content-Disposition"] = FileResponse(
            name, filename=name, content_disposition_type=disposition
        ).headers["content-disposition"]
        return StreamingResponse(storage.stream(key), media_type=kind, headers=headers)

    # On its way to the storage

    def of_column(self, column: FileType) -> StoredFile:
        """This file for a column; a copy if a row has it already."""
        found = self if self._column is None else StoredFile(self)
        found._column = column
        return found

    async def write(self, instance: Any) -> None:
        """Stores the content under a key that nobody has."""
        if self._source is None or self._column is None or self._key is not None:
            return
        column, storage = self._column, self.storage
        while True:
            key = column.new_key(instance, self.filename)
            try:
                await storage.save(key, column.limited(self._source.read()))
            except FileTaken:
                continue
            self._key = key
            return

    async def undo(self) -> None:
        """Takes the file out of the storage: its row was not stored."""
        key, self._key, self.is_owned = self._key, None, False
        if key is not None:
            await self.storage.delete(key)

    def settle(self) -> None:
        """Forgets what it was made of: it is there for good."""
        self._source, self.is_owned = None, False

    def _stored_key(self) -> str:
        if self._key is None:
            raise InvalidValue(f"{self!r} is not stored yet; it will be when its row is saved")
        return self._key

    # For Pydantic

    @classmethod
    def _validated(cls, value: Any) -> StoredFile:
        if isinstance(value, StoredFile):
            return value
        try:
            return StoredFile(value)
        except TypeError as error:
            raise ValueError(str(error)) from None

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._validated,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda file: file.url, return_schema=core_schema.str_schema(), when_used="json"
            ),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: Mapping[str, Any], handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        if handler.mode == "serialization":
            return {"type": "string", "format": "uri-reference"}
        return {"type": "string", "contentMediaType": "application/octet-stream"}
