"""The names that a generated program may use, beside those of the framework under test.

A program printed by a failing test runs as it stands after
`from tests.differential.prelude import *` and `from fastapi import *` (or `trivium.fastapi`).
"""

import asyncio
import dataclasses
import math
from collections.abc import AsyncIterable, AsyncIterator, Generator, Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from functools import partial, wraps
from ipaddress import IPv4Address
from pathlib import PurePosixPath
from types import SimpleNamespace
from typing import Annotated, Any, Literal, NotRequired, Optional, Union
from uuid import UUID

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    HttpUrl,
    Json,
    RootModel,
    StringConstraints,
    Tag,
    TypeAdapter,
    computed_field,
    field_serializer,
    field_validator,
    model_validator,
)
from typing_extensions import TypedDict

__all__ = [
    "AliasChoices",
    "Annotated",
    "Any",
    "AsyncIterable",
    "AsyncIterator",
    "BaseModel",
    "Color",
    "ConfigDict",
    "Decimal",
    "Discriminator",
    "Enum",
    "Field",
    "Generator",
    "HttpUrl",
    "IPv4Address",
    "IntEnum",
    "Iterable",
    "Iterator",
    "Json",
    "Level",
    "Literal",
    "NotRequired",
    "Optional",
    "PurePosixPath",
    "RootModel",
    "Sequence",
    "SimpleNamespace",
    "StringConstraints",
    "Tag",
    "TypedDict",
    "UUID",
    "Union",
    "asyncio",
    "computed_field",
    "dataclasses",
    "date",
    "datetime",
    "field_serializer",
    "field_validator",
    "inf",
    "made",
    "model_validator",
    "nan",
    "partial",
    "show",
    "time",
    "timedelta",
    "wraps",
]


# So that the repr of any JSON value is source that evaluates to it.
nan, inf = math.nan, math.inf


class Color(str, Enum):  # noqa: UP042  # a user's enum, written as most programs write it
    red = "red"
    green = "light green"


class Level(IntEnum):
    low = 1
    high = 2


def made(annotation: Any, value: Any) -> Any:
    """An instance of a type: what a handler with a database would return."""
    return TypeAdapter(annotation).validate_python(value)


def show(value: Any) -> Any:
    """Describes a bound value with its type, as JSON that always encodes.

    Two sides that bind `1` and `True`, or a `set` and a `list`, answer differently; so do two that
    bind the same model but disagree on which of its fields were set.
    """
    if isinstance(value, BaseModel):
        fields = {name: show(getattr(value, name)) for name in type(value).model_fields}
        extra = {show(name): show(item) for name, item in (value.model_extra or {}).items()}
        return {
            "model": type(value).__name__,
            "fields": fields,
            "set": sorted(map(repr, value.model_fields_set)),
            "extra": extra,
        }
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        return {type(value).__name__: {name: show(getattr(value, name)) for name in names}}
    if isinstance(value, dict):
        return {"dict": [[show(key), show(item)] for key, item in value.items()]}
    if isinstance(value, set | frozenset):
        return {type(value).__name__: sorted(repr(item) for item in value)}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [show(item) for item in value]}
    if hasattr(value, "filename"):
        return {
            "upload": type(value).__name__,
            "filename": repr(value.filename),
            "content_type": repr(value.content_type),
            "size": value.size,
            "headers": sorted(map(repr, value.headers.items())),
            "content": repr(value.file.read()[:200]),
        }
    return f"{type(value).__name__}: {value!r}"
