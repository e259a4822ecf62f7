"""The source of models for a database that is there already.

What is written describes the database as it is, names and types and all, so that a migration that
is made from it has nothing to do.
"""

from __future__ import annotations

import keyword
import re
import warnings
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alembic.autogenerate import render
from alembic.autogenerate.api import AutogenContext
from alembic.runtime.migration import MigrationContext
from sqlalchemy import (
    CheckConstraint,
    Column,
    Computed,
    Connection,
    ForeignKeyConstraint,
    Identity,
    Index,
    MetaData,
    Table,
    UniqueConstraint,
    inspect,
)
from sqlalchemy.exc import SAWarning
from sqlalchemy.types import JSON, Enum

from trivium.db.database import Database
from trivium.db.inspecting.relations import relations_of, single_keys
from trivium.db.migrations.context import context_on
from trivium.db.migrations.facts import Facts, index_parts, read_tables
from trivium.db.migrations.project import OWN_TABLES, Migrations
from trivium.db.migrations.types import generic
from trivium.db.models.base import NAMING, Model
from trivium.db.models.meta import snake_case

__all__ = ["models_of"]

_MODULES = {"datetime", "decimal", "uuid"}


async def models_of(database: Database, tables: Collection[str] | None = None) -> str:
    """The source of a module with a model for each table.

    tables: only these. A table without a primary key is written as a SQLAlchemy ``Table``.
    """
    async with database.engine.connect() as connection:
        return await connection.run_sync(_source, database, tables)


def _source(connection: Connection, database: Database, only: Collection[str] | None) -> str:
    names = sorted(set(inspect(connection).get_table_names()) - OWN_TABLES)
    if only is not None:
        names = [name for name in names if name in only]
    metadata = MetaData()
    context = context_on(connection, Migrations(database, Path(), ()))

    impl: Any = context.impl

    def collation(inspector: Any, table: Table, column: Any) -> None:
        if connection.dialect.name == "sqlite":
            impl.autogen_column_reflect(inspector, table, column)

    with warnings.catch_warnings():
        # Indexes on expressions, which are read by `read_tables`.
        warnings.filterwarnings("ignore", "Skipped unsupported reflection", SAWarning)
        for name in names:
            Table(
                name,
                metadata,
                autoload_with=connection,
                resolve_fks=False,
                listeners=[("column_reflect", collation)],
            )
    facts = read_tables(connection, None, names)
    writer = _Writer(context, metadata, facts, named=_all_named(metadata, facts))
    tables = [writer.table(metadata.tables[name]) for name in names]
    return writer.module(tables)


def _all_named(metadata: MetaData, facts: dict[str, Facts]) -> bool:
    """Whether the names of ``Model`` would change nothing: nothing is without a name."""
    return not any(each.unnamed_checks for each in facts.values()) and not any(
        constraint.name is None
        for table in metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, UniqueConstraint)
    )


