"""One migration in the place of many.

What the many do is recorded, and what cancels out is left out: a column that is added to a table
that was made before is a column of that table. The one has the name of the last of them, so that a
database that has gone through all of them has gone through it. A database in their midst still
needs the files, which are kept in ``replaced/``.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from alembic.script import Script
from sqlalchemy import Column, Constraint

from trivium.db.migrations import files
from trivium.db.migrations.context import context_in_writing
from trivium.db.migrations.errors import MigrationError
from trivium.db.migrations.files import File
from trivium.db.migrations.impls import mentions
from trivium.db.migrations.maker import Made
from trivium.db.migrations.merging import changes_and_needs
from trivium.db.migrations.project import Migrations
from trivium.db.migrations.recorder import recorded, table_of
from trivium.db.migrations.scripts import REPLACED, Scripts, is_data, replaced_by, scripts_of
from trivium.db.migrations.types import render_item

_INSIDE = (
    ops.AddColumnOp,
    ops.AlterColumnOp,
    ops.DropColumnOp,
    ops.AddConstraintOp,
    ops.DropConstraintOp,
)
"""Operations that are written as part of a batch."""


def squash(migrations: Migrations, first: str | None, last: str) -> Made:
    """Writes one migration for all from ``first``, or the very first, to ``last``.

    Raises MigrationError where a migration between them asks the database something, changes rows
    by a function, or has a branch.
    """
    scripts = scripts_of(migrations)
    chain = _chain(scripts, first, last)
    dialect = migrations.engine.dialect
    forwards: list[Any] = []
    backwards: list[Any] = []
    for script in chain:
        forwards += recorded(migrations, script, dialect=dialect)
    for script in reversed(chain):
        backwards += recorded(migrations, script, dialect=dialect, forwards=False)
    context = _context(migrations)
    kept = folded(forwards)
    replaces = [name for script in chain for name in replaced_by(script) or [script.revision]]
    upgrade = _code(kept, context, chain)
    downgrade = _code(backwards, context, chain)
    _set_aside(migrations, chain)
    file = File(
        revision=chain[-1].revision,
        doc=f"All from {chain[0].revision} to {chain[-1].revision}.",
        down=chain[0]._versioned_down_revisions,
        depends=_dependencies(chain),
        upgrade=upgrade,
        downgrade=downgrade,
        imports=sorted(context.imports),
        extra=f"replaces = {replaces!r}\n",
    )
    path = files.write(migrations.directory, file)
    return Made(path, file.revision, files.described(kept))


def _chain(scripts: Scripts, first: str | None, last: str) -> list[Script]:
    end = scripts.find(last)
    start = scripts.find(first) if first is not None else None
    by_name = {script.revision: script for script in scripts.all()}
    chain: list[Script] = []
    at: Script | None = end
    while at is not None:
        chain.append(at)
        if start is not None and at.revision == start.revision:
            break
        downs = at._versioned_down_revisions
        if len(downs) > 1:
            raise MigrationError(f"{at.revision} joins branches: squash before or after it.")
        at = by_name[downs[0]] if downs else None
    if start is not None and chain[-1].revision != start.revision:
        raise MigrationError(f"{end.revision} does not come after {start.revision}.")
    if len(chain) < 2:
        raise MigrationError(f"{end.revision} is one migration already.")
    chain.reverse()
    inside = {script.revision for script in chain[:-1]}
    for script in scripts.all():
        outside = script.revision not in {*inside, end.revision}
        if outside and inside & set(script._normalized_down_revisions):
            raise MigrationError(
                f"{script.revision} comes after one that would be squashed, "
                f"{min(inside & set(script._normalized_down_revisions))}. Squash up to that one."
            )
    if any(is_data(script) for script in chain):
        raise MigrationError("Data migrations cannot be squashed: they are functions.")
    return chain


def _dependencies(chain: list[Script]) -> list[str]:
    names = {script.revision for script in chain}
    needed = {name for script in chain for name in script._resolved_dependencies}
    return sorted(needed - names)


def _context(migrations: Migrations) -> AutogenContext:
    context = context_in_writing(migrations.engine.dialect, migrations, output=io.StringIO())
    context.opts["render_item"] = render_item
    return AutogenContext(context, autogenerate=False)


def _code(operations: list[Any], context: AutogenContext, chain: list[Script]) -> str:
    try:
        return files.code_of(_in_tables(operations), context)
    except (ValueError, NotImplementedError) as error:
        names = ", ".join(script.revision for script in chain)
        raise MigrationError(
            f"One of {names} has an operation that cannot be written: {error}"
        ) from error


def _in_tables(operations: list[Any]) -> list[Any]:
    """Changes of one table that follow each other, together: SQLite rebuilds it once."""
    result: list[Any] = []
    for operation in operations:
        table = table_of(operation)
        if table is None or not isinstance(operation, _INSIDE) or _is_rename(operation):
            result.append(operation)
            continue
        last: Any = result[-1] if result else None
        same = isinstance(last, ops.ModifyTableOps) and last.table_name == table
        # A column that comes in a batch cannot go or change in the same one.
        if same and not {_column_of(operation)} & {_column_of(each) for each in last.ops} - {None}:
            last.ops.append(operation)
        else:
            schema = getattr(operation, "schema", None)
            result.append(ops.ModifyTableOps(table, [operation], schema=schema))
    return result


def _column_of(operation: Any) -> str | None:
    column = getattr(operation, "column", None)
    return column.name if column is not None else getattr(operation, "column_name", None)


def _is_rename(operation: Any) -> bool:
    return isinstance(operation, ops.AlterColumnOp) and operation.modify_name is not None


def _set_aside(migrations: Migrations, chain: list[Script]) -> None:
    aside = migrations.directory / REPLACED
    aside.mkdir(exist_ok=True)
    for script in chain:
        if not replaced_by(script):
            path = migrations.directory / script._script_path.name
            path.rename(aside / path.name)
        else:
            script._script_path.unlink()


# -- Folding ---------------------------------------------------------------------------------------


def folded(operations: list[Any]) -> list[Any]:
    """The operations with what can be part of making a table made part of it."""
    result: list[Any] = []
    for operation in operations:
        fold = _FOLDS.get(type(operation))
        if fold is None or not fold(operation, result):
            result.append(operation)
    return result


def _created(table: str, result: list[Any]) -> ops.CreateTableOp | None:
    """How a table was made, unless something has looked at its rows since."""
    for operation in reversed(result):
        if isinstance(operation, ops.CreateTableOp) and operation.table_name == table:
            return operation
        if not _is_quiet(operation, table):
            return None
    return None


def _is_quiet(operation: Any, table: str) -> bool:
    """Whether it leaves the rows and the name of a table alone, so that its operations may move."""
    if isinstance(operation, ops.ExecuteSQLOp):
        return not mentions(str(operation.sqltext), table)
    if isinstance(operation, ops.AlterColumnOp):
        return operation.modify_name is None
    return isinstance(
        operation,
        ops.CreateTableOp
        | ops.CreateIndexOp
        | ops.DropIndexOp
        | ops.AddColumnOp
        | ops.DropColumnOp
        | ops.AddConstraintOp
        | ops.DropConstraintOp,
    )


def _column(created: ops.CreateTableOp, name: str) -> Column[Any] | None:
    return next(
        (item for item in created.columns if isinstance(item, Column) and item.name == name), None
    )


def _fold_add_column(operation: ops.AddColumnOp, result: list[Any]) -> bool:
    created = _created(operation.table_name, result)
    if created is None or operation.column.foreign_keys:
        return False
    position = sum(isinstance(item, Column) for item in created.columns)
    created.columns = [*created.columns]
    created.columns.insert(position, operation.column._copy())
    return True


def _fold_drop_column(operation: ops.DropColumnOp, result: list[Any]) -> bool:
    created = _created(operation.table_name, result)
    column = created and _column(created, operation.column_name)
    if created is None or column is None or _is_used(operation, created, result):
        return False
    created.columns = [item for item in created.columns if item is not column]
    return True


def _is_used(operation: ops.DropColumnOp, created: ops.CreateTableOp, result: list[Any]) -> bool:
    """Whether something besides its making mentions a column of a table."""
    thing = ("column", operation.table_name, operation.column_name)
    after = result[result.index(created) + 1 :]
    if any(thing in changed | needed for changed, needed in map(changes_and_needs, after)):
        return True
    return any(
        operation.column_name in str(getattr(item, "_pending_colargs", item))
        for item in created.columns
        if isinstance(item, Constraint)
    )


def _fold_alter_column(operation: ops.AlterColumnOp, result: list[Any]) -> bool:
    created = _created(operation.table_name, result)
    column: Any = created and _column(created, operation.column_name)
    if column is None or operation.modify_name is not None:
        return False
    if operation.modify_type is not None:
        column.type = operation.modify_type
    if operation.modify_nullable is not None:
        column.nullable = operation.modify_nullable
    if operation.modify_server_default is not False:
        _set_default(column, operation.modify_server_default)
    if operation.modify_comment is not False:
        column.comment = operation.modify_comment or None
    return True


def _set_default(column: Column[Any], default: Any) -> None:
    example: Column[Any] = Column("example", column.type, server_default=default)
    column.server_default = example.server_default


def _fold_drop_table(operation: ops.DropTableOp, result: list[Any]) -> bool:
    created = _created(operation.table_name, result)
    if created is None:
        return False
    result[:] = [
        other
        for other in result
        if other is not created and table_of(other) != operation.table_name
    ]
    return True


def _fold_drop_index(operation: ops.DropIndexOp, result: list[Any]) -> bool:
    for other in reversed(result):
        if isinstance(other, ops.CreateIndexOp) and other.index_name == operation.index_name:
            result.remove(other)
            return True
        if not _is_quiet(other, str(operation.table_name)):
            return False
    return False


def _fold_drop_constraint(operation: ops.DropConstraintOp, result: list[Any]) -> bool:
    created = _created(operation.table_name, result)
    if created is None:
        return False
    kept = [
        item
        for item in created.columns
        if not isinstance(item, Constraint) or item.name != operation.constraint_name
    ]
    if len(kept) == len(created.columns):
        return False
    created.columns = kept
    return True


_FOLDS: dict[type[Any], Callable[[Any, list[Any]], bool]] = {
    ops.AddColumnOp: _fold_add_column,
    ops.DropColumnOp: _fold_drop_column,
    ops.AlterColumnOp: _fold_alter_column,
    ops.DropTableOp: _fold_drop_table,
    ops.DropIndexOp: _fold_drop_index,
    ops.DropConstraintOp: _fold_drop_constraint,
}
