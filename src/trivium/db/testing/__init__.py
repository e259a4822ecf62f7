"""Tests on a real database: made once, rolled back after each test, another one for each worker.

plugin.py         the fixtures, which pytest finds by itself: db, client, committed_db
databases.py      a test database is made, filled with tables, and removed
transaction.py    one transaction for a test, rolled back: ``rolled_back(database)``
clients.py        a synchronous client in the event loop of the test's transaction
queries.py        ``assert_queries(2)``
factories.py      ``factory(Flight)``: objects that fit their table
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trivium.db.testing.databases import made_test_database
    from trivium.db.testing.factories import Factory, factory
    from trivium.db.testing.queries import Queries, assert_queries
    from trivium.db.testing.transaction import rolled_back

__all__ = [
    "Factory",
    "Queries",
    "assert_queries",
    "factory",
    "made_test_database",
    "rolled_back",
]

_HOMES = {
    "Factory": "factories",
    "Queries": "queries",
    "assert_queries": "queries",
    "factory": "factories",
    "made_test_database": "databases",
    "rolled_back": "transaction",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"trivium.db.testing.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
