"""Very many new rows, stored by PostgreSQL's COPY, with keys that are asked for before.

COPY is the fastest way into a table and returns nothing. It is taken where the database fills in
nothing but a key that it counts up, and where no rule, policy or trigger changes what is stored.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import Column

from trivium.db.direct import NotSent, written
from trivium.db.queries.quick import values_of
from trivium.db.units import Lane
from trivium.db.watching import noted

__all__ = ["AT_LEAST", "Copying", "Sent", "uncollected"]

AT_LEAST = 500
"""Rows. COPY takes three messages and their answers, the INSERT of fewer rows takes less."""

# tgtype & 7 = 7: called for each row, before, at INSERT
_KEYS = """\
SELECT array_agg(nextval(own.sequence)) FROM (
  SELECT pg_get_serial_sequence($1::text, $2::text)::regclass AS sequence
  FROM pg_class AS t
  JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attname = $2
  LEFT JOIN pg_attrdef AS d ON d.adrelid = t.oid AND d.adnum = a.attnum
  WHERE t.oid = $1::text::regclass AND t.relkind IN ('r', 'p')
  AND NOT t.relhasrules AND NOT t.relrowsecurity
  AND (a.attidentity <> '' OR pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%')
  AND NOT EXISTS (
    SELECT FROM pg_trigger WHERE tgrelid = t.oid AND NOT tgisinternal AND tgtype & 7 = 7
  )
) AS own, generate_series(1, $3::int) WHERE own.sequence IS NOT NULL"""


class Sent(NamedTuple):
    """A column that values are given for."""

    name: str
    """Of the attribute."""
    column: Column[Any]
    process: Callable[[Any], Any] | None
    """What makes a value of the driver's of one of the program's."""


@contextmanager
def uncollected() -> Iterator[None]:
    """For loops that make no garbage and hold all instances: the collector would go through them
    again and again."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


class Copying:
    """How rows with the same columns, and a key that is counted up, are copied into their table."""

    def __init__(
        self, table: Any, quoted: str, key: tuple[str, Column[Any]], columns: list[Sent]
    ) -> None:
        """quoted: the name of the table as SQL has it.
        key: the attribute and its column.
        """
        self._table = table
        self._quoted = quoted
        self._key_name, self._key = key
        self._names = [self._key_name, *(each.name for each in columns)]
        self._processors = [
            (place, each.name, each.process)
            for place, each in enumerate(columns, 1)
            if each.process
        ]
        self._columns = [self._key.name, *(each.column.name for each in columns)]
        self._values = values_of(self._names)
        self._sql = f"COPY {quoted} ({', '.join(self._columns)}) FROM STDIN"

    async def stored(self, lane: Lane, rows: list[dict[str, Any]]) -> bool | None:
        """Stores rows, and puts their keys into them.

        False where the table takes no COPY, ``None`` where the database does not take the rows.
        """

        try:
            processed = {
                place: [process(values.get(name)) for values in rows]
                for place, name, process in self._processors
            }
        except Exception:
            return None  # an expression, or what is told the usual way

        async def send(raw: Any) -> bool:
            arguments = (self._quoted, self._key.name, len(rows))
            noted(_KEYS, arguments)
            keys = await raw.fetchval(_KEYS, *arguments)
            if keys is None:
                return False
            records = self._records(rows, keys, processed)
            noted(self._sql)
            try:
                await raw.copy_records_to_table(
                    self._table.name,
                    schema_name=self._table.schema,
                    columns=self._columns,
                    records=records,
                )
            except (TypeError, ValueError, ArithmeticError, AttributeError) as error:
                # what asyncpg's encoders raise, as they are, when it has taken back what was sent
                raise NotSent from error
            return True

        is_stored: bool | None = False
        try:
            is_stored = await written(lane, self._sql, send)
        finally:
            if not is_stored:
                for values in rows:
                    values.pop(self._key_name, None)
        return is_stored

    def _records(
        self, rows: list[dict[str, Any]], keys: list[Any], processed: dict[int, list[Any]]
    ) -> Iterable[tuple[Any, ...]]:
        """The values of each row as the driver takes them."""
        key = self._key_name
        with uncollected():
            for values, number in zip(rows, keys, strict=True):
                values[key] = number
            try:
                records = list(map(self._values, rows))
            except KeyError:
                records = [tuple([row.get(name) for name in self._names]) for row in rows]
        if not processed:
            return records
        columns: list[Iterable[Any]] = list(zip(*records, strict=True))
        for place, column in processed.items():
            columns[place] = column
        return zip(*columns, strict=True)
