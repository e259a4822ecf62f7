"""msgspec Structs as records. Imported where a Struct is declared, for it imports msgspec.

msgspec itself decodes a Struct, in its lax mode: a number may come as a string, as it may for a
Pydantic model. What it refuses is looked at once more by Pydantic, which names every error and not
only the first. A Struct that holds something only Pydantic or attrs can make (a model, an attrs
class, a constraint in Pydantic's words) is put together by Pydantic field by field.
"""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import inspect
from pydantic import Field as PydanticField
from pydantic import ValidationError, ValidatorFunctionWrapHandler
from pydantic_core import PydanticUndefined

from trivium.binding.annotations import is_attrs_class, is_union
from trivium.binding.records import Member, Record, refusal
from trivium.binding.rewriting import rewritten

__all__ = ["StructRecord", "tag_of"]


class StructRecord(Record):
    """A Struct class, or one with its type parameters filled in."""

    def __init__(self, annotation: Any) -> None:
        self.annotation = annotation
        self.cls = get_origin(annotation) or annotation
        config = self.cls.__struct_config__
        self.is_array: bool = config.array_like
        self.forbids_extra: bool = config.forbid_unknown_fields
        self.tag_key = config.tag_field
        self._tag = config.tag
        fields = msgspec.structs.fields(annotation)
        names = [field.name for field in fields]
        # a field of this name is called otherwise in JSON
        self._tag_name = "__tag__" if config.tag_field in names else config.tag_field
        self.members = tuple(_member(field) for field in fields)
        if self._tag is not None:
            self.members = (self._tag_member(config.tag_field), *self.members)
        self._fields = fields
        self._omits = config.omit_defaults
        self._has_unset = any(_may_be_unset(field.type) for field in fields)
        self._is_decodable = _is_msgspecs_own(annotation)

    def build(self, values: dict[str, Any]) -> Any:
        values.pop(self._tag_name, None)
        try:
            return self.cls(**values)
        except (TypeError, ValueError) as error:
            # of its __post_init__
            raise refusal(self.cls, error, (), values) from error

    def take(self, value: Any, build: ValidatorFunctionWrapHandler) -> Any:
        if not self._is_decodable:
            return build(value)
        try:
            return msgspec.convert(value, self.annotation, strict=False, from_attributes=True)
        except msgspec.ValidationError as error:
            # raises what Pydantic has to say of it
            build(value)
            # Pydantic is content: a __post_init__ is not, or msgspec alone is strict here
            raise _as_pydantics(self.cls, error, value) from error

    def values_of(self, instance: Any) -> dict[str, Any]:
        values = {} if self._tag is None else {self._tag_name: self._tag}
        for field in self._fields:
            values[field.name] = getattr(instance, field.name)
        if self._has_unset:
            values = {k: v for k, v in values.items() if v is not msgspec.UNSET}
        if self._omits:
            for field in self._fields:
                if field.name in values and _is_default(field, values[field.name]):
                    del values[field.name]
        return values

    def _tag_member(self, key: str) -> Member:
        tag: Any = Literal[self._tag]
        # msgspec does not ask for the tag where nothing has to be told apart
        return Member(self._tag_name, key, tag, tag, is_required=self.is_array, default=self._tag)


def tag_of(cls: Any) -> tuple[str, Any] | None:
    """The key and the value that tell a Struct from the others of a union; None without a tag."""
    config = (get_origin(cls) or cls).__struct_config__
    return None if config.tag is None else (config.tag_field, config.tag)


def _member(field: msgspec.structs.FieldInfo) -> Member:
    annotation = rewritten(field.type, _told_to_pydantic)
    default = field.default
    if field.default_factory in _COLLECTIONS:
        # how msgspec keeps a default that was written as [], {} or set()
        default = field.default_factory()
    elif default is msgspec.NODEFAULT or default is msgspec.UNSET:
        default = PydanticUndefined
    return Member(
        field.name,
        field.encode_name,
        annotation,
        annotation,
        field.required,
        default=default,
    )


_COLLECTIONS = (list, dict, set)


