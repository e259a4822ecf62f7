"""Pydantic models of a model's columns, and the relations that a response type mentions."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin
from weakref import WeakKeyDictionary

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, create_model
from pydantic.fields import FieldInfo
from sqlalchemy.orm import Mapper

from trivium.db.errors import FieldError
from trivium.db.files.column import FileType
from trivium.db.models.validation import ColumnField, column_fields
from trivium.db.queries.paths import is_many, mapper_of

__all__ = ["Purpose", "model_schema", "relations_in", "schemas_in"]

Purpose = Literal["read", "create", "patch"]

_SUFFIXES = {"read": "Out", "create": "In", "patch": "Patch"}


def model_schema(
    model: type[Any],
    *,
    fields: Iterable[str] | None = None,
    exclude: Iterable[str] = (),
    purpose: Purpose = "read",
    partial: bool = False,
    extra: Mapping[str, Any] | None = None,
    name: str | None = None,
    base: type[BaseModel] = BaseModel,
) -> type[BaseModel]:
    """A Pydantic model with the columns of a model, for bodies and responses.

    ``purpose="read"`` has every column, and reads instances; ``"create"`` leaves out keys that the
    database makes, and what has a default need not be given; ``"patch"``, or ``partial=True``, has
    nothing that must be given: ``patch.model_dump(exclude_unset=True)`` is what was.

    fields, exclude: the columns, and those to leave out.
    extra: further fields with their types, ``{"airline": AirlineOut}``: relations, for example.
    name: of the class, as OpenAPI shows it; ``FlightOut``, ``FlightIn`` or ``FlightPatch`` without.

    Raises ``FieldError`` for a column that does not exist.
    """
    if partial:
        purpose = "patch"
    if purpose not in _SUFFIXES:
        raise FieldError(f"purpose={purpose!r} is none of: {', '.join(_SUFFIXES)}")
    columns = {field.name: field for field in column_fields(model)}
    chosen = _chosen(model, columns, fields, tuple(exclude))
    if purpose != "read" and fields is None:
        chosen = [each for each in chosen if not _made_by_the_database(columns[each])]
    described: dict[str, Any] = {each: _described(columns[each], purpose) for each in chosen}
    for each, annotation in (extra or {}).items():
        described[each] = (annotation, ...) if purpose != "patch" else (annotation, None)
    made = create_model(
        name or f"{model.__name__}{_SUFFIXES[purpose]}",
        __base__=_with_attributes(base),
        __module__=model.__module__,
        __doc__=model.__doc__ if "__doc__" in vars(model) else None,
        **described,
    )
    return cast("type[BaseModel]", made)


def _chosen(
    model: type[Any],
    columns: Mapping[str, ColumnField],
    fields: Iterable[str] | None,
    exclude: tuple[str, ...],
) -> list[str]:
    if isinstance(fields, str):
        raise FieldError(f"fields={fields!r} is not a list\n  instead:  fields=[{fields!r}]")
    wanted = list(columns) if fields is None else list(fields)
    for each in (*wanted, *exclude):
        if each not in columns:
            relations = mapper_of(model).relationships
            hint = f"\n  a relation is given with its type: extra={{{each!r}: ...}}"
            raise FieldError(
                f"{model.__name__} has no column {each!r}{hint if each in relations else ''}",
                name=each,
                known=columns,
            )
    return [each for each in wanted if each not in exclude]


def _made_by_the_database(field: ColumnField) -> bool:
    column = field.column
    return (
        (field.primary_key and field.generated)
        or bool(column.info.get("managed"))
        or column.computed is not None
        or (column.server_default is not None and column.default is None)
        or column.onupdate is not None
    )


def _described(field: ColumnField, purpose: Purpose) -> tuple[Any, Any]:
    """The type of a field and its default, as ``create_model`` takes them."""
    about = field.column.doc or field.column.comment
    info: dict[str, Any] = {"description": about} if about else {}
    annotation = field.annotation
    if purpose == "read":
        return annotation, Field(..., **info)
    if isinstance(field.column.type, FileType):
        upload = field.column.type.upload_annotation
        annotation = upload | None if field.nullable else upload
    if purpose == "patch":
        # None stands for "not given"; a column that cannot be NULL refuses it when it is given
        return annotation, Field(default=None, validate_default=False, **info)
    default: Any = field.column.default
    if default is not None and default.is_scalar:
        return annotation, Field(default=default.arg, **info)
    if default is not None and default.is_callable:
        return annotation, Field(default_factory=lambda: default.arg(None), **info)
    if field.nullable:
        return annotation, Field(default=None, **info)
    return annotation, Field(..., **info)


def _with_attributes(base: type[BaseModel]) -> type[BaseModel]:
    """The base, reading instances as well as dictionaries."""
    if base.model_config.get("from_attributes"):
        return base
    config = ConfigDict(from_attributes=True)
    return type(base.__name__, (base,), {"model_config": config, "__module__": base.__module__})


# -- What a response type mentions -----------------------------------------------------------------

_FOUND: WeakKeyDictionary[type[Any], dict[Any, tuple[tuple[str, bool], ...]]]
_FOUND = WeakKeyDictionary()


def relations_in(model: type[Any], annotation: Any) -> tuple[tuple[str, bool], ...]:
    """The relations of a model that a type reads, each with whether it leads to many rows.

    The names are those of queries, ``airline__country``; a schema that holds itself is followed
    once.
    """
    known = _FOUND.setdefault(model, {})
    try:
        found = known.get(annotation)
    except TypeError:  # an annotation that cannot be a key
        return tuple(_walk(mapper_of(model), annotation, "", (), False))
    if found is None:
        walked = _walk(mapper_of(model), annotation, "", (), False)
        found = known[annotation] = tuple(dict.fromkeys(walked))
    return found


def _walk(
    mapper: Mapper[Any], annotation: Any, prefix: str, above: tuple[Any, ...], many: bool
) -> Iterator[tuple[str, bool]]:
    for schema in schemas_in(annotation):
        if schema in above:
            continue
        if not schema.__pydantic_complete__:
            schema.model_rebuild()
        for name, info in schema.model_fields.items():
            for attribute in _attributes(name, info):
                relation = mapper.relationships.get(attribute)
                if relation is None:
                    continue
                path = prefix + attribute
                leads_to_many = many or is_many(relation)
                yield path, leads_to_many
                inner = (*above, schema)
                yield from _walk(
                    relation.mapper, info.annotation, f"{path}__", inner, leads_to_many
                )


def _attributes(name: str, info: FieldInfo) -> Iterator[str]:
    """The attributes of an instance that a field is read from."""
    alias = info.validation_alias
    if isinstance(alias, AliasChoices):
        for choice in alias.choices:
            yield choice if isinstance(choice, str) else str(choice.path[0])
    elif isinstance(alias, str):
        yield alias
    elif alias is not None:
        yield str(alias.path[0])
    else:
        yield name


def schemas_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The Pydantic models that a type is made of: those in lists, unions and the like."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        return
    origin = get_origin(annotation)
    arguments = get_args(annotation)
    if origin is Annotated:
        arguments = arguments[:1]
    if origin in (Annotated, Union, types.UnionType, dict) or isinstance(origin, type):
        for argument in arguments:
            yield from schemas_in(argument)
