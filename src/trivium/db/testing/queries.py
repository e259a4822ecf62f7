"""How many statements a piece of code sends."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from trivium.db.watching import watching

__all__ = ["Queries", "assert_queries"]


class Query(NamedTuple):
    """A statement as it was sent."""

    sql: str
    parameters: Any


class Queries(list[Query]):
    """The statements so far, in order."""

    @property
    def sql(self) -> list[str]:
        """Their text alone."""
        return [query.sql for query in self]


@contextmanager
def assert_queries(count: int) -> Iterator[Queries]:
    """Raises AssertionError, with the statements, unless the block sends exactly ``count``.

    What keeps a transaction in order (BEGIN, SAVEPOINT, COMMIT) is not counted. What a test client
    has the application do counts, for it belongs to the same task.
    """
    queries = Queries()
    with watching(lambda sql, parameters: queries.append(Query(sql, parameters))):
        yield queries
    if len(queries) != count:
        listed = "".join(
            f"\n  {number}. {' '.join(query.sql.split())}\n     with {query.parameters!r}"
            for number, query in enumerate(queries, 1)
        )
        raise AssertionError(f"{count} queries were expected, {len(queries)} were sent:{listed}")
