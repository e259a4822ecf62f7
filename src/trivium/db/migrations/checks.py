"""CHECKs without a name, which SQLite has: they go and come by what they say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations import MigrateOperation, Operations

from trivium.db.migrations.impls import SQLite


@Operations.register_operation("exchange_checks")
class ExchangeChecksOp(MigrateOperation):
    """Exchanges CHECKs that have no name. Other databases give each one: there it does nothing."""

    def __init__(
        self, table_name: str, old: Sequence[str], new: Sequence[str], *, schema: str | None = None
    ) -> None:
        self.table_name = table_name
        self.old = list(old)
        self.new = list(new)
        self.schema = schema

    @classmethod
    def exchange_checks(
        cls,
        operations: Operations,
        table_name: str,
        old: Sequence[str],
        new: Sequence[str],
        *,
        schema: str | None = None,
    ) -> None:
        """Exchanges the CHECKs without a name that say ``old`` for such that say ``new``."""
        operations.invoke(cls(table_name, old, new, schema=schema))

    def parts(self) -> tuple[ExchangeChecksOp | None, ExchangeChecksOp | None]:
        """The same in two operations, the first of which takes away, and the second adds."""
        gone = ExchangeChecksOp(self.table_name, self.old, [], schema=self.schema)
        new = ExchangeChecksOp(self.table_name, [], self.new, schema=self.schema)
        return gone if self.old else None, new if self.new else None

    def reverse(self) -> ExchangeChecksOp:
        """The operation that undoes this one."""
        return ExchangeChecksOp(self.table_name, self.new, self.old, schema=self.schema)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """The change, as Alembic lists changes."""
        return ("exchange_checks", self.table_name, tuple(self.old), tuple(self.new))


@Operations.implementation_for(ExchangeChecksOp)
def _exchange(operations: Operations, operation: ExchangeChecksOp) -> None:
    impl = operations.impl
    if not isinstance(impl, SQLite):
        return
    impl.exchanged_checks = (operation.old, operation.new)
    try:
        with operations.batch_alter_table(
            operation.table_name, schema=operation.schema, recreate="always"
        ):
            pass
    finally:
        impl.exchanged_checks = ([], [])


@renderers.dispatch_for(ExchangeChecksOp)
def _render(context: AutogenContext, operation: ExchangeChecksOp) -> str:
    schema = f", schema={operation.schema!r}" if operation.schema else ""
    checks = f"{operation.old!r}, {operation.new!r}"
    return f"op.exchange_checks({operation.table_name!r}, {checks}{schema})"
