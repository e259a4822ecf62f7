"""Changes of one row, written by one statement: on PostgreSQL by asyncpg, past the session.

A model or a change that needs more than an UPDATE of columns is the session's.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import ClauseElement, bindparam, inspect, update
from sqlalchemy.orm import Mapper
from sqlalchemy.orm.attributes import instance_dict, instance_state

from trivium.db.direct import may_go_directly, stored
from trivium.db.queries.expressions import Expression
from trivium.db.queries.fitting import fit
from trivium.db.queries.quick import is_plain, taken
from trivium.db.sessions import UNDONE
from trivium.db.units import current_unit

__all__ = ["updated_directly"]


async def updated_directly(instance: Any, using: Any) -> bool:
    """Writes the changes of a stored instance; False where that is left to the session."""
    state: Any = instance_state(instance)
    lane = current_unit().lane(using)
    if not may_go_directly(lane, state) or not _is_loose(state, lane, instance):
        return False
    values = instance_dict(instance)
    changed = _changed(state, values)
    if changed is None or UNDONE in values:
        return False
    if changed:
        fit(instance, changed)
        updating = _updating(type(instance), changed, lane.database.engine.dialect)
        if updating is None:
            return False
        # the row may be gone, which the session tells
        if not await stored(lane, updating.sql, updating.arguments(values, state.key[1])):
            return False
    state._commit_all(values)
    lane.loose.changed.discard(state)
    if lane.loose.get(state.key) is None:
        lane.loose.keep(state.key, instance)
        lane.loose.watch(state)
    return True


def _is_loose(state: Any, lane: Any, instance: Any) -> bool:
    """Whether it is the object of its row that the unit knows, or would be, without a session."""
    return (
        state.session_id is None
        and not state.expired_attributes
        and lane.loose.get(state.key) in (None, instance)
    )


def _changed(state: Any, values: dict[str, Any]) -> tuple[str, ...] | None:
    """The columns that differ from what is stored; ``None`` where more is to be written."""
    attributes = state.manager
    found = []
    for name, before in state.committed_state.items():
        if name not in state.mapper.column_attrs or name not in values:
            return None
        value = values[name]
        if isinstance(value, Expression | ClauseElement):
            return None
        if attributes[name].impl.is_equal(value, before) is not True:
            found.append(name)
    return tuple(found)


class _Updating:
    """How the same columns of the instances of a class are written."""

    def __init__(self, mapper: Mapper[Any], names: tuple[str, ...], dialect: Any) -> None:
        self._names = names
        columns = [mapper.column_attrs[name].columns[0] for name in names]
        table: Any = mapper.local_table
        marks = [
            bindparam(f"value_{index}", type_=column.type)
            for index, column in enumerate([*columns, *mapper.primary_key])
        ]
        keys = zip(mapper.primary_key, marks[len(columns) :], strict=True)
        statement = update(table).values(dict(zip(columns, marks[: len(columns)], strict=True)))
        statement = statement.where(*(column == mark for column, mark in keys))
        compiled: Any = statement.returning(*mapper.primary_key).compile(dialect=dialect)
        self.sql: str = compiled.string
        self._takes = [taken(name, compiled) for name in compiled.positiontup]

    def arguments(self, values: dict[str, Any], key: tuple[Any, ...]) -> tuple[Any, ...]:
        """The values of an instance as the driver takes them."""
        given = [*[values[name] for name in self._names], *key]
        return tuple([take(given) for take in self._takes])


_kept: WeakKeyDictionary[type[Any], dict[Any, _Updating | None]] = WeakKeyDictionary()


def _updating(model: type[Any], names: tuple[str, ...], dialect: Any) -> _Updating | None:
    kept = _kept.get(model)
    if kept is None:
        kept = _kept.setdefault(model, {})
    shape = (dialect, names)
    if shape not in kept:
        if len(kept) > 100:
            kept.clear()
        kept[shape] = _made(inspect(model), names, dialect)
    return kept[shape]


def _made(mapper: Mapper[Any], names: tuple[str, ...], dialect: Any) -> _Updating | None:
    """``None`` for a class, or columns, that take more than one plain UPDATE."""
    dispatch = mapper.dispatch
    if not is_plain(mapper) or dispatch.before_update or dispatch.after_update:
        return None
    for each in mapper.column_attrs:
        column: Any = each.columns[0]
        if column.onupdate is not None or column.server_onupdate is not None:
            return None  # it changes with every UPDATE
        if column.computed is not None:
            return None
        if each.key in names and column.primary_key:
            return None
    return _Updating(mapper, names, dialect)
