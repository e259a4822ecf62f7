"""The order in which found changes are made, and what has to be put between them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from alembic.operations import ops
from sqlalchemy import Column, DefaultClause, Table, text

from trivium.db.migrations.checks import ExchangeChecksOp
from trivium.db.migrations.impls import verbatim
from trivium.db.migrations.questions import Questions


def ordered(changes: Iterable[Any], *, tables: list[Table]) -> list[Any]:
    """The changes so that each finds what it needs.

    tables: the models', each after those it refers to.

    Tables are made, then changed, those that are referred to first, then dropped, those that refer
    to others first. Within a table constraints go before columns and come after them.
    """
    position = {(table.schema, table.name): index for index, table in enumerate(tables)}
    created: list[Any] = []
    changed: list[ops.ModifyTableOps] = []
    dropped: list[ops.DropTableOp] = []
    for change in changes:
        if isinstance(change, ops.DropTableOp):
            dropped.append(change)
        elif isinstance(change, ops.ModifyTableOps):
            changed.append(change)
        else:
            created.append(change)
    new = {_key(change) for change in created if isinstance(change, ops.CreateTableOp)}
    gone = {_key(change) for change in dropped}
    # All of a new table's, from the models: Alembic leaves those on expressions out for SQLite.
    indexes = [
        ops.CreateIndexOp.from_index(index)
        for table in tables
        if (table.schema, table.name) in new
        for index in sorted(table.indexes, key=lambda index: str(index.name))
    ]
    altered = [change for change in changed if _key(change) not in new | gone]
    altered.sort(key=lambda change: position.get(_key(change), len(position)))
    return [
        *created,
        *indexes,
        *(part for change in altered for part in _taken_apart(change)),
        *_dropped(dropped),
    ]


def _taken_apart(change: ops.ModifyTableOps) -> list[Any]:
    """A table's changes with those of its indexes around them.

    Inside, SQLite would have to read an index back before it can drop it.
    """
    before: list[Any] = [each for each in change.ops if isinstance(each, ops.DropIndexOp)]
    after: list[Any] = [each for each in change.ops if isinstance(each, ops.CreateIndexOp)]
    apart = ops.DropIndexOp | ops.CreateIndexOp | ExchangeChecksOp
    within = [each for each in change.ops if not isinstance(each, apart)]
    for exchange in (each for each in change.ops if isinstance(each, ExchangeChecksOp)):
        # what a CHECK says of a column that goes or comes has to go before it, and come after it
        gone, new = exchange.parts() if within else (None, exchange)
        before += [gone] if gone is not None else []
        after += [new] if new is not None else []
    within.sort(key=_rank)
    keys = [each for each in within if _rank(each) == 0]
    if before and keys:
        # MySQL keeps an index for as long as a foreign key needs it.
        first = [ops.ModifyTableOps(change.table_name, keys, schema=change.schema)]
        within = within[len(keys) :]
    else:
        first = []
    table = [ops.ModifyTableOps(change.table_name, within, schema=change.schema)] if within else []
    return [*first, *before, *table, *after]


def _key(change: Any) -> tuple[str | None, str]:
    return (change.schema, change.table_name)


def _rank(change: Any) -> int:
    match change:
        case ops.DropConstraintOp(constraint_type="foreignkey"):
            return 0
        case ops.DropConstraintOp(constraint_type="check"):
            return 1
        case ops.DropConstraintOp():
            return 2
        case ops.DropColumnOp():
            return 3
        case ops.AddColumnOp():
            return 4
        case ops.AlterColumnOp():
            return 5
        case ops.CreateForeignKeyOp():
            return 7
    return 6


def _dropped(drops: list[ops.DropTableOp]) -> list[Any]:
    """Each table before those it refers to; a circle is opened first."""
    waiting = {drop.table_name: drop for drop in drops}
    tables = {drop.table_name: drop.to_table() for drop in drops}
    first: list[Any] = []
    done: list[Any] = []
    while waiting:
        free = [name for name in waiting if not _referred_to(name, waiting, tables)]
        if not free:
            name = min(waiting)
            for other in waiting:
                for key in tables[other].foreign_key_constraints:
                    if key.referred_table.name == name and other != name and key.name:
                        first.append(ops.DropConstraintOp.from_constraint(key))
            free = [name]
        done.extend(waiting.pop(name) for name in sorted(free))
    return [*(_in_table(change) for change in first), *done]


def _referred_to(name: str, waiting: Iterable[str], tables: dict[str, Any]) -> bool:
    return any(
        key.referred_table.name == name
        for other in waiting
        if other != name
        for key in tables[other].foreign_key_constraints
    )


def _in_table(change: Any) -> ops.ModifyTableOps:
    return ops.ModifyTableOps(change.table_name, [change], schema=change.schema)


# -- Values for the rows there are -----------------------------------------------------------------


def with_values(changes: Iterable[Any], questions: Questions, dialect: Any) -> list[Any]:
    """The changes, with values for the rows there are where a column needs one.

    A column that is added as NOT NULL gets a default for as long as it takes; in a column that
    becomes NOT NULL, those that are NULL are given the models' default.
    """
    result: list[Any] = []
    for change in changes:
        if not isinstance(change, ops.ModifyTableOps):
            result.append(change)
            continue
        afterwards: list[Any] = []
        for operation in change.ops:
            if isinstance(operation, ops.AddColumnOp):
                afterwards.extend(_with_default(change, operation, questions, dialect))
            elif isinstance(operation, ops.AlterColumnOp):
                result.extend(_filled(change, operation, dialect))
        result.append(change)
        if afterwards:
            # Apart: SQLite makes the table anew for this, and would not copy the new column.
            result.append(ops.ModifyTableOps(change.table_name, afterwards, schema=change.schema))
    return result


def _with_default(
    table: ops.ModifyTableOps, operation: ops.AddColumnOp, questions: Questions, dialect: Any
) -> list[Any]:
    column = operation.column
    needs_value = (
        not column.nullable
        and column.server_default is None
        and column.computed is None
        and column.identity is None
        and not column.primary_key
    )
    if not needs_value:
        return []
    value = default_of(column, dialect)
    if value is None:
        kind = column.type.compile(dialect=dialect)
        value = questions.value_for_rows(table.table_name, column.name, kind)
    copy = column._copy()
    copy.server_default = None
    with_value = Column(
        copy.name,
        copy.type,
        *[key._copy() for key in column.foreign_keys],
        nullable=False,
        server_default=text(verbatim(value)),
        comment=column.comment,
    )
    operation.column = with_value
    return [
        ops.AlterColumnOp(
            table.table_name,
            column.name,
            schema=table.schema,
            existing_type=column.type,
            existing_nullable=False,
            existing_server_default=DefaultClause(text(verbatim(value))),
            existing_comment=column.comment,
            modify_server_default=None,
        )
    ]


def _filled(
    table: ops.ModifyTableOps, operation: ops.AlterColumnOp, dialect: Any
) -> Iterable[ops.ExecuteSQLOp]:
    value = operation.kw.pop("trivium_default", None)
    if operation.modify_nullable is False and value is not None:
        quote = dialect.identifier_preparer.quote
        name = quote(table.table_name)
        if table.schema:
            name = f"{quote(table.schema)}.{name}"
        column = quote(operation.column_name)
        filled = f"UPDATE {name} SET {column} = {verbatim(value)} WHERE {column} IS NULL"
        yield ops.ExecuteSQLOp(filled)


def default_of(column: Column[Any], dialect: Any) -> str | None:
    """The default that Python gives a column, as SQL, where it is a plain value."""
    default: Any = column.default
    if default is None or not default.is_scalar:
        return None
    if default.arg is True or default.arg is False:
        # Every one of these databases reads the words; not every one takes 0 for a boolean.
        return str(default.arg).lower()
    processor = column.type.literal_processor(dialect)
    return processor(default.arg) if processor else None