def _told_to_pydantic(annotation: Any) -> Any:
    """What msgspec says with ``Meta`` and ``UnsetType`` in Pydantic's words."""
    if is_union(annotation):
        members = get_args(annotation)
        kept = [member for member in members if member is not msgspec.UnsetType]
        if len(kept) < len(members):
            rest: Any = kept[0]
            for member in kept[1:]:
                rest = rest | member
            return rewritten(rest, _told_to_pydantic)
    elif get_origin(annotation) is Annotated:
        inner, *metadata = get_args(annotation)
        if any(isinstance(item, msgspec.Meta) for item in metadata):
            told = [_meta(item) if isinstance(item, msgspec.Meta) else item for item in metadata]
            return Annotated[(rewritten(inner, _told_to_pydantic), *told)]
    return annotation


def _meta(meta: msgspec.Meta) -> Any:
    constraints = ("gt", "ge", "lt", "le", "multiple_of", "pattern", "min_length", "max_length")
    options: dict[str, Any] = {
        name: value
        for name in (*constraints, "title", "description", "examples")
        if (value := getattr(meta, name)) is not None
    }
    return PydanticField(**options, json_schema_extra=meta.extra_json_schema)


def _may_be_unset(annotation: Any) -> bool:
    return annotation is msgspec.UnsetType or any(map(_may_be_unset, get_args(annotation)))


def _is_default(field: msgspec.structs.FieldInfo, value: Any) -> bool:
    """What msgspec leaves out with ``omit_defaults``: the default itself, an empty collection."""
    if field.default is not msgspec.NODEFAULT:
        return value is field.default or bool(
            type(value) is type(field.default) and value == field.default
        )
    make = field.default_factory
    return make in _COLLECTIONS and type(value) is make and not value


def _is_msgspecs_own(annotation: Any) -> bool:
    """Whether msgspec can decode everything that the Struct holds, as its classes want it."""
    try:
        return all(map(_is_known, _parts_of(inspect.type_info(annotation), set())))
    except TypeError:
        # a union that msgspec cannot tell apart
        return False


def _is_known(info: inspect.Type) -> bool:
    if isinstance(info, inspect.DataclassType):
        # msgspec goes by converters, validators and Pydantic's part of a class
        if is_attrs_class(info.cls) or hasattr(info.cls, "__pydantic_validator__"):
            return False
    elif isinstance(info, inspect.CustomType | inspect.RawType | inspect.ExtType):
        return False
    cls = getattr(info, "cls", None)
    return cls is None or not any(
        map(_speaks_to_pydantic, get_type_hints(cls, include_extras=True).values())
    )


def _speaks_to_pydantic(annotation: Any) -> bool:
    """Whether a part is ``Annotated`` with something that msgspec does not understand."""
    if get_origin(annotation) is Literal:
        return False
    metadata = getattr(annotation, "__metadata__", ())
    return any(not isinstance(item, msgspec.Meta | str) for item in metadata) or any(
        map(_speaks_to_pydantic, get_args(annotation))
    )


def _parts_of(info: Any, seen: set[int]) -> Iterator[inspect.Type]:
    """The type and all types below it, each once."""
    if isinstance(info, tuple):
        for part in info:
            yield from _parts_of(part, seen)
    elif isinstance(info, inspect.Field):
        yield from _parts_of(info.type, seen)
    elif isinstance(info, inspect.Type) and id(info) not in seen:
        seen.add(id(info))
        yield info
        for name in info.__struct_fields__:
            yield from _parts_of(getattr(info, name), seen)


_PLACE = re.compile(r" - at (?:`(?:key|\.\.\.)` in )?`\$(?P<path>.*)`$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]")


def _as_pydantics(cls: type[Any], error: msgspec.ValidationError, value: Any) -> ValidationError:
    """msgspec's error, whose text ends with the place, in the form of Pydantic's."""
    text = str(error)
    loc: list[str | int] = []
    found: Any = value
    if place := _PLACE.search(text):
        text = text[: place.start()]
        position = 0
        # a step into a dictionary is not told by its key: the way ends there
        while step := _STEP.match(place["path"], position):
            position = step.end()
            loc.append(step[1] if step[2] is None else int(step[2]))
            try:
                found = found[loc[-1]]
            except (LookupError, TypeError):
                found = None
    return refusal(cls, ValueError(text), tuple(loc), found)
