"""What Alembic asks of a dialect, with what its own answers leave out."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from alembic.ddl.impl import DefaultImpl
from alembic.ddl.mysql import MariaDBImpl, MySQLImpl
from alembic.ddl.postgresql import PostgresqlImpl
from alembic.ddl.sqlite import SQLiteImpl
from alembic.operations.batch import ApplyBatchImpl, BatchOperationsImpl
from sqlalchemy import (
    CheckConstraint,
    Column,
    Enum,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.reflection import Inspector
from sqlalchemy.sql.elements import TextClause

from trivium.db.migrations.enums import create_type
from trivium.db.migrations.errors import MigrationError
from trivium.db.migrations.sqlite_text import collations

_TEMPORARY = "_alembic_tmp_"
"""What Alembic puts before the name of a table while it is rebuilt."""

NAME_LENGTH = 255
"""Of a migration's name in the database."""


class _Named(DefaultImpl):
    """The table of versions, with room for readable names."""

    def version_table_impl(
        self,
        *,
        version_table: str,
        version_table_schema: str | None,
        version_table_pk: bool,
        **kw: Any,
    ) -> Table:
        return Table(
            version_table,
            MetaData(),
            Column("version_num", String(NAME_LENGTH), nullable=False),
            PrimaryKeyConstraint("version_num", name=f"{version_table}_pkc"),
            schema=version_table_schema,
        )

    def render_ddl_sql_expr(self, *arguments: Any, **options: Any) -> str:
        # What is compiled has lost the sign that a colon in it is a colon.
        return verbatim(super().render_ddl_sql_expr(*arguments, **options))


class PostgreSQL(_Named, PostgresqlImpl):
    """PostgreSQL, where a table or a column brings its enumerated types along."""

    def create_table(self, table: Table, **kw: Any) -> None:
        for column in table.columns:
            self._bring_type(column)
        super().create_table(table, **kw)

    def add_column(self, table_name: str, column: Column[Any], **kw: Any) -> None:
        self._bring_type(column)
        super().add_column(table_name, column, **kw)

    def _bring_type(self, column: Column[Any]) -> None:
        """Makes the type of a column where it is missing.

        SQLAlchemy makes it for a table without asking whether it is there, and does not for a
        column that is added.
        """
        type_ = column.type
        if isinstance(type_, Enum) and type_.native_enum and type_.name:
            create_type(self, type_.name, type_.enums, type_.schema)


class MySQL(_Named, MySQLImpl):
    """MySQL, whose statements may pass through a journal (see ``journal.py``)."""

    execute_through: Callable[..., Any] | None = None

    def _exec(self, *arguments: Any, **options: Any) -> Any:
        if self.execute_through is None:
            return super()._exec(*arguments, **options)
        return self.execute_through(super()._exec, *arguments, **options)


class MariaDB(MySQL, MariaDBImpl):
    """MariaDB."""


