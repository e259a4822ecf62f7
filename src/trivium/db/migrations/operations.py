"""Alembic's operations where they lack a way back, or a way to be written."""

from __future__ import annotations

from typing import Any, Self

from alembic.autogenerate import render, renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops


class RenameTable(ops.RenameTableOp):
    """A renaming that knows its way back."""

    def reverse(self) -> RenameTable:
        """The operation that undoes this one."""
        return RenameTable(self.new_table_name, self.table_name, schema=self.schema)


class RenameColumn(ops.AlterColumnOp):
    """A renaming that knows its way back."""

    def reverse(self) -> RenameColumn:
        """The operation that undoes this one."""
        return RenameColumn(
            self.table_name,
            str(self.modify_name),
            schema=self.schema,
            modify_name=self.column_name,
            existing_type=self.existing_type,
            existing_nullable=self.existing_nullable,
            existing_server_default=_typed(self.existing_server_default),
            existing_comment=self.existing_comment,
            **self.kw,
        )


class ConvertColumn(ops.AlterColumnOp):
    """A change of a type for which PostgreSQL is told how a value becomes one of the new type.

    ``there`` and ``back`` are those expressions; None where it knows.
    """

    there: str | None = None
    back: str | None = None

    @classmethod
    def of(cls, change: ops.AlterColumnOp, there: str | None, back: str | None) -> Self:
        """The same change, with how its values are converted both ways."""
        operation = cls(
            change.table_name,
            change.column_name,
            schema=change.schema,
            existing_type=change.existing_type,
            existing_server_default=_typed(change.existing_server_default),
            existing_nullable=change.existing_nullable,
            existing_comment=change.existing_comment,
            modify_nullable=change.modify_nullable,
            modify_comment=_typed(change.modify_comment),
            modify_server_default=_typed(change.modify_server_default),
            modify_type=change.modify_type,
            **change.kw,
        )
        operation.there, operation.back = there, back
        return operation

    def reverse(self) -> ConvertColumn:
        """The operation that undoes this one."""
        return ConvertColumn.of(super().reverse(), self.back, self.there)


def _typed(value: Any) -> Any:
    """What Alembic's attributes hold, which its own constructors take."""
    return value


@renderers.dispatch_for(ops.RenameTableOp)
def _render_rename(context: AutogenContext, operation: ops.RenameTableOp) -> str:
    schema = f", schema={operation.schema!r}" if operation.schema else ""
    return f"op.rename_table({operation.table_name!r}, {operation.new_table_name!r}{schema})"


@renderers.dispatch_for(ConvertColumn)
def _render_conversion(context: AutogenContext, operation: ConvertColumn) -> str:
    text = render._alter_column(context, operation)
    if operation.there is None:
        return text
    return f"{text.removesuffix(')')},\n{' ' * 15}postgresql_using={operation.there!r})"
