"""What Alembic's comparison leaves out, as one of its plugins.

Types, defaults, generated columns, CHECKs and indexes are compared by what the database says of
them on both sides (``facts.py``), so that nothing that is the same is seen as a change.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult, sqla_compat
from sqlalchemy import CheckConstraint, Column, Dialect, Identity, Index, Table, text, types
from sqlalchemy.sql.naming import conv

from trivium.db.migrations.checks import ExchangeChecksOp
from trivium.db.migrations.facts import Facts, index_parts
from trivium.db.migrations.keys import exchanged
from trivium.db.migrations.scratch import Comparison

OPTION = "trivium_comparison"
"""Under which a context holds its ``Comparison``."""

CONVERSION = "trivium_conversion"
"""Under which a change of a type keeps how values are converted, there and back."""

_plugin = Plugin("trivium.facts")


def _facts(context: AutogenContext, schema: str | None, table: str) -> tuple[Facts, Facts] | None:
    comparison: Comparison = context.opts[OPTION]
    return comparison.of(schema, table)


# -- Columns ---------------------------------------------------------------------------------------


def compare_column(
    context: AutogenContext,
    change: ops.AlterColumnOp,
    schema: str | None,
    table: str,
    column: str,
    actual_column: Column[Any],
    wanted_column: Column[Any],
) -> PriorityDispatchResult:
    """Sees a changed type and a changed default."""
    pair = _facts(context, schema, table)
    if pair is None:
        return PriorityDispatchResult.CONTINUE
    actual, wanted = pair
    change.existing_type = actual_column.type
    change.existing_server_default = _default_of(actual_column)
    if context.dialect.name in ("mysql", "mariadb") and (
        wanted_column.table._autoincrement_column is wanted_column
    ):
        change.kw["autoincrement"] = True
    if wanted.generated.get(column) is not None or actual.generated.get(column) is not None:
        return PriorityDispatchResult.CONTINUE
    if actual.types[column] != wanted.types[column]:
        change.modify_type = wanted_column.type
        if context.dialect.name == "postgresql":
            there = (actual_column, wanted_column, actual.types[column], wanted.types[column])
            back = (wanted_column, actual_column, wanted.types[column], actual.types[column])
            change.kw[CONVERSION] = (
                _using(context, schema, *there),
                _using(context, schema, *back),
            )
    if actual.defaults[column] != wanted.defaults[column]:
        change.existing_server_default = actual_column.server_default
        change.modify_server_default = (
            None
            if isinstance(wanted_column.server_default, Identity)
            else wanted_column.server_default
        )
    return PriorityDispatchResult.CONTINUE


def _default_of(column: Any) -> Any:
    """The default that the database has for a column, as Alembic says that there is none."""
    return False if column.server_default is None else column.server_default


def _using(
    context: AutogenContext,
    schema: str | None,
    old_column: Column[Any],
    new_column: Column[Any],
    before: str,
    after: str,
) -> str | None:
    """How the values become values of the new type, where PostgreSQL does not know by itself."""
    comparison: Comparison = context.opts[OPTION]
    enums = {*comparison.actual_enums[schema], *comparison.wanted_enums[schema]}
    name = context.dialect.identifier_preparer.quote(old_column.name)
    if after in enums:
        return f"{name}::text::{after}"
    old: Any = old_column.type._type_affinity
    new: Any = new_column.type._type_affinity
    assignable = (
        issubclass(new, types.String)
        or old is new
        or (_is_number(old) and _is_number(new))
        or (_is_time(old) and _is_time(new))
    )
    if assignable:
        return None
    return f"{name}::text::{after}" if before in enums else f"{name}::{after}"


def _is_number(affinity: Any) -> bool:
    return issubclass(affinity, types.Integer | types.Numeric)


def _is_time(affinity: Any) -> bool:
    return issubclass(affinity, types.Date | types.DateTime)


_plugin.add_autogenerate_comparator(compare_column, "column", "types")


# -- Tables ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BothTables:
    """A table as it is and as the models want it, and the operations that lead from one to the
    other."""

    context: AutogenContext
    operations: list[Any]
    schema: str | None
    name: str
    actual: Table
    wanted: Table
    facts: tuple[Facts, Facts]


def _of_tables(
    name: str, *, priority: DispatchPriority = DispatchPriority.MEDIUM
) -> Callable[[Callable[[BothTables], None]], Callable[[BothTables], None]]:
    """Has Alembic call a comparison for each table that is on both sides."""

    def register(compare: Callable[[BothTables], None]) -> Callable[[BothTables], None]:
        def called(
            context: AutogenContext,
            changes: ops.ModifyTableOps,
            schema: str | None,
            table: str,
            actual: Table | None,
            wanted: Table | None,
        ) -> PriorityDispatchResult:
            facts = _facts(context, schema, table)
            if facts is not None and actual is not None and wanted is not None:
                operations: Any = changes.ops
                compare(BothTables(context, operations, schema, table, actual, wanted, facts))
            return PriorityDispatchResult.CONTINUE

        _plugin.add_autogenerate_comparator(called, "table", name, priority=priority)
        return compare

    return register


@_of_tables("trivium_generated")
def compare_generated(both: BothTables) -> None:
    """A generated column whose expression has changed is made anew: it holds nothing of its own."""
    actual, wanted = both.facts
    for column in both.wanted.columns:
        name = column.name
        if name not in actual.types or name not in wanted.types:
            continue
        before, after = actual.generated[name], wanted.generated[name]
        retyped = actual.types[name] != wanted.types[name]
        if before == after and not (after is not None and retyped):
            continue
        of = (both.schema, both.name)
        gone = ops.DropColumnOp.from_column_and_tablename(*of, both.actual.c[name])
        both.operations.extend([gone, ops.AddColumnOp.from_column_and_tablename(*of, column)])


@_of_tables("trivium_checks")
def compare_checks(both: BothTables) -> None:
    """Sees CHECKs that came, went, or say something else, those of types included."""
    actual, wanted = (dict(facts.checks) for facts in both.facts)
    table, schema = both.name, both.schema
    for name in actual.keys() & wanted.keys():
        if actual[name] == wanted[name]:
            del actual[name], wanted[name]
    _match_unnamed(actual, wanted)
    both.operations.extend(_unnamed(both))
    declared = _declared_checks(both.wanted, both.context.dialect)
    for name, condition in actual.items():
        constraint = CheckConstraint(text(bare_condition(condition)), name=conv(name))
        operation = ops.DropConstraintOp(
            conv(name),
            table,
            "check",
            schema=schema,
            _reverse=ops.CreateCheckConstraintOp(
                conv(name), table, constraint.sqltext, schema=schema
            ),
        )
        both.operations.append(operation)
    for name, condition in wanted.items():
        both.operations.append(
            ops.CreateCheckConstraintOp(
                conv(name),
                table,
                declared[name] if name in declared else text(bare_condition(condition)),
                schema=schema,
            )
        )


def _match_unnamed(actual: dict[str, str], wanted: dict[str, str]) -> None:
    """Leaves out what only has another name because the database chose it."""
    for name, condition in list(wanted.items()):
        if name in actual:
            continue
        for other, its_condition in actual.items():
            if other not in wanted and its_condition == condition and _chosen(name, other):
                del wanted[name], actual[other]
                break


def _chosen(name: str, other: str) -> bool:
    """Whether two names differ only by a number at their end, as those that databases choose."""
    return name.rstrip("0123456789") == other.rstrip("0123456789")


def _unnamed(both: BothTables) -> list[Any]:
    """What exchanges the CHECKs without a name that only one side has."""
    left = Counter(both.facts[0].unnamed_checks)
    left.subtract(both.facts[1].unnamed_checks)
    gone, new = sorted((+left).elements()), sorted((-left).elements())
    return [ExchangeChecksOp(both.name, gone, new, schema=both.schema)] if gone or new else []


def _declared_checks(table: Table, dialect: Dialect) -> dict[str, Any]:
    """The conditions of the CHECKs that have a name of their own, as the models write them."""
    found = {}
    for constraint in table.constraints:
        if isinstance(constraint, CheckConstraint):
            name = sqla_compat._get_constraint_final_name(constraint, dialect)
            if name and not sqla_compat._is_type_bound(constraint):
                found[name] = constraint.sqltext
    return found


def bare_condition(definition: str) -> str:
    """The condition of a CHECK, out of its definition where that is what the database gives."""
    if definition.startswith("CHECK (") and definition.endswith(")"):
        return definition[len("CHECK (") : -1]
    return definition


@_of_tables("trivium_indexes", priority=DispatchPriority.LAST)
def compare_indexes(both: BothTables) -> None:
    """Replaces what was found of indexes by what the database says of them."""
    if both.context.dialect.name not in ("postgresql", "sqlite"):
        return
    table, schema = both.name, both.schema
    both.operations[:] = [
        change
        for change in both.operations
        if not isinstance(change, ops.CreateIndexOp | ops.DropIndexOp)
    ]
    actual, wanted = (facts.indexes for facts in both.facts)
    reflected = {str(index.name): index for index in both.actual.indexes}
    declared = {str(index.name): index for index in both.wanted.indexes}
    for name in sorted(actual.keys() | wanted.keys()):
        if actual.get(name) == wanted.get(name):
            continue
        if name in actual:
            gone = _dropped(name, table, schema, actual[name], reflected.get(name))
            both.operations.append(gone)
        if name in wanted:
            both.operations.append(ops.CreateIndexOp.from_index(declared[name]))


@_of_tables("trivium_keys")
def forgive_keys(both: BothTables) -> None:
    """Takes a primary key of SQLite for NOT NULL, whether it is written there or not."""
    if both.context.dialect.name != "sqlite":
        return
    names = {column.name for column in both.actual.primary_key.columns}
    for change in list(both.operations):
        if isinstance(change, ops.AlterColumnOp) and change.column_name in names:
            change.modify_nullable = None
            if not change.has_changes():
                both.operations.remove(change)


def _dropped(
    name: str, table: str, schema: str | None, definition: str, index: Index | None
) -> ops.DropIndexOp:
    if index is not None:
        return ops.DropIndexOp.from_index(index)
    # SQLAlchemy does not read indexes on expressions back from SQLite.
    inside, unique, _ = index_parts(definition)
    again = ops.CreateIndexOp(name, table, [text(inside)], schema=schema, unique=unique)
    return ops.DropIndexOp(name, table, schema=schema, _reverse=again)


@_of_tables("trivium_key_columns", priority=DispatchPriority.LAST)
def compare_keys(both: BothTables) -> None:
    """Sees another primary key."""
    facts, dialect = both.facts[0], both.context.dialect
    connection = both.context.connection
    both.operations.extend(exchanged(both.actual, both.wanted, facts, dialect, connection))
