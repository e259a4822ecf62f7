"""Alembic's environment, made in code: no ini file, no `env.py`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TextIO

from alembic.runtime.migration import MigrationContext, RevisionStep
from sqlalchemy import Connection, Dialect, MetaData

from trivium.db.migrations.impls import impl_for
from trivium.db.migrations.project import OWN_TABLES, VERSION_TABLE, Migrations

COMPARATORS = [
    "alembic.autogenerate.schemas",
    "alembic.autogenerate.tables",
    "alembic.autogenerate.constraints",
    "alembic.autogenerate.comments",
    "trivium.*",
]
"""What the models are compared with the database by: Alembic's plugins, and ours for the rest."""


class Targets(list[MetaData]):
    """The models' tables, as Alembic takes several; it asks one for its naming convention."""

    @property
    def naming_convention(self) -> Any:
        """That of the first, which names the constraints that types bring along."""
        return self[0].naming_convention if self else {}


Steps = Callable[[Any, Any], Iterable[RevisionStep]]


def context_on(
    connection: Connection,
    migrations: Migrations,
    *,
    steps: Steps | None = None,
    options: dict[str, Any] | None = None,
) -> MigrationContext:
    """A context that works on a connection.

    steps: gives the steps that ``run_migrations`` takes; none without it.
    options: more of what Alembic's ``configure`` takes.
    """
    return _context(connection.dialect, connection, migrations, steps, options or {})


def context_in_writing(
    dialect: Dialect, migrations: Migrations, *, output: TextIO, steps: Steps | None = None
) -> MigrationContext:
    """A context that writes the SQL instead of running it."""
    # `ensure_version=False` of Alembic's own would hide the statements on that table.
    options = {"as_sql": True, "output_buffer": output, "literal_binds": True}
    return _context(dialect, None, migrations, steps, options)


def _context(
    dialect: Dialect,
    connection: Connection | None,
    migrations: Migrations,
    steps: Steps | None,
    options: dict[str, Any],
) -> MigrationContext:
    make_impl = impl_for(dialect)
    transactional = dialect.name in ("postgresql", "sqlite")
    chosen: dict[str, Any] = {
        "fn": steps or _none,
        "target_metadata": Targets(migrations.metadatas),
        "version_table": VERSION_TABLE,
        "transaction_per_migration": True,
        "transactional_ddl": transactional,
        "render_as_batch": True,
        "sqlalchemy_module_prefix": "sa.",
        "alembic_module_prefix": "op.",
        "render_item": None,
        "user_module_prefix": None,
        "compare_type": True,
        "compare_server_default": True,
        "autogenerate_plugins": COMPARATORS,
        "include_name": _managed(migrations),
        **options,
    }
    context = MigrationContext(dialect, connection, chosen)
    context.impl = make_impl(
        dialect,
        context.connection,
        context.as_sql,
        transactional,
        chosen.get("output_buffer", sys.stdout),
        chosen,
    )
    context._version = context.impl.version_table_impl(
        version_table=context.version_table,
        version_table_schema=context.version_table_schema,
        version_table_pk=True,
    )
    return context


def heads_on(connection: Connection, migrations: Migrations) -> tuple[str, ...]:
    """The migrations at which the database stands; none where it was never migrated."""
    return context_on(connection, migrations).get_current_heads()


def _managed(migrations: Migrations) -> Callable[[Any, str, Any], bool]:
    left_alone = OWN_TABLES | migrations.keep

    def is_managed(name: Any, kind: str, parents: Any) -> bool:
        return not (kind == "table" and name in left_alone)

    return is_managed


def _none(heads: Sequence[str], context: MigrationContext) -> Iterable[RevisionStep]:
    return ()
