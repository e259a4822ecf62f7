"""Plain rows of one table become instances without SQLAlchemy's session: on PostgreSQL by asyncpg.

What stands in the way of a plain read is passed by, what is promised is kept: the same row is the
same object within a unit of work, and what is read can be changed, saved and fetched on. Where a
query, a model or a moment is not plain, the session reads.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from inspect import getattr_static
from operator import itemgetter
from typing import Any
from weakref import ref

from sqlalchemy import Column, Float, Numeric, inspect
from sqlalchemy.orm import Mapper
from sqlalchemy.orm.attributes import instance_state
from sqlalchemy.types import TypeEngine

from trivium.db.direct import fetched, may_go_directly
from trivium.db.late import LateState
from trivium.db.loose import IDENTITY, STATE
from trivium.db.queries.plans import Plan
from trivium.db.queries.state import State
from trivium.db.units import Lane, current_unit

__all__ = ["is_plain", "processor_of", "read", "taken", "values_of"]

_EAGER = frozenset({"joined", "selectin", "subquery", "immediate", False})


async def read(state: State, plan: Plan, values: list[Any]) -> list[Any] | None:
    """The instances; ``None`` where the session has to read them."""
    if state.related or state.only is not None or state.deferred:
        return None
    lane = current_unit().lane(state.using)
    if not may_go_directly(lane):
        return None
    dialect = lane.database.engine.dialect
    if dialect not in plan.direct:
        plan.direct[dialect] = _Reader.of(state.model, plan, dialect)
    reader: _Reader | None = plan.direct[dialect]
    if reader is None:
        return None
    rows = await fetched(lane, reader.sql, reader.arguments(values))
    return None if rows is None else reader.instances(lane, rows)


class _Reader:
    """How the rows of one plan are asked for and read."""

    def __init__(self, mapper: Mapper[Any], compiled: Any, dialect: Any) -> None:
        self.sql: str = compiled.string
        self._mapper = mapper
        self._model: Any = mapper.class_
        self._manager: Any = mapper.class_manager
        self._has_late_state = isinstance(getattr_static(mapper.class_, STATE, None), LateState)
        self._identity = mapper._identity_class
        self._takes = [taken(name, compiled) for name in compiled.positiontup]
        columns = [_column(entry) for entry in compiled._result_columns]
        self._names = [mapper.get_property_by_column(column).key for column in columns]
        processors = [processor_of(column.type, dialect) for column in columns]
        self._processors = [
            (name, process)
            for name, process in zip(self._names, processors, strict=True)
            if process
        ]
        self._key_of = values_of(
            [mapper.get_property_by_column(each).key for each in mapper.primary_key]
        )

    @classmethod
    def of(cls, model: type[Any], plan: Plan, dialect: Any) -> _Reader | None:
        """``None`` for a model that SQLAlchemy does more with than fill in columns."""
        mapper: Mapper[Any] = inspect(model)
        if not is_plain(mapper):
            return None
        compiled: Any = plan.statement.compile(dialect=dialect)
        if compiled.literal_execute_params or compiled.post_compile_params:
            return None
        if any(_column(entry) is None for entry in compiled._result_columns):
            return None
        try:
            reader = cls(mapper, compiled, dialect)
        except TypeError:
            return None  # a type inside of another that asks what the driver reports
        return reader if set(reader._names) == set(mapper.column_attrs.keys()) else None

    def arguments(self, values: list[Any]) -> tuple[Any, ...]:
        """The values of a query in the order and the form in which the driver takes them."""
        return tuple([take(values) for take in self._takes])

    def instances(self, lane: Lane, rows: list[Any]) -> list[Any]:
        """Rows as instances: one that the unit knows already gets the values of now."""
        names, processors, key_of = self._names, self._processors, self._key_of
        model, identity = self._model, self._identity
        make, known, late = model.__new__, lane.loose.known, self._has_late_state
        found = []
        for row in rows:
            values = dict(zip(names, row))  # noqa: B905  # the columns of the statement
            for name, process in processors:
                values[name] = process(values[name])
            key = (identity, key_of(values), None)
            reference = known.get(key)
            if reference is None or (instance := reference()) is None:
                instance = make(model)
                values[IDENTITY] = key
                instance.__dict__ = values
                known[key] = ref(instance)
                if not late:
                    self._manager.setup_instance(instance)
                    instance_state(instance).key = key
            else:
                instance.__dict__.update(values)
                if STATE in instance.__dict__:
                    state: Any = instance_state(instance)
                    state._commit(state.dict, names)
            found.append(instance)
        lane.loose.sweep()
        return found


def is_plain(mapper: Mapper[Any]) -> bool:
    """Whether the columns of one table are all that there is to a model."""
    return (
        mapper.inherits is None
        and mapper.polymorphic_on is None
        and not mapper.composites
        and not mapper.class_manager.dispatch.load
        and not mapper.class_manager.dispatch.refresh
        and mapper.version_id_col is None
        and all(relation.lazy not in _EAGER for relation in mapper.relationships)
        and all(
            not attribute.deferred
            and len(attribute.columns) == 1
            and isinstance(attribute.columns[0], Column)
            for attribute in mapper.column_attrs
        )
    )


def _column(entry: Any) -> Any:
    """The column that an entry of the result is."""
    for each in entry.objects:
        if isinstance(each, Column):
            # without the annotations of the query
            return each.table.columns.get(each.key)
    return None


def processor_of(kind: TypeEngine[Any], dialect: Any) -> Callable[[Any], Any] | None:
    """What makes a value of a column of what the driver gives; ``None`` where nothing has to."""
    if isinstance(kind, Numeric | Float):
        # SQLAlchemy decides by the type that the driver reports, which is not known here
        return _as_decimal if kind.asdecimal else _as_float
    process: Any = kind._cached_result_processor(dialect, None)
    return process  # type: ignore[no-any-return]  # a function of one value, or None


def _as_float(value: Any) -> Any:
    return value if value is None or type(value) is float else float(value)


def _as_decimal(value: Any) -> Any:
    return value if value is None or type(value) is Decimal else Decimal(str(value))


def values_of(names: list[str]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    """What takes these values out of those of a row."""
    if len(names) > 1:
        return itemgetter(*names)
    (name,) = names
    return lambda values: (values[name],)


def taken(name: str, compiled: Any) -> Callable[[list[Any]], Any]:
    """How one argument is found among the values of a query."""
    process = compiled._bind_processors.get(name)
    bind = compiled.binds[name]
    if not str(bind.key).startswith("value_"):
        constant = bind.effective_value if process is None else process(bind.effective_value)
        return lambda values: constant
    index = int(bind.key.removeprefix("value_"))
    if process is None:
        return lambda values: values[index]
    return lambda values: process(values[index])
