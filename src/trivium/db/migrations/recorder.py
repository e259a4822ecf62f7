"""What a migration does, told without doing it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from alembic.operations import BatchOperations, Operations, ops
from alembic.runtime.migration import MigrationContext
from alembic.script import Script
from sqlalchemy import Dialect

from trivium.db.migrations import checks, enums, operations
from trivium.db.migrations.context import context_in_writing
from trivium.db.migrations.errors import MigrationError
from trivium.db.migrations.project import Migrations

__all__ = ["recorded", "table_of"]

# These bring operations that a migration may use.
_OPERATIONS = (checks, enums, operations)


def recorded(
    migrations: Migrations, script: Script, *, dialect: Dialect, forwards: bool = True
) -> list[Any]:
    """The operations of a migration of the schema, in order; those in a batch one by one.

    Raises MigrationError for a migration that asks the database something.
    """
    context = context_in_writing(dialect, migrations, output=io.StringIO())
    found: list[Any] = []
    with Operations.context(context) as operations:
        # On the instance: `alembic.op` speaks to instances of this very class only.
        vars(operations).update(
            invoke=_into(found, context), batch_alter_table=_batch_into(found, context)
        )
        try:
            (script.module.upgrade if forwards else script.module.downgrade)()
        except Exception as error:
            raise MigrationError(
                f"{script.path} cannot be looked into without a database: "
                f"{type(error).__name__}: {error}"
            ) from error
    return found


def table_of(operation: Any) -> str | None:
    """The table that an operation is about; None where it is about none, or nobody knows."""
    found = getattr(operation, "table_name", None)
    return found if found is not None else getattr(operation, "source_table", None)


def _into(found: list[Any], context: MigrationContext) -> Callable[[Any], Any]:
    def invoke(operation: Any) -> Any:
        found.append(operation)
        return operation.to_table(context) if isinstance(operation, ops.CreateTableOp) else None

    return invoke


def _batch_into(found: list[Any], context: MigrationContext) -> Callable[..., Any]:
    @contextmanager
    def batch_alter_table(
        table_name: str, schema: str | None = None, **options: Any
    ) -> Iterator[BatchOperations]:
        place: Any = _Place(table_name, schema)
        batch = BatchOperations(context, impl=place)
        vars(batch).update(invoke=_into(found, context))
        yield batch

    return batch_alter_table


@dataclass(frozen=True, slots=True)
class _Place:
    """What an operation of a batch asks of it."""

    table_name: str
    schema: str | None
