"""How the types of columns are written in a migration, which outlives the code of today."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

from alembic.autogenerate import render
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import DefaultClause, Dialect, make_url
from sqlalchemy.types import TypeDecorator, TypeEngine

from trivium.db.migrations.impls import PostgreSQL

_KINDS = ("sqlite", "postgresql", "mysql")


def render_item(kind: str, item: Any, context: AutogenContext) -> str | Literal[False]:
    """For Alembic: the text for what it would write so that it is read as something else.

    A default that is a text is that text, quotes and all. A type that decorates another is written
    as what it is in each database. One that is the program's own altogether is imported.
    """
    if kind == "server_default" and isinstance(item, DefaultClause) and isinstance(item.arg, str):
        return repr(item.arg)
    if kind != "type":
        return False
    module = type(item).__module__
    if not module.startswith("sqlalchemy."):
        if isinstance(item, TypeDecorator):
            return render._repr_type(undecorated(item, context.dialect), context)
        context.imports.add(f"import {module}")
        return f"{module}.{item!r}"
    if module.startswith("sqlalchemy.dialects.postgresql.") and (
        context.dialect.name != "postgresql"
    ):
        # A variant for another database than this one: Alembic asks only this one's dialect.
        context.imports.add("from sqlalchemy.dialects import postgresql")
        stored: Any = item
        return _postgresql().render_type(stored, context)
    return False


def undecorated(decorated: TypeDecorator[Any], dialect: Dialect) -> TypeEngine[Any]:
    """What a decorated type is in this database, with variants for those where it is another."""
    plain = _generic(decorated, dialect)
    for name in _KINDS:
        other = _dialect(name)
        if dialect.name in (name, "mariadb" if name == "mysql" else name):
            continue
        there = _generic(decorated, other)
        if there.compile(other) != plain.compile(other):
            plain = plain.with_variant(there, name)
    return plain


def _generic(decorated: TypeDecorator[Any], dialect: Dialect) -> TypeEngine[Any]:
    """What is stored, as a type that other databases know too where there is one."""
    stored: TypeEngine[Any] = decorated
    while isinstance(stored, TypeDecorator):
        stored = stored.load_dialect_impl(dialect)
    return generic(stored, dialect)


def generic(stored: TypeEngine[Any], dialect: Dialect) -> TypeEngine[Any]:
    """A type as all databases know it, where this one takes that for the same."""
    try:
        found = stored.as_generic()
    except NotImplementedError:
        return stored
    return found if found.compile(dialect) == stored.compile(dialect) else stored


@cache
def _postgresql() -> PostgreSQL:
    return PostgreSQL(_dialect("postgresql"), None, True, True, None, {})


@cache
def _dialect(name: str) -> Dialect:
    return make_url(f"{name}://").get_dialect()()
