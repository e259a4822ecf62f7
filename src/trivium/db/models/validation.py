"""Construction validates by the annotations: one Pydantic validator for each model.

The validator is compiled when the first instance is made. Rows that are loaded do not pass through
it: what stands in the database has been accepted once.
"""

from __future__ import annotations

import enum
import sys
import types
import typing
from dataclasses import dataclass
from inspect import get_annotations
from typing import Annotated, Any, Union, cast, get_args, get_origin
from weakref import WeakKeyDictionary

from annotated_types import Ge, Le, MaxLen
from pydantic import ConfigDict, PydanticSchemaGenerationError, TypeAdapter
from pydantic.fields import FieldInfo
from sqlalchemy import BigInteger, Column, Enum, Integer, SmallInteger, String, inspect
from sqlalchemy.orm import ColumnProperty, Mapped, Mapper
from typing_extensions import TypedDict

from trivium.db.files.column import FileType
from trivium.db.models.encryption import Encrypted
from trivium.errors import DeclarationError

__all__ = ["ColumnField", "column_fields", "validator_of"]


@dataclass(frozen=True, slots=True)
class ColumnField:
    """One column of a model, as validation and schemas see it."""

    name: str
    """The attribute."""
    annotation: Any
    """The Python type with its constraints, ``None`` included where the column is nullable."""
    required: bool
    """Whether the database would refuse a row for which nobody gave a value."""
    nullable: bool
    column: Column[Any]
    primary_key: bool
    generated: bool
    """Whether the database or the model fills it in when nobody does: a key, a default."""


# What the integer types hold on every database.
RANGES: tuple[tuple[type[Any], int], ...] = (
    (SmallInteger, 2**15),
    (BigInteger, 2**63),
    (Integer, 2**31),
)


def column_fields(model: type[Any]) -> tuple[ColumnField, ...]:
    """The columns of a mapped class in the order of declaration, inherited ones included."""
    found = _FIELDS.get(model)
    if found is None:
        mapper = cast("Mapper[Any]", inspect(model))
        found = tuple(_field(mapper, prop) for prop in mapper.column_attrs if _is_column(prop))
        _FIELDS[model] = found
    return found


_FIELDS: WeakKeyDictionary[type[Any], tuple[ColumnField, ...]] = WeakKeyDictionary()


def _is_column(prop: ColumnProperty[Any]) -> bool:
    return isinstance(prop.columns[0], Column)


def _field(mapper: Mapper[Any], prop: ColumnProperty[Any]) -> ColumnField:
    column = cast("Column[Any]", prop.columns[0])
    key = column.primary_key
    generated = (
        column.default is not None
        or column.server_default is not None
        or (key and column is mapper.local_table._autoincrement_column)  # type: ignore[attr-defined]  # a Table has it
    )
    nullable = bool(column.nullable) and not key
    annotation = _constrained(_annotation_of(mapper.class_, prop.key, column), column)
    if nullable:
        annotation = annotation | None
    return ColumnField(
        name=prop.key,
        annotation=annotation,
        # A key of another row is often filled in by the relation, when both are saved.
        required=not (nullable or generated or column.foreign_keys),
        nullable=nullable,
        column=column,
        primary_key=key,
        generated=generated,
    )


def _annotation_of(cls: type[Any], name: str, column: Column[Any]) -> Any:
    """The Python type of an attribute: as annotated, or else as its column type says."""
    for base in cls.__mro__:
        written = get_annotations(base).get(name)
        if written is None:
            continue
        try:
            found = _without_none(_mapped_argument(_evaluated(written, base)))
        except (NameError, AttributeError, SyntaxError, TypeError):
            # a name that only type checkers import; SQLAlchemy had an explicit type to go by
            break
        if found is not None:
            return found
    if isinstance(column.type, Enum) and column.type.enum_class is not None:
        return column.type.enum_class
    if isinstance(column.type, Encrypted):
        return str
    try:
        return column.type.python_type
    except NotImplementedError:
        return Any


