"""The verbs that write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, cast

from sqlalchemy import ColumnElement, and_, select, tuple_, update
from sqlalchemy.orm import aliased
from sqlalchemy.orm.attributes import set_attribute

from trivium.db.errors import (
    DoesNotExist,
    FieldError,
    IntegrityFailure,
    InvalidValue,
    NotSupported,
)
from trivium.db.execution import execute
from trivium.db.files.keeping import file_names, refuse_file, removed_with
from trivium.db.queries import bulk
from trivium.db.queries.aggregates import Aggregate
from trivium.db.queries.chain import M, R
from trivium.db.queries.compiler import _Compilation
from trivium.db.queries.context import Context, _key_if_instance
from trivium.db.queries.expressions import Expression, operand_of
from trivium.db.queries.fitting import fitted
from trivium.db.queries.paths import column_names, local_key, mapper_of
from trivium.db.queries.reading import Reading
from trivium.db.queries.saving import save
from trivium.db.queries.state import State
from trivium.db.transactions import atomic
from trivium.db.units import current_unit

__all__ = ["Writing", "with_key"]


class Writing(Reading[M, R], Generic[M, R]):
    """A query whose rows can be changed; see ``QuerySet``."""

    __slots__ = ()

    async def create(self, **values: Any) -> M:
        """Makes an instance and stores it.

        Raises Pydantic's ``ValidationError`` for values that do not fit the annotations, and
        ``IntegrityFailure`` where a constraint forbids the row.
        """
        made = self._state.model(**values)
        await save(made, using=self._state.using)
        return cast("M", made)

    async def get_or_create(
        self, defaults: dict[str, Any] | None = None, **lookups: Any
    ) -> tuple[M, bool]:
        """The row, and whether it had to be made, with the lookups and ``defaults`` as its values.

        When another transaction makes it at the same moment, and a constraint forbids a second one,
        theirs is returned.
        """
        try:
            return cast("M", await self.get(**lookups)), False
        except DoesNotExist:
            values = _values_of(self._state.model, lookups, defaults)
        try:
            async with atomic(self._state.using):
                return await self.create(**values), True
        except IntegrityFailure:
            try:
                return cast("M", await self.get(**lookups)), False
            except DoesNotExist:
                pass
            raise

    async def update_or_create(
        self,
        defaults: dict[str, Any] | None = None,
        create_defaults: dict[str, Any] | None = None,
        **lookups: Any,
    ) -> tuple[M, bool]:
        """The row with ``defaults`` set, and whether it had to be made.

        A new row has ``create_defaults`` instead, if they are given. The row is locked between
        reading and writing.
        """
        for_new = defaults if create_defaults is None else create_defaults
        async with atomic(self._state.using, savepoint=False):
            query = self.select_for_update()
            found, created = await query.get_or_create(for_new, **lookups)
            if created:
                return found, True
            for name, value in with_key(self._state.model, _called(defaults)).items():
                _set(found, name, value)
            await save(found, using=self._state.using)
            return found, False

    async def bulk_create(
        self,
        instances: Iterable[M],
        *,
        batch_size: int | None = None,
        ignore_conflicts: bool = False,
        update_conflicts: bool = False,
        update_fields: Sequence[str] = (),
        unique_fields: Sequence[str] = (),
    ) -> list[M]:
        """Stores many instances with few statements, and returns them with their keys.

        A row that a unique constraint forbids is left out with ``ignore_conflicts``; with
        ``update_conflicts`` the columns ``update_fields`` of the row that is there are set, where
        ``unique_fields`` are equal. Then the instances get no keys. No signals are sent.
        """
        return await bulk.insert(
            self._state.model,
            list(instances),
            using=self._state.using,
            batch_size=batch_size,
            conflicts=bulk.Conflicts.of(
                self._state.model,
                ignore=ignore_conflicts,
                update=update_conflicts,
                update_fields=update_fields,
                unique_fields=unique_fields,
            ),
        )

    async def bulk_update(
        self, instances: Iterable[M], fields: Sequence[str], *, batch_size: int | None = None
    ) -> int:
        """Writes these columns of many instances; how many rows there were. No signals are sent."""
        return await bulk.change(
            self._state.model,
            list(instances),
            list(fields),
            using=self._state.using,
            batch_size=batch_size,
        )

    async def update(self, **values: Any) -> int:
        """Sets columns of all rows in one statement; how many rows there were.

        Values may be expressions: ``update(delay=F("delay") + 5)``. No signals are sent, and
        instances that are loaded already keep their values until they are read again.
        """
        state = self._state
        self._refuse_slice("update")
        if state.empty or not values:
            return 0
        assigned = {
            name: value for each in values.items() for name, value in _assigned(state, *each)
        }
        condition = condition_of(state)
        statement = update(state.model).where(condition).values(assigned)
        files = file_names(mapper_of(state.model))
        emptied = [column for name, column in files.items() if name in assigned]
        options = {"synchronize_session": False}
        if not emptied:
            result: Any = await execute(statement, using=state.using, write=True, options=options)
            return int(result.rowcount)
        for name in files:
            refuse_file(state.model, name, assigned.get(name))
        async with atomic(state.using, savepoint=False):
            lane = current_unit().lane(state.using)
            await removed_with(emptied[0].table, condition, lane, columns=emptied)
            result = await execute(statement, using=state.using, write=True, options=options)
        return int(result.rowcount)

    async def delete(self) -> tuple[int, dict[str, int]]:
        """Deletes the rows and what their ``on_delete`` rules say; how many, and of which model.

        Raises ``ProtectedError`` where a row that points at one of them forbids it; then nothing is
        deleted.
        """
        from trivium.db.queries.deletion import delete_rows

        self._refuse_slice("delete")
        if self._state.output != "instance" or self._state.grouped is not None:
            raise NotSupported("delete() after values() has no rows to delete")
        if self._state.empty:
            return 0, {}
        return await delete_rows(self._state)

    def _refuse_slice(self, verb: str) -> None:
        if self._state.is_sliced or self._state.distinct_on or self._state.combined:
            raise NotSupported(
                f"{verb}() of a slice or a union: SQL has no such statement\n"
                f"  instead:  .filter(pk__in=qs[:10]).{verb}(...)"
            )


def _values_of(
    model: type[Any], lookups: dict[str, Any], defaults: dict[str, Any] | None
) -> dict[str, Any]:
    """The values of a new row: lookups that say equal, and defaults."""
    plain = {name.removesuffix("__exact"): value for name, value in lookups.items()}
    found = {name: value for name, value in plain.items() if "__" not in name}
    return with_key(model, {**found, **_called(defaults)})


def with_key(model: type[Any], values: dict[str, Any]) -> dict[str, Any]:
    """Values of which one may be called ``pk``."""
    if "pk" not in values:
        return values
    mapper = mapper_of(model)
    names = [mapper.get_property_by_column(column).key for column in mapper.primary_key]
    key = values["pk"] if len(names) > 1 else (values["pk"],)
    if not isinstance(key, tuple | list) or len(key) != len(names):
        raise FieldError(f"pk={key!r} is not a key of {model.__name__}: {', '.join(names)}")
    rest = {name: value for name, value in values.items() if name != "pk"}
    return {**dict(zip(names, key, strict=True)), **rest}


def _called(defaults: dict[str, Any] | None) -> dict[str, Any]:
    """Defaults may be callables, which are called only when they are needed."""
    if defaults is not None and not isinstance(defaults, Mapping):
        raise FieldError(f"defaults={defaults!r} are not values by name: {{'name': 'new'}}")
    return {
        name: cast("Callable[[], Any]", value)() if callable(value) else value
        for name, value in (defaults or {}).items()
    }


def _set(instance: Any, name: str, value: Any) -> None:
    mapper = mapper_of(type(instance))
    if name in mapper.attrs:
        set_attribute(instance, name, value)
    elif name in mapper.all_orm_descriptors:
        setattr(instance, name, value)
    else:
        raise FieldError(
            f"{type(instance).__name__} has no attribute {name!r}",
            name=name,
            known=mapper.attrs.keys(),
        )


def condition_of(state: State) -> ColumnElement[bool]:
    """The rows of a query as the WHERE of a statement on its table."""
    compilation = _Compilation(state, state.model, None)
    where, having = compilation._conditions()
    if not (compilation.context.scope.joins or having or any(map(_is_late, state.annotations))):
        return and_(True, *where)
    # in a table of its own: MySQL takes no subquery on the table that it changes
    keys = state.copy()
    keys.output, keys.values, keys.ordering = "tuple", ("pk",), ()
    keys.related, keys.grouped, keys.lock = (), None, None
    if len(mapper_of(state.model).primary_key) != 1:
        keys.values = tuple(
            mapper_of(state.model).get_property_by_column(column).key
            for column in mapper_of(state.model).primary_key
        )
    inner = _Compilation(keys, aliased(state.model), None)
    inner.inner = False
    table = inner.run().statement.subquery()
    columns = list(table.c)[: len(mapper_of(state.model).primary_key)]
    own = list(mapper_of(state.model).primary_key)
    left: Any = own[0] if len(own) == 1 else tuple_(*own)
    return left.in_(select(*columns))  # type: ignore[no-any-return]  # a condition


def _is_late(annotation: Any) -> bool:
    from trivium.db.queries.windows import Window

    return bool(annotation.expression.has(Window))


def _check_columns(name: str, value: Any) -> None:
    """Raises ``FieldError`` for a query that gives more than one column."""
    state = getattr(value, "_state", None)
    if isinstance(state, State) and state.output != "instance" and len(state.values or ()) != 1:
        raise FieldError(
            f"update({name}=...): a query of one column is a value: .values({name!r})[:1]"
        )


def _assigned(state: State, name: str, value: Any) -> list[tuple[str, Any]]:
    """One keyword of an update: the attribute and its value."""
    mapper = mapper_of(state.model)
    relation = mapper.relationships.get(name)
    if relation is not None and (local := local_key(relation)) is not None:
        if hasattr(value, "_sa_instance_state"):
            kind = relation.mapper.class_
            if not isinstance(value, kind):
                raise InvalidValue(f"update({name}={value!r}): it is not a {kind.__name__}")
            value = getattr(value, local[0], _key_if_instance(value))
        return _assigned(state, local[1], value)
    if name == "pk" and len(mapper.primary_key) == 1:
        name = mapper.get_property_by_column(mapper.primary_key[0]).key
    if name not in mapper.column_attrs:
        raise FieldError(
            f"update(): {state.model.__name__} has no column {name!r}",
            name=name,
            known=column_names(mapper),
        )
    if isinstance(value, Expression) or hasattr(value, "_state"):
        _check_columns(name, value)
        expression = operand_of(value)
        if expression.has(Aggregate):
            raise FieldError(f"update({name}={value!r}): an aggregate is not one value of a row")
        context = Context(state, state.model)
        element = expression.resolve(context)
        if context.scope.joins:
            raise FieldError(
                f"update({name}={value!r}) leads through a relation, which an UPDATE cannot join\n"
                "  instead:  Subquery(...) with OuterRef(...)"
            )
        return [(name, element)]
    column = mapper.column_attrs[name].columns[0]
    if isinstance(value, ColumnElement):
        return [(name, value)]
    if value is None and not getattr(column, "nullable", True):
        raise FieldError(f"update({name}=None): the column cannot be NULL")
    return [(name, fitted(value, column.type, name))]
