"""Many new rows, stored by one statement: on PostgreSQL by asyncpg, outside of transactions.

The columns are sent as arrays, which the database puts together to rows, and what it fills in comes
back in their order. A model or an instance that needs more is SQLAlchemy's.
"""

from __future__ import annotations

import gc
from typing import Any, cast
from weakref import WeakKeyDictionary

from sqlalchemy import ClauseElement, Column
from sqlalchemy import types as sqltypes
from sqlalchemy.orm import Mapper
from sqlalchemy.orm.attributes import instance_dict, instance_state

from trivium.db.direct import may_go_directly, stored
from trivium.db.queries.expressions import Expression
from trivium.db.queries.quick import is_plain, processor_of
from trivium.db.units import Lane

__all__ = ["many_stored_directly"]

# The types of arrays in which the columns are sent. Texts without a length: the column's own limit
# is checked when the rows are stored, a cast to it would cut them silently.
ARRAYS: tuple[tuple[type[Any], str], ...] = (
    (sqltypes.SmallInteger, "int2"),
    (sqltypes.BigInteger, "int8"),
    (sqltypes.Integer, "int4"),
    (sqltypes.Float, "float8"),
    (sqltypes.Boolean, "bool"),
    (sqltypes.Date, "date"),
    (sqltypes.String, "text"),
)


async def many_stored_directly(
    mapper: Mapper[Any], names: tuple[str, ...], instances: list[Any], lane: Lane
) -> bool:
    """Stores new instances that have the same columns; False where that is left to SQLAlchemy."""
    if not may_go_directly(lane):
        return False
    inserting = _inserting(mapper, names, lane.database.engine.dialect)
    if inserting is None:
        return False
    columns = inserting.columns_of(instances)
    if columns is None:
        return False
    rows = await stored(lane, inserting.sql, columns)
    if rows is None:
        return False
    collects = gc.isenabled()
    # the loop makes no garbage, and each pass of the collector would go through all instances
    gc.disable()
    try:
        inserting.fill(instances, rows)
    finally:
        if collects:
            gc.enable()
    return True


class _InsertingMany:
    """How the instances of a class that have values for the same columns are stored together."""

    def __init__(
        self, mapper: Mapper[Any], given: list[str], columns: dict[str, Column[Any]], dialect: Any
    ) -> None:
        self._mapper = mapper
        self._defaults: dict[str, Any] = {
            n: columns[n].default for n in given if columns[n].default is not None
        }
        self._given = [(name, columns[name].type._cached_bind_processor(dialect)) for name in given]
        self._keys = [mapper.get_property_by_column(each).key for each in mapper.primary_key]
        rest = [name for name in columns if name not in given]
        self._filled = [(name, processor_of(columns[name].type, dialect)) for name in rest]
        quoted = dialect.identifier_preparer
        table = quoted.format_table(mapper.local_table)
        into = ", ".join(quoted.format_column(columns[name]) for name in given)
        kinds = [_array_of(columns[name].type) for name in given]
        arrays = ", ".join(f"${index}::{kind}[]" for index, kind in enumerate(kinds, 1))
        back = ", ".join(quoted.format_column(columns[name]) for name in rest) or "1"
        values = ", ".join(f"value_{index}" for index in range(1, len(given) + 1))
        # keys are given out in the order of the rows: promised where it is asked for, as here
        self.sql = (
            f"INSERT INTO {table} ({into}) SELECT {values} FROM unnest({arrays})"
            f" WITH ORDINALITY AS given({values}, place) ORDER BY place RETURNING {back}"
        )

    def columns_of(self, instances: list[Any]) -> tuple[list[Any], ...] | None:
        """The values, column by column; ``None`` where one is an expression."""
        held = [instance_dict(each) for each in instances]
        for name, default in self._defaults.items():
            for values in held:
                if name not in values:
                    values[name] = default.arg if default.is_scalar else default.arg(None)
        found = []
        for name, process in self._given:
            column = [values.get(name) for values in held]
            if any(issubclass(kind, Expression | ClauseElement) for kind in set(map(type, column))):
                return None
            found.append(column if process is None else list(map(process, column)))
        return tuple(found)

    def fill(self, instances: list[Any], rows: list[Any]) -> None:
        """Puts what the database has filled in into the instances, which are stored now."""
        filled, keys, identity = self._filled, self._keys, self._mapper._identity_class
        # as a rule the database fills in the key and nothing else
        alone = keys[0] if [(name, None) for name in keys] == filled and len(keys) == 1 else None
        for instance, row in zip(instances, rows, strict=True):
            values = instance_dict(instance)
            state: Any = instance_state(instance)
            if alone is not None:
                key = values[alone] = row[0]
                state.key = (identity, (key,), None)
            else:
                for (name, process), value in zip(filled, row, strict=False):
                    values[name] = value if process is None else process(value)
                state.key = (identity, tuple([values[name] for name in keys]), None)
            # as after a flush: nothing differs from what is stored
            state.committed_state.clear()
            state.modified = False
            state._strong_obj = None


_kept: WeakKeyDictionary[type[Any], dict[Any, _InsertingMany | None]] = WeakKeyDictionary()


def _inserting(mapper: Mapper[Any], names: tuple[str, ...], dialect: Any) -> _InsertingMany | None:
    kept = _kept.setdefault(mapper.class_, {})
    shape = (dialect, names)
    if shape not in kept:
        if len(kept) > 100:
            kept.clear()
        kept[shape] = _made(mapper, names, dialect)
    return kept[shape]


def _made(mapper: Mapper[Any], names: tuple[str, ...], dialect: Any) -> _InsertingMany | None:
    """``None`` for a class, or columns, that take more than one plain INSERT."""
    if not is_plain(mapper):
        return None
    columns: dict[str, Column[Any]] = {
        each.key: cast("Column[Any]", each.columns[0]) for each in mapper.column_attrs
    }
    given = [name for name in columns if name in names or columns[name].default is not None]
    defaults = (columns[name].default for name in given)
    if not all(each is None or each.is_scalar or each.is_callable for each in defaults):
        return None
    if not given or not all(_array_of(columns[name].type) for name in given):
        return None
    return _InsertingMany(mapper, given, columns, dialect)


def _array_of(kind: Any) -> str | None:
    if type(kind).__name__ == "UtcDateTime":
        return "timestamptz"
    if isinstance(kind, sqltypes.TypeDecorator):
        return None
    if isinstance(kind, sqltypes.Enum) and kind.native_enum:
        return None
    if isinstance(kind, sqltypes.DateTime):
        return "timestamptz" if kind.timezone else "timestamp"
    for each, name in ARRAYS:
        if isinstance(kind, each):
            return name
    return None
