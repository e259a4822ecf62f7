"""Operations on PostgreSQL's enumerated types. Where there are no such types, they do nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, cast

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations import MigrateOperation, Operations
from sqlalchemy import DDL, Connection, text
from sqlalchemy.dialects.postgresql import ENUM
from sqlalchemy.schema import ExecutableDDLElement

Columns = Sequence[tuple[str, str]]

_MADE = f"pg_{ENUM.__visit_name__}"
"""Under which SQLAlchemy notes, while a schema is made, the types that it need not make."""


class _WholeEnum(MigrateOperation):
    """What happens to a type as a whole."""

    verb: ClassVar[str]

    def __init__(self, name: str, members: Sequence[str], *, schema: str | None = None) -> None:
        self.name = name
        self.members = list(members)
        self.schema = schema

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """The change, as Alembic lists changes."""
        return (self.verb, self.name, tuple(self.members))


@Operations.register_operation("create_enum")
class CreateEnumOp(_WholeEnum):
    """Makes a type, where there is none of the name."""

    verb = "create_enum"

    @classmethod
    def create_enum(
        cls,
        operations: Operations,
        name: str,
        members: Sequence[str],
        *,
        schema: str | None = None,
    ) -> None:
        """Makes an enumerated type with these members, in this order."""
        operations.invoke(cls(name, members, schema=schema))

    def reverse(self) -> DropEnumOp:
        """The operation that undoes this one."""
        return DropEnumOp(self.name, self.members, schema=self.schema)


@Operations.register_operation("drop_enum")
class DropEnumOp(_WholeEnum):
    """Removes a type that no column has any more."""

    verb = "drop_enum"

    @classmethod
    def drop_enum(
        cls,
        operations: Operations,
        name: str,
        members: Sequence[str],
        *,
        schema: str | None = None,
    ) -> None:
        """Removes an enumerated type. ``members`` are for the way back."""
        operations.invoke(cls(name, members, schema=schema))

    def reverse(self) -> CreateEnumOp:
        """The operation that undoes this one."""
        return CreateEnumOp(self.name, self.members, schema=self.schema)


@Operations.register_operation("alter_enum")
class AlterEnumOp(MigrateOperation):
    """Gives a type other members."""

    def __init__(
        self,
        name: str,
        old: Sequence[str],
        new: Sequence[str],
        *,
        columns: Columns = (),
        schema: str | None = None,
        rewrite: bool = False,
    ) -> None:
        self.name = name
        self.old = list(old)
        self.new = list(new)
        self.columns = [(table, column) for table, column in columns]
        self.schema = schema
        self.rewrite = rewrite

    @classmethod
    def alter_enum(
        cls,
        operations: Operations,
        name: str,
        old: Sequence[str],
        new: Sequence[str],
        *,
        columns: Columns = (),
        schema: str | None = None,
        rewrite: bool = False,
    ) -> None:
        """Gives an enumerated type other members.

        columns: the tables and columns that have the type. They are rewritten where members go or
            change places, which fails while a row has a member that goes.
        rewrite: do so for new members too, which can then be used in the same migration.
        """
        operations.invoke(cls(name, old, new, columns=columns, schema=schema, rewrite=rewrite))

    @property
    def only_adds(self) -> bool:
        """Whether the old members stay, in their order."""
        return [member for member in self.new if member in self.old] == self.old

    def reverse(self) -> AlterEnumOp:
        """The operation that undoes this one."""
        return AlterEnumOp(
            self.name, self.new, self.old, columns=self.columns, schema=self.schema, rewrite=True
        )

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """The change, as Alembic lists changes."""
        return ("alter_enum", self.name, tuple(self.old), tuple(self.new))


# -- What they do ----------------------------------------------------------------------------------


@Operations.implementation_for(CreateEnumOp)
def _create(operations: Operations, operation: CreateEnumOp) -> None:
    if _has_types(operations):
        create_type(operations.impl, operation.name, operation.members, operation.schema)


@Operations.implementation_for(DropEnumOp)
def _drop(operations: Operations, operation: DropEnumOp) -> None:
    if _has_types(operations):
        impl: Any = operations.impl
        impl.memo.get(_MADE, set()).discard((operation.schema, operation.name))
        type_name = qualified(operation.name, operation.schema)
        operations.execute(_verbatim(f"DROP TYPE {type_name}"))


@Operations.implementation_for(AlterEnumOp)
def _alter(operations: Operations, operation: AlterEnumOp) -> None:
    if not _has_types(operations):
        return
    if operation.only_adds and not operation.rewrite:
        _add_members(operations, operation)
    else:
        _rewrite(operations, operation)


def _has_types(operations: Operations) -> bool:
    """Whether the database has such types; others keep the members with the column."""
    return operations.migration_context.dialect.name == "postgresql"


def create_type(impl: Any, name: str, members: Sequence[str], schema: str | None) -> None:
    """Makes an enumerated type unless there is one of the name. Once a script, in writing."""
    known: set[tuple[str | None, str]] = impl.memo.setdefault(_MADE, set())
    if (schema, name) in known:
        return
    known.add((schema, name))
    if not impl.as_sql and impl.dialect.has_type(impl.connection, name, schema=schema):
        return
    labels = ", ".join(quoted_text(member) for member in members)
    impl.execute(_verbatim(f"CREATE TYPE {qualified(name, schema)} AS ENUM ({labels})"))


def _add_members(operations: Operations, operation: AlterEnumOp) -> None:
    type_name = qualified(operation.name, operation.schema)
    there = list(operation.old)
    for position, member in enumerate(operation.new):
        if member in there:
            continue
        if position:
            place = f"AFTER {quoted_text(operation.new[position - 1])}"
        else:
            place = f"BEFORE {quoted_text(operation.old[0])}" if operation.old else ""
        operations.execute(
            _verbatim(f"ALTER TYPE {type_name} ADD VALUE {quoted_text(member)} {place}".strip())
        )
        there.append(member)


def _rewrite(operations: Operations, operation: AlterEnumOp) -> None:
    old_name = f"{operation.name}_old"
    type_name = qualified(operation.name, operation.schema)
    labels = ", ".join(quoted_text(member) for member in operation.new)
    defaults = _defaults(operations.get_bind(), operation)
    for table, column in defaults:
        _alter_column(operations, operation, table, column, "DROP DEFAULT")
    operations.execute(_verbatim(f"ALTER TYPE {type_name} RENAME TO {quoted(old_name)}"))
    operations.execute(_verbatim(f"CREATE TYPE {type_name} AS ENUM ({labels})"))
    for table, column in operation.columns:
        converted = f"TYPE {type_name} USING {quoted(column)}::text::{type_name}"
        _alter_column(operations, operation, table, column, converted)
    for (table, column), default in defaults.items():
        if any(default == f"{quoted_text(member)}::{operation.name}" for member in operation.new):
            _alter_column(operations, operation, table, column, f"SET DEFAULT {default}")
    operations.execute(_verbatim(f"DROP TYPE {qualified(old_name, operation.schema)}"))


def _alter_column(
    operations: Operations, operation: AlterEnumOp, table: str, column: str, how: str
) -> None:
    name = qualified(table, operation.schema)
    operations.execute(_verbatim(f"ALTER TABLE {name} ALTER COLUMN {quoted(column)} {how}"))


def _defaults(connection: Connection | None, operation: AlterEnumOp) -> dict[tuple[str, str], str]:
    """The defaults of the columns; none where nothing is asked, which is in writing."""
    if connection is None or not hasattr(connection, "scalar"):
        return {}
    found = {}
    for table, column in operation.columns:
        default = connection.scalar(
            text(
                "SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d "
                "JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum "
                "WHERE d.adrelid = CAST(:table AS regclass) AND a.attname = :column"
            ),
            {"table": qualified(table, operation.schema), "column": column},
        )
        if default is not None:
            found[table, column] = default
    return found


# -- How they are written --------------------------------------------------------------------------


@renderers.dispatch_for(CreateEnumOp)
@renderers.dispatch_for(DropEnumOp)
def _render_whole(context: AutogenContext, operation: _WholeEnum) -> str:
    schema = f", schema={operation.schema!r}" if operation.schema else ""
    return f"op.{operation.verb}({operation.name!r}, {operation.members!r}{schema})"


@renderers.dispatch_for(AlterEnumOp)
def _render_alter(context: AutogenContext, operation: AlterEnumOp) -> str:
    lines = [
        f"{operation.name!r}",
        f"{operation.old!r}",
        f"{operation.new!r}",
        f"columns={operation.columns!r}",
    ]
    if operation.schema:
        lines.append(f"schema={operation.schema!r}")
    if operation.rewrite:
        lines.append("rewrite=True")
    return "op.alter_enum(\n    " + ",\n    ".join(lines) + ",\n)"


# -- Text ------------------------------------------------------------------------------------------


def quoted(name: str) -> str:
    """A name, as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def qualified(name: str, schema: str | None) -> str:
    """A name with its schema, as SQL writes it."""
    return f"{quoted(schema)}.{quoted(name)}" if schema else quoted(name)


def quoted_text(value: str) -> str:
    """A text, as SQL writes it."""
    return "'" + value.replace("'", "''") + "'"


def _verbatim(statement: str) -> ExecutableDDLElement:
    """A statement as it stands: no colon in it is a parameter, no percent sign a place."""
    make: Any = DDL
    return cast(ExecutableDDLElement, make(statement.replace("%", "%%")))
