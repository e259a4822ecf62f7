"""Reading one declared value out of a request.

Each field is compiled to a small function that is called with the exchange and the arguments so
far: it adds its argument and returns None, or returns the errors. Everything that the declaration
tells (names, defaults, whether a string needs validation at all) is decided at compile time.
"""

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from enum import Enum
from typing import Any, TypeAlias

from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, Headers, ImmutableMultiDict
from starlette.datastructures import UploadFile as StarletteUploadFile

from trivium.binding.dependant import Dependant, parameter_model
from trivium.binding.fields import Field, Loc, Undefined, missing, model_fields, relocated
from trivium.exchange import Exchange

__all__ = ["Errors", "Reader", "extras", "picked", "readers", "validated"]

Errors: TypeAlias = list[dict[str, Any]]
Reader: TypeAlias = Callable[[Exchange, dict[str, Any]], Errors | None]


def readers(dependant: Dependant) -> list[Reader]:
    """The readers of everything that is not in the body, in FastAPI's order."""
    return [
        *(_path_reader(field) for field in dependant.path_params),
        *(_query_reader(field) for field in dependant.query_params),
        *(_header_reader(field) for field in dependant.header_params),
        *(_cookie_reader(field) for field in dependant.cookie_params),
    ]


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
    count as nothing.
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
    if is_form and (_is_untouched_file(value) or (isinstance(value, str) and value == "")):
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


def _path_reader(field: Field) -> Reader:
    keys = [key for _, key in field.names()]
    if len(keys) > 1:
        return _reader_of_many(field, "path", keys, lambda ex: ex.path_params)
    return _scalar_reader(field, ("path", keys[0]), lambda ex: ex.path_params.get(keys[0]))


def _query_reader(field: Field) -> Reader:
    if (model := parameter_model(field)) is not None:
        return _model_reader(field, model, "query", lambda ex: ex.connection.query_params)
    keys = [key for _, key in field.names()]
    if len(keys) > 1 or field.is_sequence:
        return _reader_of_many(field, "query", keys, lambda ex: ex.connection.query_params)
    key = keys[0]
    return _scalar_reader(field, ("query", key), lambda ex: ex.query.get(key))


def _header_reader(field: Field) -> Reader:
    if (model := parameter_model(field)) is not None:
        return _model_reader(field, model, "header", lambda ex: ex.connection.headers)
    keys = [key for _, key in field.names()]
    if len(keys) > 1 or field.is_sequence:
        return _reader_of_many(field, "header", keys, lambda ex: ex.connection.headers)
    raw = keys[0].lower().encode("latin-1", "replace")
    return _scalar_reader(field, ("header", keys[0]), lambda ex: ex.header(raw))


def _cookie_reader(field: Field) -> Reader:
    if (model := parameter_model(field)) is not None:
        return _model_reader(field, model, "cookie", lambda ex: ex.cookies)
    keys = [key for _, key in field.names()]
    if len(keys) > 1 or field.is_sequence:
        return _reader_of_many(field, "cookie", keys, lambda ex: ex.cookies)
    key = keys[0]
    return _scalar_reader(field, ("cookie", key), lambda ex: ex.cookies.get(key))


def _scalar_reader(field: Field, loc: Loc, get: Callable[[Exchange], Any]) -> Reader:
    """The common case: one name, one value."""
    name = field.name
    absent = _absent(field, loc)
    if _takes_any_string(field):

        def read_string(ex: Exchange, arguments: dict[str, Any]) -> Errors | None:
            value = get(ex)
            if value is None:
                return absent(arguments)
            # a path parameter with a convertor is no string any more
            if type(value) is not str:
                value, errors = field.validate(value, loc=loc)
                if errors:
                    return errors
            arguments[name] = value
            return None

        return read_string

    validate = field.checker.validator.validate_python

    def read(ex: Exchange, arguments: dict[str, Any]) -> Errors | None:
        value = get(ex)
        if value is None:
            return absent(arguments)
        try:
            arguments[name] = validate(value, from_attributes=True)
        except ValidationError as error:
            return relocated(error, loc)
        return None

    return read