@dataclass
class _Writer:
    """Writes the source, and collects what it imports."""

    migration: MigrationContext
    metadata: MetaData
    facts: dict[str, Facts]
    named: bool
    standard: set[str] = field(default_factory=set)
    orm: set[str] = field(default_factory=set)
    any_used: bool = False

    def __post_init__(self) -> None:
        self.context = AutogenContext(self.migration, autogenerate=False)
        self.dialect = self.migration.dialect
        self.classes = _class_names(self.metadata)
        tables = self.metadata.tables
        self.attributes = {name: _attribute_names(table) for name, table in tables.items()}
        taken = {name: names.values() for name, names in self.attributes.items()}
        self.relations = relations_of(self.metadata, self.classes, taken)

    # -- The module ------------------------------------------------------------------------------

    def module(self, tables: list[str]) -> str:
        """The whole source."""
        lines = ['"""Models of a database as it was found."""', ""]
        standard = sorted(f"import {name}" for name in self.standard)
        if self.any_used:
            standard.append("from typing import Any")
        lines += [*standard, ""] if standard else []
        lines.append("import sqlalchemy as sa")
        lines += sorted(self.context.imports)
        if self.orm:
            lines.append(f"from sqlalchemy.orm import {', '.join(sorted(self.orm))}")
        lines += ["", "from trivium.db import Model", ""]
        if not self.named:
            lines += [
                "",
                "# Some constraints of the database have no name, and get none here.",
                "class Base(Model, base=True):",
                "    metadata = sa.MetaData()",
                "",
            ]
        return (
            "\n".join(lines).rstrip() + "".join(f"\n\n\n{each.strip()}" for each in tables) + "\n"
        )

    @property
    def base(self) -> str:
        return "Model" if self.named else "Base"

    # -- One table -------------------------------------------------------------------------------

    def table(self, table: Table) -> str:
        arguments = self._arguments(table)
        if not table.primary_key.columns:
            return self._without_key(table, arguments)
        self.orm |= {"Mapped", "mapped_column"}
        lines = [f"\nclass {self.classes[table.name]}({self.base}):"]
        if snake_case(self.classes[table.name]) != table.name:
            lines.append(f"    __tablename__ = {table.name!r}")
        if table.comment:
            arguments.append(repr({"comment": table.comment}))
        if arguments:
            inside = "".join(f"        {argument},\n" for argument in arguments)
            lines.append(f"    __table_args__ = (\n{inside}    )")
        if len(lines) > 1:
            lines.append("")
        attributes = self.attributes[table.name]
        for column in table.columns:
            lines.append(f"    {self._attribute(table, column, attributes)}")
        lines += self._relations(table, attributes)
        return "\n".join(lines) + "\n"

    def _without_key(self, table: Table, arguments: list[str]) -> str:
        columns = [
            f"sa.Column({column.name!r}, {', '.join(self._column(table, column, explicit=True))})"
            for column in table.columns
        ]
        inside = "".join(f"    {each},\n" for each in [*columns, *arguments])
        name = _identifier(table.name)
        return (
            f"\n# A model needs a primary key, and this table has none.\n"
            f"{name} = sa.Table(\n    {table.name!r},\n    {self.base}.metadata,\n{inside})\n"
        )

    def _attribute(self, table: Table, column: Column[Any], names: dict[str, str]) -> str:
        name = names[column.name]
        python, known = self._python_type(column)
        is_optional = column.nullable and not column.primary_key and python != "Any"
        annotation = f"{python} | None" if is_optional else python
        parts = [] if name == column.name else [repr(column.name)]
        parts += self._column(table, column, explicit=not known)
        return f"{name}: Mapped[{annotation}] = mapped_column({', '.join(parts)})"

    def _column(self, table: Table, column: Column[Any], *, explicit: bool) -> list[str]:
        parts = [render._repr_type(self._type(column), self.context)]
        for constraint in single_keys(column):
            parts.append(self._key(constraint))
        default: Any = column.server_default
        serial = self.facts[table.name].defaults.get(column.name) == "nextval"
        if isinstance(default, Computed | Identity):
            parts.append(render._render_server_default(default, self.context) or "")
        elif default is not None and not serial:
            written = render._render_server_default(default, self.context)
            parts.append(f"server_default={written}")
        if column.primary_key:
            parts.append("primary_key=True")
            if not serial and not isinstance(default, Identity) and self._counts_up(column):
                parts.append("autoincrement=False")
        elif explicit:
            parts.append(f"nullable={column.nullable}")
        if column.comment:
            parts.append(f"comment={column.comment!r}")
        return parts

    def _type(self, column: Column[Any]) -> Any:
        # An enumerated type of PostgreSQL is there, and has a name that others may use.
        return column.type if isinstance(column.type, Enum) else generic(column.type, self.dialect)

    def _counts_up(self, column: Column[Any]) -> bool:
        """Whether SQLAlchemy would have the database count up a key that it does not."""
        if self.dialect.name == "sqlite":
            return False
        return column.autoincrement is not True

    def _key(self, constraint: ForeignKeyConstraint) -> str:
        (element,) = constraint.elements
        options = [repr(element.target_fullname)]
        if constraint.name:
            options.append(f"name={str(constraint.name)!r}")
        options += _key_options(constraint)
        return f"sa.ForeignKey({', '.join(options)})"

    def _python_type(self, column: Column[Any]) -> tuple[str, bool]:
        """The annotation, and whether SQLAlchemy can tell from it that NULL is allowed."""
        try:
            found = column.type.python_type
        except NotImplementedError:
            found = object
        if isinstance(column.type, Enum):
            found = str
        if isinstance(column.type, JSON) or found in (object, dict, list):
            self.any_used = True
            return "Any", False
        if found.__module__ in _MODULES:
            self.standard.add(found.__module__)
            return f"{found.__module__}.{found.__name__}", True
        return found.__name__, True

    # -- Constraints -----------------------------------------------------------------------------

    def _arguments(self, table: Table) -> list[str]:
        arguments = []
        indexes = {str(index.name) for index in table.indexes}
        for constraint in sorted(table.constraints, key=lambda each: str(each.name)):
            if isinstance(constraint, UniqueConstraint) and str(constraint.name) not in indexes:
                columns = ", ".join(repr(column.name) for column in constraint.columns)
                arguments.append(f"sa.UniqueConstraint({columns}{self._name(constraint)})")
            elif isinstance(constraint, ForeignKeyConstraint) and len(constraint.elements) > 1:
                local = [column.name for column in constraint.columns]
                remote = [element.target_fullname for element in constraint.elements]
                options = [f"name={str(constraint.name)!r}"] if constraint.name else []
                options += _key_options(constraint)
                written = ", ".join([repr(local), repr(remote), *options])
                arguments.append(f"sa.ForeignKeyConstraint({written})")
            elif isinstance(constraint, CheckConstraint):
                written = f"sa.text({str(constraint.sqltext)!r})"
                arguments.append(f"sa.CheckConstraint({written}{self._name(constraint)})")
        for index in sorted(table.indexes, key=lambda each: str(each.name)):
            arguments.append(self._index(index))
        if self.dialect.name == "sqlite":
            arguments += self._unreflected(table, indexes)
        if self.dialect.name in ("mysql", "mariadb"):
            arguments += self._column_checks(table)
        return arguments

    def _column_checks(self, table: Table) -> list[str]:
        """MariaDB's CHECKs of single columns, which SQLAlchemy does not read back."""
        known = {str(each.name) for each in table.constraints}
        return [
            f"sa.CheckConstraint(sa.text({condition!r}), name=sa.schema.conv({name!r}))"
            for name, condition in sorted(self.facts[table.name].checks.items())
            if name not in known
        ]

    def _unreflected(self, table: Table, known: set[str]) -> list[str]:
        """The indexes on expressions, which SQLAlchemy does not read back from SQLite."""
        written = []
        for name, definition in sorted(self.facts[table.name].indexes.items()):
            if name not in known:
                inside, unique, condition = index_parts(definition)
                options = [repr(name), f"sa.text({inside!r})"]
                options += ["unique=True"] if unique else []
                options += [f"sqlite_where=sa.text({condition!r})"] if condition else []
                written.append(f"sa.Index({', '.join(options)})")
        return written

    def _name(self, constraint: Any) -> str:
        if constraint.name is None:
            return ""
        name = str(constraint.name)
        if isinstance(constraint, CheckConstraint) and self.named:
            prefix = NAMING["ck"] % {
                "table_name": constraint.table.name,
                "constraint_name": "",
            }
            # The convention puts its own words before the name of a CHECK.
            if not name.startswith(prefix):
                return f", name=sa.schema.conv({name!r})"
            name = name.removeprefix(prefix)
        return f", name={name!r}"

    def _index(self, index: Index) -> str:
        columns = [
            repr(each.name) if isinstance(each, Column) else f"sa.text({self._expression(each)!r})"
            for each in index.expressions
        ]
        options = ["unique=True"] if index.unique else []
        for key, value in sorted(index.dialect_kwargs.items()):
            if value is None or value in ([], (), {}) or value is False:
                continue
            written = f"sa.text({str(value)!r})" if hasattr(value, "compile") else repr(value)
            options.append(f"{key}={written}")
        return f"sa.Index({', '.join([repr(str(index.name)), *columns, *options])})"

    def _expression(self, expression: Any) -> str:
        inline = {"include_table": False, "literal_binds": True}
        return str(expression.compile(dialect=self.dialect, compile_kwargs=inline))

    # -- Relations -------------------------------------------------------------------------------

    def _relations(self, table: Table, attributes: dict[str, str]) -> list[str]:
        lines = []
        for relation in self.relations:
            local, remote = relation.column, relation.target
            if local.table is table:
                other = f"{self.classes[remote.table.name]}{' | None' if local.nullable else ''}"
                options = [f"back_populates={relation.back!r}"] if relation.back else []
                if not relation.alone:
                    options.append(f"foreign_keys=[{attributes[local.name]}]")
                if relation.is_own:
                    options.append(f"remote_side=[{attributes[remote.name]}]")
                lines.append(self._relation(relation.name, f'"{other}"', options))
            if remote.table is table and relation.back:
                cls = self.classes[local.table.name]
                many = f'"{cls} | None"' if relation.to_one else f'list["{cls}"]'
                options = [f"back_populates={relation.name!r}"]
                if not relation.alone:
                    column = self.attributes[local.table.name][local.name]
                    options.append(f"foreign_keys={f'{cls}.{column}'!r}")
                lines.append(self._relation(relation.back, many, options))
        return ["", *lines] if lines else []

    def _relation(self, name: str, annotation: str, options: list[str]) -> str:
        self.orm.add("relationship")
        return f"    {name}: Mapped[{annotation}] = relationship({', '.join(options)})"


