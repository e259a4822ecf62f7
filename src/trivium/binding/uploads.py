"""An uploaded file as a handler sees it."""

from collections.abc import Callable, Mapping
from typing import Any, cast

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema
from pydantic_core.core_schema import with_info_plain_validator_function
from starlette.datastructures import UploadFile as StarletteUploadFile

__all__ = ["UploadFile"]


class UploadFile(StarletteUploadFile):
    """One file of a form.

    ``file`` is a spooled temporary file: kept in memory up to 1 MiB, on disk beyond that. ``read``,
    ``write``, ``seek`` and ``close`` are awaited, and visit a worker thread only when the content
    is on disk; a ``def`` handler uses ``file`` directly. ``size`` is in bytes, ``filename`` and
    ``content_type`` are what the client claims, so treat them as untrusted.

    The framework closes the file when the request is over; a handler need not.
    """

    @classmethod
    def _validate(cls, value: Any, info: Any) -> "UploadFile":
        # The form parser makes Starlette's own class, which has the same methods: converting it
        # would only cost a copy.
        if not isinstance(value, StarletteUploadFile):
            raise ValueError(f"Expected UploadFile, received: {type(value)}")
        return cast(UploadFile, value)

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[Any], handler: Callable[[Any], CoreSchema]
    ) -> CoreSchema:
        return with_info_plain_validator_function(cls._validate)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: Mapping[str, Any], handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "contentMediaType": "application/octet-stream"}
