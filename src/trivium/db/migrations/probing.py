"""PostgreSQL reads its own words once more, where they differ from the models'.

What it writes of an expression, read again, is not always written the same: ``IN ('a', 'b')`` on a
varchar becomes another cast each of two times. So the words of the database are given to the
scratch table, and compared as they come back from there.
"""

from __future__ import annotations

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from trivium.db.migrations.enums import qualified, quoted
from trivium.db.migrations.facts import Facts, read_tables

_PROBE = "trivium_probe"


def read_again(
    place: Connection, schema: str | None, table: str, actual: Facts, wanted: Facts
) -> None:
    """Puts the models' words for those of the database that mean the same, in ``actual``."""
    for name, condition in actual.checks.items():
        other = wanted.checks.get(name)
        if other is not None and other != condition:
            statement = f"ALTER TABLE {qualified(table, schema)} ADD CONSTRAINT {quoted(_PROBE)} "
            found = _probed(place, schema, table, statement + condition)
            if found is not None and found.checks.get(_PROBE) == other:
                actual.checks[name] = other
    for name, definition in actual.indexes.items():
        other = wanted.indexes.get(name)
        if other is not None and other != definition:
            head, using, rest = definition.partition(" USING ")
            unique = " UNIQUE" if head.startswith("CREATE UNIQUE ") else ""
            statement = f"CREATE{unique} INDEX {quoted(_PROBE)} ON {qualified(table, schema)}"
            found = _probed(place, schema, table, statement + using + rest)
            if found is not None and _rest(found.indexes.get(_PROBE)) == _rest(other):
                actual.indexes[name] = other


def _rest(definition: str | None) -> tuple[bool, str] | None:
    if definition is None:
        return None
    head, _, rest = definition.partition(" USING ")
    return head.startswith("CREATE UNIQUE "), rest


def _probed(place: Connection, schema: str | None, table: str, statement: str) -> Facts | None:
    """The table with what the statement adds; None where the models' columns do not allow it."""
    savepoint = place.begin_nested()
    try:
        place.exec_driver_sql(statement)
        return read_tables(place, schema, [table]).get(table)
    except DBAPIError:
        # The expression speaks of a column that is another one now: it has changed.
        return None
    finally:
        savepoint.rollback()