def _absent(field: Field, loc: Loc) -> Callable[[dict[str, Any]], Errors | None]:
    """What happens where the request does not hold the value."""
    name = field.name
    if field.required:
        return lambda arguments: [missing(loc)]
    info = field.field_info
    default = info.default
    if info.default_factory is None and not info.validate_default and _is_immutable(default):

        def use(arguments: dict[str, Any]) -> None:
            arguments[name] = default

        return use

    def make(arguments: dict[str, Any]) -> Errors | None:
        value, errors = validated(field, Undefined, loc)
        if errors:
            return errors
        arguments[name] = value
        return None

    return make


def _reader_of_many(
    field: Field,
    place: str,
    keys: list[str],
    source: Callable[[Exchange], Mapping[str, Any]],
) -> Reader:
    """Several names to choose from, or several values under one."""
    name = field.name

    def read(ex: Exchange, arguments: dict[str, Any]) -> Errors | None:
        values = source(ex)
        key = next((key for key in keys if key in values), keys[0])
        value, errors = validated(field, picked(field, values, key), (place, key))
        if errors:
            return errors
        arguments[name] = value
        return None

    return read


def _model_reader(
    field: Field,
    model: type[BaseModel],
    place: str,
    source: Callable[[Exchange], Mapping[str, Any]],
) -> Reader:
    """A model whose fields are parameters of one place."""
    name = field.name
    shape = _ModelShape(field, model, place == "header")

    def read(ex: Exchange, arguments: dict[str, Any]) -> Errors | None:
        value, header_names = shape.collect(source(ex))
        result, errors = validated(field, value, (place,))
        if not errors:
            arguments[name] = result
            return None
        if header_names and model.model_config.get("loc_by_alias", True):
            _use_header_names(errors, header_names)
        return errors

    return read


class _ModelShape:
    """How the fields of a parameter model are called in the request."""

    def __init__(self, field: Field, model: type[BaseModel], in_headers: bool) -> None:
        self.in_headers = in_headers
        convert = getattr(field.field_info, "convert_underscores", True)
        self.fields = [
            (
                item,
                item.names(
                    convert_underscores=in_headers
                    and getattr(item.field_info, "convert_underscores", convert)
                ),
            )
            for item in model_fields(model)
        ]
        self.own_names = {
            key.lower() if in_headers else key for _, names in self.fields for _, key in names
        }
        self.takes_extra = model.model_config.get("extra") in ("allow", "forbid")
        self.is_optional = field.field_info.annotation is not model

    def collect(self, values: Mapping[str, Any]) -> tuple[Any, dict[str, str]]:
        """The model's input, and for each field the header it was looked for under."""
        found: dict[str, Any] = {}
        header_names: dict[str, str] = {}
        known: set[str] = set()
        for item, names in self.fields:
            alias, key = next((pair for pair in names if pair[1] in values), names[0])
            value = picked(item, values, key)
            if value is not Undefined:
                found[alias] = value
            if not self.in_headers:
                known.add(key)
                continue
            known.add(key.lower())
            # the unconverted spelling of a header's name is not an extra header
            known.update(own.lower() for own, header in names if own != header)
            if alias != key:
                header_names[item.name] = key
        found.update(extras(values, known))
        if self.is_optional and not (
            self.own_names.intersection(values) or (self.takes_extra and found)
        ):
            return Undefined, header_names
        return found, header_names


def _use_header_names(errors: Errors, header_names: dict[str, str]) -> None:
    for error in errors:
        loc = error["loc"]
        if len(loc) > 1 and loc[1] in header_names:
            error["loc"] = (loc[0], header_names[loc[1]], *loc[2:])


def _takes_any_string(field: Field) -> bool:
    """Whether every string is valid as it is, so that validating it would change nothing."""
    info = field.field_info
    return info.annotation in (str, str | None, Any) and not info.metadata and field.config is None


def _is_immutable(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | bool | bytes | Enum)


def _is_untouched_file(value: Any) -> bool:
    return isinstance(value, StarletteUploadFile) and value.filename == "" and value.size == 0
