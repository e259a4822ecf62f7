"""Finding a field's value in what a request holds: multidicts of queries, headers and forms."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any, TypeAlias

from starlette.datastructures import FormData, Headers, ImmutableMultiDict
from starlette.datastructures import UploadFile as StarletteUploadFile

from trivium.binding.fields import Field, Loc, Undefined, missing
from trivium.binding.params import KeepEmpty

__all__ = ["Errors", "extras", "picked", "validated"]

Errors: TypeAlias = list[dict[str, Any]]


def validated(field: Field, value: Any, loc: Loc) -> tuple[Any, Errors]:
    """The value of a field, its default where ``value`` is Undefined, or the errors."""
    if value is Undefined:
        if field.required:
            return None, [missing(loc)]
        value = deepcopy(field.default)
        if not field.field_info.validate_default:
            return value, []
    return field.validate(value, loc=loc)


def picked(field: Field, values: Mapping[str, Any], key: str) -> Any:
    """What a multidict holds for a field: a list for a sequence, Undefined for nothing.

    In a form, an empty string and the empty file that a browser sends for an untouched input
    count as nothing, unless the field says that it keeps empty strings.
    """
    is_form = isinstance(values, FormData)
    if not field.is_json and field.is_sequence and isinstance(values, ImmutableMultiDict | Headers):
        value: Any = values.getlist(key)
        if is_form:
            value = [item for item in value if not _is_untouched_file(item)]
    else:
        value = values.get(key, None)
    if value is None or (field.is_sequence and len(value) == 0):
        return Undefined
    if is_form and (_is_untouched_file(value) or (value == "" and not _keeps_empty(field))):
        return Undefined
    return value


def extras(values: Mapping[str, Any], known: set[str]) -> Iterator[tuple[str, Any]]:
    """What the request holds beyond the known names; repeated values come as a list."""
    if isinstance(values, ImmutableMultiDict):
        items = list(values.multi_items())
    else:
        items = list(values.items())
    grouped: dict[str, list[Any]] = {}
    for key, value in items:
        if key not in known:
            grouped.setdefault(key, []).append(value)
    for key, found in grouped.items():
        yield key, found[0] if len(found) == 1 else found


def _keeps_empty(field: Field) -> bool:
    return any(item is KeepEmpty.MARK for item in field.field_info.metadata)


def _is_untouched_file(value: Any) -> bool:
    return isinstance(value, StarletteUploadFile) and value.filename == "" and value.size == 0
