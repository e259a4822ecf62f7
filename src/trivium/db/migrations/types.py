"""How the types of columns are written in a migration, which outlives the code of today."""

from __future__ import annotations

from typing import Any, Literal

from alembic.autogenerate import render
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import DefaultClause
from sqlalchemy.types import TypeDecorator, TypeEngine


def render_item(kind: str, item: Any, context: AutogenContext) -> str | Literal[False]:
    """For Alembic: the text for what it would write so that it is read as something else.

    A default that is a text is that text, quotes and all. A type that decorates another is written
    as what it is in the database. One that is the program's own altogether is imported.
    """
    if kind == "server_default" and isinstance(item, DefaultClause) and isinstance(item.arg, str):
        return repr(item.arg)
    if kind != "type":
        return False
    if isinstance(item, TypeDecorator):
        inner = item.load_dialect_impl(context.dialect)
        while isinstance(inner, TypeDecorator):
            inner = inner.load_dialect_impl(context.dialect)
        return render._repr_type(inner, context)
    if isinstance(item, TypeEngine):
        module = type(item).__module__
        if not module.startswith("sqlalchemy."):
            context.imports.add(f"import {module}")
            return f"{module}.{item!r}"
    return False
