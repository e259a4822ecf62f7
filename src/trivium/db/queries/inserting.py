"""One new row, stored by one statement: on PostgreSQL by asyncpg, past the session.

Outside of transactions PostgreSQL commits it by itself, so there is no BEGIN and no COMMIT to wait
for. What the database fills in comes back with it. A model or an instance that needs more is the
session's.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import ClauseElement, Column, bindparam, insert, inspect
from sqlalchemy.orm import Mapper
from sqlalchemy.orm.attributes import instance_dict, instance_state

from trivium.db.direct import may_go_directly, stored
from trivium.db.queries.expressions import Expression
from trivium.db.queries.fitting import fit
from trivium.db.queries.quick import is_plain, processor_of, taken
from trivium.db.units import current_unit

__all__ = ["stored_directly"]


async def stored_directly(instance: Any, using: Any) -> bool:
    """Stores a new instance; False where that is left to the session."""
    lane = current_unit().lane(using)
    if not may_go_directly(lane) or instance_state(instance).session_id is not None:
        return False
    values = instance_dict(instance)
    for value in values.values():
        if isinstance(value, Expression | ClauseElement):
            return False
    inserting = _inserting(type(instance), values, lane.database.engine.dialect)
    if inserting is None:
        return False
    fit(instance, values)
    rows = await stored(lane, inserting.sql, inserting.arguments(values))
    if rows is None:
        return False
    inserting.fill(instance, rows[0])
    state = instance_state(instance)
    lane.loose.keep(state.key, instance)
    lane.loose.watch(state)
    if lane.is_held:
        lane.loose.created.add(state)
    return True


class _Inserting:
    """How the instances of a class that have values for the same columns are stored."""

    def __init__(
        self,
        mapper: Mapper[Any],
        given: list[str],
        defaults: dict[str, Any],
        returned: list[str],
        dialect: Any,
    ) -> None:
        columns = {each.key: each.columns[0] for each in mapper.column_attrs}
        self._given = given
        self._defaults = defaults
        self._returned = returned
        self._missing = [name for name in columns if name not in {*given, *defaults, *returned}]
        self._key = [mapper.get_property_by_column(each).key for each in mapper.primary_key]
        self._identity = mapper._identity_class
        named = [*given, *defaults]
        table: Any = mapper.local_table
        statement = insert(table).values(
            {
                columns[name]: bindparam(f"value_{index}", type_=columns[name].type)
                for index, name in enumerate(named)
            }
        )
        back = [columns[name] for name in (returned or self._key)]
        compiled: Any = statement.returning(*back).compile(dialect=dialect)
        self.sql: str = compiled.string
        self._takes = [taken(name, compiled) for name in compiled.positiontup]
        self._processors = [processor_of(column.type, dialect) for column in back]

    def arguments(self, values: dict[str, Any]) -> tuple[Any, ...]:
        """The values of an instance as the driver takes them."""
        named = [*[values[name] for name in self._given], *self._defaults.values()]
        return tuple([take(named) for take in self._takes])

    def fill(self, instance: Any, row: Any) -> None:
        """Puts what the database has filled in into the instance, which is stored now."""
        values = instance_dict(instance)
        values.update(self._defaults)
        for name, value, process in zip(self._returned, row, self._processors, strict=False):
            values[name] = value if process is None else process(value)
        for name in self._missing:
            values[name] = None
        state: Any = instance_state(instance)
        state.key = (self._identity, tuple([values[name] for name in self._key]), None)
        state.identity_token = None
        state._commit_all(values)


_kept: WeakKeyDictionary[type[Any], dict[Any, _Inserting | None]] = WeakKeyDictionary()


def _inserting(model: type[Any], values: dict[str, Any], dialect: Any) -> _Inserting | None:
    kept = _kept.get(model)
    if kept is None:
        kept = _kept.setdefault(model, {})
    shape = (dialect, *values)
    if shape not in kept:
        if len(kept) > 100:
            kept.clear()
        kept[shape] = _made(inspect(model), values, dialect)
    return kept[shape]


def _made(mapper: Mapper[Any], values: dict[str, Any], dialect: Any) -> _Inserting | None:
    """``None`` for a class, or values, that take more than one plain INSERT."""
    dispatch = mapper.dispatch
    if not is_plain(mapper) or dispatch.before_insert or dispatch.after_insert:
        return None
    columns: dict[str, Column[Any]] = {
        each.key: each.columns[0]  # type: ignore[misc]  # plain models have columns alone
        for each in mapper.column_attrs
    }
    given = [name for name in values if name in columns]
    others = [name for name in values if name not in columns and not name.startswith("_sa_")]
    if others:
        return None
    defaults: dict[str, Any] = {}
    returned: list[str] = []
    table: Any = mapper.local_table
    for name, column in columns.items():
        if name in given:
            if column.primary_key and values[name] is None:
                return None
            continue
        if (
            column is table.autoincrement_column
            or column.server_default is not None
            or column.computed is not None
            or column.identity is not None
        ):
            returned.append(name)
        elif column.default is not None:
            if not column.default.is_scalar:
                return None
            defaults[name] = column.default.arg  # type: ignore[attr-defined]  # of scalar ones
        elif column.primary_key:
            return None
    return _Inserting(mapper, given, defaults, returned, dialect)