def _evaluated(written: Any, base: type[Any]) -> Any:
    if not isinstance(written, str):
        return written
    module = sys.modules.get(base.__module__)
    # The annotation is the program's own source text, which Python itself would evaluate.
    return eval(
        written, {**vars(typing), "Mapped": Mapped, **vars(module or typing)}, dict(vars(base))
    )  # see above


def _mapped_argument(annotation: Any) -> Any:
    """``int`` of ``Mapped[int]``; ``None`` for what is not ``Mapped``."""
    if isinstance(get_origin(annotation), type) and issubclass(get_origin(annotation), Mapped):
        inner = get_args(annotation)[0]
        if isinstance(inner, str | typing.ForwardRef):
            raise NameError(inner)
        return inner
    return None


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, types.UnionType):
        rest = [each for each in get_args(annotation) if each is not type(None)]
        return Union[tuple(rest)]  # noqa: UP007  # the members are known only now
    return annotation


def _constrained(annotation: Any, column: Column[Any]) -> Any:
    """The annotation, and what the column can hold of it."""
    plain = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    extra: list[Any] = []
    kind = column.type
    if plain is str and isinstance(kind, String) and kind.length is not None:
        extra.append(MaxLen(kind.length))
    if plain is int:
        for integer, limit in RANGES:
            if isinstance(kind, integer):
                extra += [Ge(-limit), Le(limit - 1)]
                break
    if isinstance(plain, type) and issubclass(plain, enum.Enum):
        return annotation
    if isinstance(kind, FileType):
        extra.append(kind.check)
    # SQLAlchemy's own markers stand in the same Annotated, and mean nothing to Pydantic.
    if get_origin(annotation) is Annotated:
        # of two bounds the last one counts, and what a person wrote is the narrower
        extra += [each for each in get_args(annotation)[1:] if _speaks_to_pydantic(each)]
    return Annotated[plain, *extra] if extra else plain


def _speaks_to_pydantic(marker: Any) -> bool:
    return isinstance(marker, FieldInfo) or not type(marker).__module__.startswith("sqlalchemy")


class Validator:
    """What checks the values that an instance is constructed with."""

    __slots__ = ("adapter", "fields", "model", "names", "partial")

    def __init__(self, model: type[Any]) -> None:
        self.fields = column_fields(model)
        self.names = frozenset(field.name for field in self.fields)
        self.model = model
        self.adapter = self._adapter(partial=False)
        self.partial: TypeAdapter[dict[str, Any]] | None = None

    def _adapter(self, *, partial: bool) -> TypeAdapter[dict[str, Any]]:
        shape: dict[str, Any] = {
            field.name: typing.Required[field.annotation]
            if field.required and not partial
            else typing.NotRequired[field.annotation]
            for field in self.fields
        }
        try:
            return TypeAdapter(_typed_dict(self.model.__name__, shape))
        except PydanticSchemaGenerationError as error:
            raise DeclarationError(
                f"The columns of {self.model.__qualname__} cannot be validated: {error}"
            ) from error

    def some(self, values: dict[str, Any]) -> dict[str, Any]:
        """The columns among the values, validated; none has to be there."""
        if self.partial is None:
            self.partial = self._adapter(partial=True)
        return self.partial.validate_python(
            {name: value for name, value in values.items() if name in self.names}
        )

    def __call__(self, values: dict[str, Any]) -> dict[str, Any]:
        return self.adapter.validate_python(values)


def _typed_dict(name: str, shape: dict[str, Any]) -> Any:
    # Pydantic reads the TypedDict of typing only from Python 3.12 on.
    make: Any = TypedDict
    made = make(name, shape)
    made.__pydantic_config__ = ConfigDict(arbitrary_types_allowed=True, title=name)
    return made


def validator_of(model: type[Any]) -> Validator:
    """The validator of a model, compiled at the first call."""
    found = _VALIDATORS.get(model)
    if found is None:
        found = _VALIDATORS[model] = Validator(model)
    return found


_VALIDATORS: WeakKeyDictionary[type[Any], Validator] = WeakKeyDictionary()