def _key_options(constraint: ForeignKeyConstraint) -> list[str]:
    options = []
    for name in ("ondelete", "onupdate", "initially", "deferrable"):
        value = getattr(constraint, name)
        if value is not None:
            options.append(f"{name}={value!r}")
    return options


def _class_names(metadata: MetaData) -> dict[str, str]:
    names: dict[str, str] = {}
    for table in metadata.tables:
        words = re.split(r"[\W_]+", table)
        name = "".join(word[:1].upper() + word[1:] for word in words if word)
        name = name if name.isidentifier() else f"Table{name}"
        while name in names.values() or name in ("Model", "Base", "Mapped", "Any"):
            name += "_"
        names[table] = name
    return names


def _attribute_names(table: Table) -> dict[str, str]:
    names: dict[str, str] = {}
    for column in table.columns:
        name = _identifier(column.name)
        # What a model has itself, `objects` or `metadata`, is not a column's to take.
        while name in names.values() or (hasattr(Model, name) and name != "id"):
            name += "_"
        names[column.name] = name
    return names


def _identifier(name: str) -> str:
    name = re.sub(r"\W", "_", name)
    name = f"_{name}" if not name or name[0].isdigit() else name
    # An underscore in front would make it private, and two are Python's own.
    name = name.lstrip("_") if name.lstrip("_")[:1].isalpha() else f"column{name}"
    return f"{name}_" if keyword.iskeyword(name) else name
