"""``explain()``: what the database is going to do."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Executable, Select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ClauseElement

from trivium.db.execution import execute

__all__ = ["explain"]


class Explain(Executable, ClauseElement):
    """EXPLAIN of a statement, in the words of each database."""

    inherit_cache = False
    # it is read like a query, and must not begin a transaction
    is_select = True

    def __init__(self, statement: Select[Any], analyze: bool) -> None:
        self.statement = statement
        self.analyze = analyze


@compiles(Explain)
def _explain(element: Any, compiler: Any, **kw: Any) -> str:
    options = "EXPLAIN (ANALYZE) " if element.analyze else "EXPLAIN "
    return options + str(compiler.process(element.statement, **kw))


@compiles(Explain, "sqlite")
def _explain_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    return "EXPLAIN QUERY PLAN " + str(compiler.process(element.statement, **kw))


@compiles(Explain, "mysql")
@compiles(Explain, "mariadb")
def _explain_mysql(element: Any, compiler: Any, **kw: Any) -> str:
    word = "ANALYZE " if element.analyze else "EXPLAIN "
    return word + str(compiler.process(element.statement, **kw))


async def explain(statement: Select[Any], *, analyze: bool, using: Any) -> str:
    """The lines of the plan."""
    result = await execute(Explain(statement, analyze), using=using)
    return "\n".join(" ".join(str(cell) for cell in row) for row in result.all())
