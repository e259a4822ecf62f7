"""``Model``: a SQLAlchemy declarative class with a manager, validation and explicit loading."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from inspect import get_annotations
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import BaseModel
from sqlalchemy import BigInteger, Integer, MetaData, event, inspect
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    MappedColumn,
    Mapper,
    RelationshipProperty,
    mapped_column,
    registry,
)
from sqlalchemy.orm.attributes import instance_dict, instance_state, manager_of_class, set_attribute

from trivium.db.errors import DoesNotExist, FieldError, InvalidValue, MultipleObjectsReturned
from trivium.db.late import LateState
from trivium.db.models.loading import make_explicit
from trivium.db.models.meta import Options, options_of, snake_case
from trivium.db.models.types import ANNOTATED_TYPES
from trivium.db.models.validation import validator_of
from trivium.db.queries.manager import Objects
from trivium.db.queries.writing import with_key

if TYPE_CHECKING:
    from trivium.db.queries.membership import Related

__all__ = ["NAMING", "Model"]

NAMING = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
"""Names of constraints and indexes: a migration can only change what has a name."""


class Model(DeclarativeBase):
    """The parent of every model.

    ::

        class Airline(Model):
            code: Mapped[str] = mapped_column(String(2), primary_key=True)
            name: Mapped[str]
            flights: Mapped[list["Flight"]] = relationship(back_populates="airline")

    It is a SQLAlchemy declarative class: columns, relations and table arguments are written as
    SQLAlchemy documents them. Beyond that,

    - the table is named after the class, in snake_case, unless ``__tablename__`` or
      ``Meta.table_name`` says otherwise;
    - a class that declares no primary key gets ``id``, an integer that the database counts up;
    - constructing validates the values by the annotations and raises Pydantic's
      ``ValidationError``; a row that is loaded is not validated;
    - relations are loaded when a query or ``fetch()`` asks for them. Using one that is not loaded
      raises ``NotLoaded``;
    - ``objects`` is the manager, through which rows are read and written.

    ``class Base(Model, base=True)`` is another parent, with tables, names and relations of its own:
    for a second database, or for models that must not meet.
    """

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = ANNOTATED_TYPES

    objects = Objects()
    """The rows of the model, as a manager."""

    _meta: ClassVar[Options] = Options()
    _sa_instance_state: Any = LateState()

    DoesNotExist: ClassVar[type[DoesNotExist]] = DoesNotExist
    """What ``get()`` of this model raises where there is no row."""
    MultipleObjectsReturned: ClassVar[type[MultipleObjectsReturned]] = MultipleObjectsReturned
    """What ``get()`` of this model raises where there are several rows."""

    if TYPE_CHECKING:
        # What a class without a declared key gets. Any, so that others may declare their own.
        id: Mapped[Any]

    def __init_subclass__(cls, base: bool = False, **options: Any) -> None:
        if base:
            _separate(cls)
        cls._meta = options_of(cls)
        if cls._meta.abstract:
            cls.__abstract__ = True
        if not cls.__dict__.get("__abstract__", False):
            _complete(cls)
        super().__init_subclass__(**options)

    def __init__(self, **values: Any) -> None:
        """Makes an instance that is not stored yet.

        Columns are validated and converted by their annotations; Pydantic's ``ValidationError``
        lists every wrong or missing value. Relations are given as instances. A name that the model
        does not have raises ``FieldError``.
        """
        cls = type(self)
        validator = validator_of(cls)
        if "pk" in values:
            values = with_key(cls, values)
        columns = {name: values[name] for name in values if name in validator.names}
        for name, value in validator(columns).items():
            set_attribute(self, name, value)
        if len(columns) != len(values):
            for name, value in values.items():
                if name not in columns:
                    _set_other(self, cls, name, value)

    @classmethod
    def construct(cls, **values: Any) -> Self:
        """An instance made of values that are known to be right: nothing is validated."""
        made: Self = manager_of_class(cls).new_instance()
        for name, value in values.items():
            set_attribute(made, name, value)
        return made

    @property
    def pk(self) -> Any:
        """The primary key: one value, or a tuple where the key has several columns.

        ``None`` for an instance that is not stored and has no key yet.
        """
        return key_of(self)

    async def save(
        self, *, update_fields: Iterable[str] | None = None, using: str | None = None
    ) -> None:
        """Writes the instance: an INSERT for a new one, an UPDATE of what has changed otherwise.

        With ``update_fields`` only these columns are written. Sends ``pre_save`` and
        ``post_save``. Raises ``IntegrityFailure`` where a constraint forbids the row.
        """
        from trivium.db.queries.saving import save

        await save(self, update_fields=update_fields, using=using)

    async def delete(self, *, using: str | None = None) -> tuple[int, dict[str, int]]:
        """Deletes the row and what its ``on_delete`` rules say; how many rows, and of which model.

        Raises ``ProtectedError`` where a row that points here forbids it.
        """
        from trivium.db.queries.deletion import delete_instance

        return await delete_instance(self, using=using)

    async def refresh(self, *names: str, using: str | None = None) -> None:
        """Reads the columns again, or those and the relations that are named.

        Raises ``DoesNotExist`` when the row is gone.
        """
        from trivium.db.queries.saving import refresh

        await refresh(self, names, using=using)

    async def fetch(self, *relations: str, using: str | None = None) -> Self:
        """Loads relations, ``"airline"`` or ``"airline__country"``, and returns the instance.

        They are loaded in one query for all instances that came out of the same result, so a loop
        over fifty flights that fetches each one's airline asks the database once.
        """
        from trivium.db.queries.fetching import fetch_for_peers

        await fetch_for_peers(self, relations, using=using)
        return self

    def assign(self, values: Mapping[str, Any] | BaseModel) -> Self:
        """Sets columns to validated values, and returns the instance; ``save()`` writes them.

        Of a Pydantic model it takes what was given, so that a PATCH leaves the rest alone. Raises
        Pydantic's ``ValidationError`` for values that do not fit, ``FieldError`` for other names.
        """
        given = dict(_items_of(values))
        checked = validator_of(type(self)).some(given)
        for name, value in given.items():
            if name in checked:
                set_attribute(self, name, checked[name])
            else:
                _set_other(self, type(self), name, value)
        return self

    def related(self, name: str, *, using: str | None = None) -> Related:
        """The rows on the other side of a relation to many, to add, remove, set and clear."""
        from trivium.db.queries.membership import Related

        return Related(self, name, using)

    @staticmethod
    async def __trivium_load__(value: Any, annotation: Any) -> Any:
        """Called where a handler returns instances: loads the relations the response type reads."""
        from trivium.db.queries.fetching import Prefetch, load_relations
        from trivium.db.schemas import relations_in

        instances = list(value) if isinstance(value, list | tuple) else [value]
        kind = type(instances[0])
        wanted = [Prefetch(name) for name, _ in relations_in(kind, annotation)]
        if wanted:
            await load_relations(instances, wanted, kind._meta.using)
        return value

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {key_of(self)!r}>"


def _items_of(values: Mapping[str, Any] | BaseModel) -> Mapping[str, Any]:
    if isinstance(values, BaseModel):
        return {name: getattr(values, name) for name in values.model_fields_set}
    return values


def key_of(instance: Any) -> Any:
    """The primary key as it stands in the instance, without loading anything."""
    state = instance_state(instance)
    values = instance_dict(instance)
    mapper: Mapper[Any] = state.mapper
    keys = [values.get(mapper.get_property_by_column(column).key) for column in mapper.primary_key]
    if state.key is not None and None in keys:
        keys = list(state.key[1])
    if len(keys) == 1:
        return keys[0]
    return None if None in keys else tuple(keys)


def _separate(cls: type[Model]) -> None:
    """Gives a class tables and names of its own."""
    metadata = cls.__dict__.get("metadata") or MetaData(naming_convention=NAMING)
    types = {**ANNOTATED_TYPES, **cls.__dict__.get("type_annotation_map", {})}
    cls.__abstract__ = True
    cls.metadata = metadata
    cls.registry = cls._sa_registry = registry(metadata=metadata, type_annotation_map=types)


def _complete(cls: type[Model]) -> None:
    """Adds what a concrete model leaves unsaid: its table's name, a key, its own exceptions."""
    body = cls.__dict__
    parents = [base for base in cls.__mro__[1:] if "__mapper__" in base.__dict__]
    own_key = _declares_key(cls)
    if "__tablename__" not in body and "__table__" not in body and (own_key or not parents):
        cls.__tablename__ = cls._meta.table_name or snake_case(cls.__name__)
    if not (own_key or parents or "__table__" in body):
        # SQLite counts up only a key that is exactly INTEGER
        cls.id = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    for error in ("DoesNotExist", "MultipleObjectsReturned"):
        parent = getattr(cls, error)
        names = {"__module__": cls.__module__, "__qualname__": f"{cls.__qualname__}.{error}"}
        setattr(cls, error, type(error, (parent,), names))


