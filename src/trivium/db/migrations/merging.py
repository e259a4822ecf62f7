"""Joins branches: two people made a migration after the same one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import combinations
from typing import Any

from alembic.operations import ops
from alembic.script import Script

from trivium.db.migrations import files
from trivium.db.migrations.enums import AlterEnumOp, CreateEnumOp, DropEnumOp
from trivium.db.migrations.errors import BranchedMigrations, MigrationError
from trivium.db.migrations.files import File, described
from trivium.db.migrations.maker import Made
from trivium.db.migrations.project import Migrations
from trivium.db.migrations.recorder import recorded, table_of
from trivium.db.migrations.scripts import is_data, scripts_of

Things = set[tuple[str, ...]]
_ANYTHING = ("anything",)


def merge(migrations: Migrations, name: str | None = None) -> Made:
    """Writes the migration that follows all the last ones, where their order does not matter.

    Raises BranchedMigrations where it does, with what is in each other's way; MigrationError where
    there is nothing to join.
    """
    scripts = scripts_of(migrations)
    heads = sorted(scripts.schema_heads(), key=lambda script: script.revision)
    if len(heads) < 2:
        raise MigrationError("There is one last migration: nothing is to be joined.")
    by_name = {script.revision: script for script in scripts.all()}
    behind = {head.revision: scripts.applied([head.revision]) for head in heads}
    told: list[str] = []
    for one, other in combinations(heads, 2):
        told += _conflicts(
            migrations,
            _only(by_name, behind[one.revision] - behind[other.revision]),
            _only(by_name, behind[other.revision] - behind[one.revision]),
        )
    if told:
        listed = "\n".join(f"  {line}" for line in told)
        raise BranchedMigrations(
            f"The order of these migrations matters:\n{listed}\n"
            f"  Let one follow the other: set its down_revision, and make it fit."
        )
    names = [head.revision for head in heads]
    words = name or "merge_" + "_".join(each.partition("_")[2] or each for each in names)
    revision = files.revision_named(scripts.next_number(), words)
    file = File(revision, f"Join {' and '.join(names)}.", down=names)
    return Made(files.write(migrations.directory, file), revision, [])


def _only(by_name: dict[str, Script], names: Iterable[str]) -> list[Script]:
    return [script for name, script in by_name.items() if name in set(names)]


def _conflicts(migrations: Migrations, these: list[Script], those: list[Script]) -> Iterable[str]:
    dialect = migrations.engine.dialect
    schema = [script for script in (*these, *those) if not is_data(script)]
    done = {script.revision: recorded(migrations, script, dialect=dialect) for script in schema}
    for one in these:
        for other in those:
            for mine in done.get(one.revision, ()):
                for theirs in done.get(other.revision, ()):
                    if not commute(mine, theirs):
                        yield (
                            f"{one.revision} ({described([mine])[0]}) and "
                            f"{other.revision} ({described([theirs])[0]})"
                        )


def commute(one: Any, other: Any) -> bool:
    """Whether two operations may be done in either order, with the same result."""
    my_changes, my_needs = changes_and_needs(one)
    their_changes, their_needs = changes_and_needs(other)
    if _ANYTHING in my_changes | their_changes:
        return False
    return not (my_changes & (their_changes | their_needs) or their_changes & my_needs)


def changes_and_needs(operation: Any) -> tuple[Things, Things]:
    """What an operation changes, and what it takes as it is."""
    table = str(table_of(operation))
    on_table: Things = {("table", table)}
    match operation:
        case ops.CreateTableOp():
            keys = _referred(operation)
            return on_table, {("table", name) for name in keys - {table}}
        case ops.DropTableOp():
            return on_table, set()
        case ops.RenameTableOp():
            return {*on_table, ("table", operation.new_table_name)}, set()
        case ops.AddColumnOp():
            keys_to: Things = {
                ("table", key.target_fullname.rpartition(".")[0])
                for key in operation.column.foreign_keys
            }
            return {("column", table, operation.column.name)}, on_table | keys_to
        case ops.DropColumnOp():
            return {("column", table, operation.column_name)}, on_table
        case ops.AlterColumnOp():
            changed: Things = {("column", table, operation.column_name)}
            if operation.modify_name is not None:
                changed.add(("column", table, operation.modify_name))
            return changed, on_table
        case ops.CreateIndexOp():
            columns = _columns(table, operation.columns)
            return {("index", str(operation.index_name))}, on_table | columns
        case ops.DropIndexOp():
            return {("index", str(operation.index_name))}, on_table
        case ops.CreateForeignKeyOp():
            referred = operation.referent_table
            needs = _columns(table, operation.local_cols)
            needs |= {("table", referred), *_columns(referred, operation.remote_cols)}
            return {("constraint", table, str(operation.constraint_name))}, on_table | needs
        case ops.CreateCheckConstraintOp():
            columns = _columns(table, [str(operation.condition)])
            return {("constraint", table, str(operation.constraint_name))}, on_table | columns
        case ops.CreateUniqueConstraintOp() | ops.CreatePrimaryKeyOp():
            columns = _columns(table, operation.columns)
            return {("constraint", table, str(operation.constraint_name))}, on_table | columns
        case ops.DropConstraintOp():
            return {("constraint", table, str(operation.constraint_name))}, on_table
        case ops.CreateTableCommentOp() | ops.DropTableCommentOp():
            return {("comment", table)}, on_table
        case AlterEnumOp() | CreateEnumOp() | DropEnumOp():
            return {("enum", operation.name)}, set()
    return {_ANYTHING}, set()


def _columns(table: str, expressions: Iterable[Any]) -> Things:
    """The columns that expressions may speak of: every word of them."""
    return {
        ("column", table, word)
        for expression in expressions
        for word in re.findall(r"\w+", str(expression))
    }


def _referred(operation: ops.CreateTableOp) -> set[str]:
    return {
        key.target_fullname.rpartition(".")[0]
        for column in operation.to_table().columns
        for key in column.foreign_keys
    }
