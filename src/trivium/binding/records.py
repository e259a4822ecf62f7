"""A class with fields that Pydantic does not know, told to Pydantic field by field.

What a package says of its classes becomes a ``Record``; from there on Structs and attrs classes
are the same. Pydantic then validates and writes the fields, and makes a component of the class in
the JSON Schema, as it does for a model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from pydantic import (
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    SerializerFunctionWrapHandler,
    ValidationError,
    ValidatorFunctionWrapHandler,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import (
    CoreSchema,
    InitErrorDetails,
    PydanticCustomError,
    PydanticSerializationUnexpectedValue,
    PydanticUndefined,
    core_schema,
)

__all__ = ["Loc", "Member", "Record", "describe_record", "record_schema", "refusal"]

Loc: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """One field of a record."""

    name: str
    """The attribute."""
    key: str
    """What it is called in JSON."""
    accepts: Any
    """The type of what a request holds."""
    gives: Any
    """The type of what the attribute holds, which a converter may have changed."""
    is_required: bool = True
    default: Any = PydanticUndefined
    """What the document shows; a default that is made anew each time is not shown."""
    is_accepted: bool = True
    """Whether a request can hold it; a field that the class fills in itself is only written."""

    def field(self, annotation: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The schema of the value, with the default where there is one."""
        schema = handler.generate_schema(annotation)
        if self.is_required:
            return schema
        if self.default is PydanticUndefined:
            # the class itself fills in what is missing; this says only that something may be
            return core_schema.with_default_schema(schema, default_factory=_no_value)
        return core_schema.with_default_schema(schema, default=self.default)


class Record(Protocol):
    """A class as a package describes it."""

    cls: type[Any]
    members: tuple[Member, ...]
    forbids_extra: bool
    is_array: bool
    """Whether the fields stand in a JSON array, in order, and not in an object."""
    tag_key: str | None
    """The key by which a client tells the record from others; a request may leave it out."""

    def build(self, values: dict[str, Any]) -> Any:
        """An instance of the values by attribute, those that were given.

        Raises what the class itself raises, or ``refusal`` with the place of a wrong value.
        """
        ...

    def take(self, value: Any, build: ValidatorFunctionWrapHandler) -> Any:
        """An instance of what a request holds, or a handler returned, that is none yet.

        ``build`` makes it through Pydantic, and raises ValidationError with all errors.
        """
        ...

    def values_of(self, instance: Any) -> dict[str, Any]:
        """The values to write by attribute, without those that are to be left out."""
        ...


def record_schema(record: Record, ref: str, handler: GetCoreSchemaHandler) -> CoreSchema:
    """What Pydantic needs to know. ``ref`` names the component, as Pydantic writes references."""
    cls = record.cls

    def take(value: Any, build: ValidatorFunctionWrapHandler) -> Any:
        # As with a dataclass, an instance is taken as it is: making it again would run its
        # ``__post_init__`` and its converters on values that they have seen.
        return value if isinstance(value, cls) else record.take(value, build)

    def write(value: Any, write_fields: SerializerFunctionWrapHandler) -> Any:
        if not isinstance(value, cls):
            raise PydanticSerializationUnexpectedValue(f"Expected {cls.__name__}, got {value!r}")
        values = record.values_of(value)
        return write_fields(tuple(values.values()) if record.is_array else values)

    built = _array(record, handler) if record.is_array else _object(record, handler)
    gives = [(member, member.field(member.gives, handler)) for member in record.members]
    if record.is_array:
        output: CoreSchema = core_schema.tuple_schema([schema for _, schema in gives])
    else:
        output = core_schema.typed_dict_schema(
            {
                member.name: core_schema.typed_dict_field(
                    schema, serialization_alias=member.key, required=member.is_required
                )
                for member, schema in gives
            },
            extra_behavior="forbid" if record.forbids_extra else "ignore",
        )
    return core_schema.no_info_wrap_validator_function(
        take,
        built,
        ref=ref,
        # only what is declared is written: a subclass may hold more than the client shall see
        serialization=core_schema.wrap_serializer_function_ser_schema(write, schema=output),
    )


def describe_record(
    record: Record, schema: CoreSchema, handler: GetJsonSchemaHandler
) -> JsonSchemaValue:
    """The JSON Schema of what ``record_schema`` made."""
    kinds: Any = schema
    is_output = handler.mode == "serialization"
    fields = kinds["serialization"]["schema"] if is_output else kinds["schema"]["schema"]
    written = handler(fields)
    described = handler.resolve_ref_schema(written)
    if record.is_array:
        described["minItems"] = sum(member.is_required for member in record.members)
    elif record.forbids_extra:
        described["additionalProperties"] = False
    if record.tag_key is not None and not record.is_array:
        required = described.setdefault("required", [])
        required.insert(0, record.tag_key)
    return written


def refusal(cls: type[Any], error: Exception, loc: Loc, value: Any) -> ValidationError:
    """What a class of its own refuses, in the form of Pydantic's errors."""
    details = InitErrorDetails(
        type=PydanticCustomError("value_error", "Value error, {error}", {"error": str(error)}),
        loc=loc,
        input=value,
    )
    return ValidationError.from_exception_data(cls.__name__, [details])


def _object(record: Record, handler: GetCoreSchemaHandler) -> CoreSchema:
    accepted = [member for member in record.members if member.is_accepted]
    fields = core_schema.model_fields_schema(
        {
            member.name: core_schema.model_field(
                member.field(member.accepts, handler), validation_alias=member.key
            )
            for member in accepted
        },
        from_attributes=True,
        extra_behavior="forbid" if record.forbids_extra else "ignore",
    )

    def build(found: tuple[dict[str, Any], Any, set[str]]) -> Any:
        values, _, given = found
        return record.build({name: value for name, value in values.items() if name in given})

    return core_schema.no_info_after_validator_function(build, fields)


def _array(record: Record, handler: GetCoreSchemaHandler) -> CoreSchema:
    names = [member.name for member in record.members]
    items = [member.field(member.accepts, handler) for member in record.members]
    rest = [] if record.forbids_extra else [core_schema.any_schema()]
    fields = core_schema.tuple_schema(
        [*items, *rest], variadic_item_index=None if record.forbids_extra else len(items)
    )

    def build(found: tuple[Any, ...]) -> Any:
        values: Mapping[str, Any] = dict(zip(names, found, strict=False))
        return record.build({k: v for k, v in values.items() if v is not _NO_VALUE})

    return core_schema.no_info_after_validator_function(build, fields)


_NO_VALUE: Any = object()


def _no_value() -> Any:
    return _NO_VALUE