class SQLite(_Named, SQLiteImpl):
    """SQLite, where a table is rebuilt with what reflection does not see."""

    rebuilding: Callable[[str], None] | None = None
    """Told the name of each table before it is rebuilt."""

    exchanged_checks: tuple[list[str], list[str]] = ([], [])
    """The CHECKs without a name that the next rebuilding leaves out, and those that it adds."""

    def requires_recreate_in_batch(self, batch_op: BatchOperationsImpl) -> bool:
        if super().requires_recreate_in_batch(batch_op):
            return True
        added = [args[1] for name, args, _ in batch_op.batch if name == "add_column"]
        # ALTER TABLE refuses a column that needs a value and has none, even where there are no
        # rows, and one that is unique; a column with references would be checked with a default.
        return any(
            (not column.nullable and column.server_default is None)
            or column.unique
            or column.computed is not None
            for column in added
        )

    def autogen_column_reflect(
        self, inspector: Inspector, table: Table, column_info: dict[str, Any]
    ) -> None:
        super().autogen_column_reflect(inspector, table, column_info)
        if isinstance(column_info["type"], String):
            master = f'"{table.schema}".sqlite_master' if table.schema else "sqlite_master"
            sql = self.connection and self.connection.scalar(
                text(f"SELECT sql FROM {master} WHERE name = :name"), {"name": table.name}
            )
            column_info["type"].collation = collations(sql or "").get(column_info["name"])

    def rename_table(self, old_table_name: str, new_table_name: Any, schema: Any = None) -> None:
        if not old_table_name.startswith(_TEMPORARY):
            super().rename_table(old_table_name, new_table_name, schema)
            return
        # Views that name a table are not looked at while it is away.
        self._exec("PRAGMA legacy_alter_table=ON")
        try:
            super().rename_table(old_table_name, new_table_name, schema)
        finally:
            self._exec("PRAGMA legacy_alter_table=OFF")

    def prep_table_for_batch(self, batch_impl: ApplyBatchImpl, table: Table) -> None:
        if self.rebuilding is not None:
            self.rebuilding(table.name)
        new = batch_impl.new_table
        if new is None:
            return
        self._keep_options(table, new)
        # Alembic leaves out the CHECKs that have no name, as they may belong to a type. No type
        # that is read from SQLite has any.
        columns = {column.name for column in table.columns}
        gone = columns - {column.name for column in new.columns}
        left_out, added = list(self.exchanged_checks[0]), self.exchanged_checks[1]
        for check in table.constraints:
            if isinstance(check, CheckConstraint) and check.name is None:
                condition: Any = check.sqltext
                said = " ".join(condition.text.split())
                if said in left_out:
                    left_out.remove(said)
                elif not any(mentions(said, name) for name in gone):
                    new.append_constraint(CheckConstraint(condition.text))
        for said in added:
            new.append_constraint(CheckConstraint(said))
        _without_parameters(new)

    def _keep_options(self, old: Table, new: Table) -> None:
        """What stands after the columns of a table, or beside its key, and is not read back."""
        master = f'"{old.schema}".sqlite_master' if old.schema else "sqlite_master"
        written = self.connection and self.connection.scalar(
            text(f"SELECT sql FROM {master} WHERE name = :name"), {"name": old.name}
        )
        options = new.dialect_options["sqlite"]
        words = (written or "").upper()
        after = words.rpartition(")")[2]
        options["autoincrement"] = bool(re.search(r"\bAUTOINCREMENT\b", words))
        options["with_rowid"] = "WITHOUT" not in after
        options["strict"] = "STRICT" in after


def verbatim(sql: str) -> str:
    """SQL in which a colon is a colon, and no parameter of SQLAlchemy's begins there."""
    return re.sub(r"(?<![:\w\\]):(?=\w)", r"\:", sql)


def _without_parameters(table: Table) -> None:
    """Takes the colons in what was read back for colons."""
    for constraint in table.constraints:
        if isinstance(constraint, CheckConstraint) and isinstance(constraint.sqltext, TextClause):
            constraint.sqltext = text(verbatim(constraint.sqltext.text))
    for column in table.columns:
        default: Any = column.server_default
        if default is not None and isinstance(getattr(default, "arg", None), TextClause):
            default.arg = text(verbatim(default.arg.text))


def mentions(sql: str, name: str) -> bool:
    """Whether a text of SQL may speak of a column."""
    return re.search(rf"(?<![\w$]){re.escape(name)}(?![\w$])", sql) is not None


_IMPLS: dict[str, type[DefaultImpl]] = {
    "postgresql": PostgreSQL,
    "mysql": MySQL,
    "mariadb": MariaDB,
    "sqlite": SQLite,
}


def impl_for(dialect: Dialect) -> type[DefaultImpl]:
    """The class for a dialect. Raises MigrationError for one that has no migrations."""
    try:
        return _IMPLS[dialect.name]
    except KeyError:
        raise MigrationError(
            f"There are no migrations for {dialect.name}; there are for {', '.join(_IMPLS)}."
        ) from None
