"""Many new rows, stored by one statement: on PostgreSQL by asyncpg, outside of transactions.

The columns are sent as arrays, which the database puts together to rows, and what it fills in comes
back in their order; very many rows are copied (``copying.py``). A model or an instance that needs
more is SQLAlchemy's.
"""

from __future__ import annotations

from typing import Any, cast
from weakref import WeakKeyDictionary

from sqlalchemy import ClauseElement, Column
from sqlalchemy import types as sqltypes
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import Mapper
from sqlalchemy.orm.attributes import instance_dict

from trivium.db.direct import may_go_directly, stored
from trivium.db.loose import STATE
from trivium.db.queries.copying import AT_LEAST, Copying, Sent, uncollected
from trivium.db.queries.expressions import Expression
from trivium.db.queries.fitting import fit
from trivium.db.queries.quick import is_plain, processor_of, values_of
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
    if lane.is_held:
        # an error of the database would undo the transaction
        _fit_all(instances, names)
    try:
        return await inserting.stored(lane, instances)
    except StatementError:
        # Looking at each value before would take half as long as storing them all.
        _fit_all(instances, names)
        raise


def _fit_all(instances: list[Any], names: tuple[str, ...]) -> None:
    for each in instances:
        fit(each, names)


class _InsertingMany:
    """How the instances of a class that have values for the same columns are stored together."""

    def __init__(
        self, mapper: Mapper[Any], given: list[str], columns: dict[str, Column[Any]], dialect: Any
    ) -> None:
        self._identity = mapper._identity_class
        self._defaults: dict[str, Any] = {
            n: columns[n].default for n in given if columns[n].default is not None
        }
        self._given = [(name, columns[name].type._cached_bind_processor(dialect)) for name in given]
        keys = [mapper.get_property_by_column(each).key for each in mapper.primary_key]
        self._key_of = values_of(keys)
        rest = [name for name in columns if name not in given]
        self._filled = [(name, processor_of(columns[name].type, dialect)) for name in rest]
        quoted = dialect.identifier_preparer
        table = quoted.format_table(mapper.local_table)
        into = ", ".join(quoted.format_column(columns[name]) for name in given)
        # as a rule the database fills in the key and nothing else
        self._copying: Copying | None = None
        if [*mapper.primary_key] == [columns[n] for n in rest] and not self._filled[0][1]:
            sent = [Sent(name, columns[name], process) for name, process in self._given]
            self._copying = Copying(mapper.local_table, table, (keys[0], columns[keys[0]]), sent)
        kinds = [_array_of(columns[name].type) for name in given]
        arrays = ", ".join(f"${index}::{kind}[]" for index, kind in enumerate(kinds, 1))
        back = ", ".join(quoted.format_column(columns[name]) for name in rest) or "1"
        values = ", ".join(f"value_{index}" for index in range(1, len(given) + 1))
        # keys are given out in the order of the rows: promised where it is asked for, as here
        self.sql = (
            f"INSERT INTO {table} ({into}) SELECT {values} FROM unnest({arrays})"
            f" WITH ORDINALITY AS given({values}, place) ORDER BY place RETURNING {back}"
        )

    async def stored(self, lane: Lane, instances: list[Any]) -> bool:
        """Stores instances; False where that is left to SQLAlchemy."""
        held = list(map(instance_dict, instances))
        self._fill_defaults(held)
        if self._copying is not None and len(instances) >= AT_LEAST:
            is_stored = await self._copying.stored(lane, held)
            if is_stored is None:
                return False
            if is_stored:
                self._note(instances)
                return True
        columns = self._columns_of(held)
        rows = None if columns is None else await stored(lane, self.sql, columns)
        if rows is None:
            return False
        self._fill(held, rows)
        self._note(instances)
        return True

    def _fill_defaults(self, rows: list[dict[str, Any]]) -> None:
        for name, default in self._defaults.items():
            for values in rows:
                if name not in values:
                    values[name] = default.arg if default.is_scalar else default.arg(None)

    def _columns_of(self, rows: list[dict[str, Any]]) -> tuple[list[Any], ...] | None:
        """The values, column by column; ``None`` where one is an expression, or a list, which an
        array of the column would take for more values."""
        found = []
        for name, process in self._given:
            column = [values.get(name) for values in rows]
            if any(
                issubclass(kind, Expression | ClauseElement | list | tuple)
                for kind in set(map(type, column))
            ):
                return None
            found.append(column if process is None else list(map(process, column)))
        return tuple(found)

    def _fill(self, held: list[dict[str, Any]], rows: list[Any]) -> None:
        """Puts what the database has filled in into the instances."""
        for place, (name, process) in enumerate(self._filled):
            for values, row in zip(held, rows, strict=True):
                value = row[place]
                values[name] = value if process is None else process(value)

    def _note(self, instances: list[Any]) -> None:
        """Has the instances known as stored."""
        key_of, identity = self._key_of, self._identity
        with uncollected():
            for instance in instances:
                values = instance.__dict__
                state = values[STATE]
                state.key = (identity, key_of(values), None)
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