def _declares_key(cls: type[Any]) -> bool:
    """Whether the class, or a mixin or abstract parent of it, has a primary key column."""
    for base in cls.__mro__:
        if base is not cls and "__mapper__" in base.__dict__:
            return False
        for value in base.__dict__.values():
            if isinstance(value, MappedColumn) and value.column.primary_key:
                return True
        arguments = base.__dict__.get("__table_args__")
        if isinstance(arguments, tuple) and any(
            type(each).__name__ == "PrimaryKeyConstraint" for each in arguments
        ):
            return True
        if _annotated_key(base):
            return True
    return False


def _annotated_key(base: type[Any]) -> bool:
    """Whether an annotation brings the key: ``Mapped[Annotated[int, mapped_column(...)]]``."""
    for written in get_annotations(base).values():
        for argument in getattr(written, "__args__", ()):
            for marker in getattr(argument, "__metadata__", ()):
                if isinstance(marker, MappedColumn) and marker.column.primary_key:
                    return True
    return False


def _check_related(relation: RelationshipProperty[Any], name: str, value: Any) -> None:
    """Raises ``InvalidValue`` for what is no instance of the other side, or no list of them."""
    kind = relation.mapper.class_
    if relation.uselist and not isinstance(value, list | tuple | set | dict):
        raise InvalidValue(f"{name}={value!r} is not a list of {kind.__name__}")
    others = value if relation.uselist else [] if value is None else [value]
    for each in others.values() if isinstance(others, dict) else others:
        if not isinstance(each, kind):
            raise InvalidValue(
                f"{name}={each!r} is not a {kind.__name__}\n"
                "  a relation is set to instances; a key is the value of the column that holds it"
            )


def _set_other(instance: Any, cls: type[Any], name: str, value: Any) -> None:
    """Sets a relation, a synonym or a hybrid; columns have been set."""
    mapper: Mapper[Any] = inspect(cls)
    if name in mapper.relationships:
        _check_related(mapper.relationships[name], name, value)
    if name in mapper.all_orm_descriptors or hasattr(cls, name):
        setattr(instance, name, value)
        return
    raise FieldError(
        f"{cls.__name__} has no attribute {name!r}", name=name, known=mapper.attrs.keys()
    )


@event.listens_for(Mapper, "after_mapper_constructed")
def _relations_are_explicit(mapper: Mapper[Any], cls: type[Any]) -> None:
    if issubclass(cls, Model):
        for relation in mapper._init_properties.values():
            if hasattr(relation, "strategy_key") and hasattr(relation, "passive_deletes"):
                make_explicit(relation)  # type: ignore[arg-type]  # only relations have both
