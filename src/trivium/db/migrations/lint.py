"""Operations that lock a table for long, or break the release that is running, on PostgreSQL.

While a migration runs, the release before it still serves requests: it reads columns that are
dropped and inserts rows without columns that are added. And whoever changes a table holds a lock on
it until the transaction ends, and everyone who comes after waits in line.

A finding that does not matter is allowed in the file of the migration, with the reason::

    lint_allow = {"create-index": "The table has a hundred rows."}
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from alembic.operations import ops
from alembic.script import Script
from sqlalchemy import Computed, Identity, String, Text, make_url, types

from trivium.db.migrations.context import heads_on
from trivium.db.migrations.enums import AlterEnumOp
from trivium.db.migrations.errors import MigrationError
from trivium.db.migrations.files import described
from trivium.db.migrations.project import Migrations
from trivium.db.migrations.recorder import recorded, table_of
from trivium.db.migrations.scripts import is_data, scripts_of


class Finding(NamedTuple):
    """An operation that may hurt.

    rule: its name, as ``lint_allow`` takes it. operation: what is done, in a few words.
    reason: what may happen. recipe: how to do it without.
    """

    migration: str
    rule: str
    operation: str
    reason: str
    recipe: str


class Rule(NamedTuple):
    """Why an operation may hurt, and how it does not."""

    reason: str
    recipe: str


RULES: dict[str, Rule] = {
    "create-index": Rule(
        "Nothing can be written to the table while the index is built.",
        "Build it concurrently, in a migration of its own: with op.get_context()"
        ".autocommit_block(): op.create_index(..., postgresql_concurrently=True)",
    ),
    "drop-index": Rule(
        "Nothing can use the table until all who use it now are done, and those after wait.",
        "Drop it concurrently, in a migration of its own: with op.get_context()"
        ".autocommit_block(): op.drop_index(..., postgresql_concurrently=True)",
    ),
    "add-unique": Rule(
        "Nothing can use the table while the index behind the constraint is built.",
        "Build a unique index concurrently, then: op.execute('ALTER TABLE ... ADD CONSTRAINT ... "
        "UNIQUE USING INDEX ...')",
    ),
    "add-primary-key": Rule(
        "Nothing can use the table while the index behind the key is built.",
        "Build a unique index concurrently, then: op.execute('ALTER TABLE ... ADD PRIMARY KEY "
        "USING INDEX ...')",
    ),
    "add-foreign-key": Rule(
        "Nothing can be written to both tables while every row is checked.",
        "Add it with postgresql_not_valid=True, and in the next migration: "
        "op.execute('ALTER TABLE ... VALIDATE CONSTRAINT ...')",
    ),
    "add-check": Rule(
        "Nothing can use the table while every row is checked.",
        "Add it with postgresql_not_valid=True, and in the next migration: "
        "op.execute('ALTER TABLE ... VALIDATE CONSTRAINT ...')",
    ),
    "set-not-null": Rule(
        "Nothing can use the table while every row is looked at.",
        "Add a CHECK (column IS NOT NULL) that is not valid, validate it in the next migration, "
        "and set NOT NULL in the one after: it takes the CHECK's word",
    ),
    "add-required-column": Rule(
        "The release that is running inserts rows without it, and fails.",
        "Add it with a server_default, or as nullable; take that away in the next release",
    ),
    "drop-default": Rule(
        "The release that is running may insert rows without a value, and fails.",
        "Drop the default in a migration of the next release",
    ),
    "rewrite-table": Rule(
        "Every row is written anew, and nothing can use the table meanwhile.",
        "Add a column of the new kind, fill it by a data migration, and drop the old one later",
    ),
    "drop-column": Rule(
        "The release that is running selects it, and fails.",
        "Release a version whose models do not have it first; drop it in the next",
    ),
    "drop-table": Rule(
        "The release that is running uses it, and fails.",
        "Release a version whose models do not have it first; drop it in the next",
    ),
    "rename": Rule(
        "The release that is running knows the old name only, and fails.",
        "Add the new one beside the old one, fill it by a data migration, drop the old one later",
    ),
    "change-rows": Rule(
        "The locks of the changes before it are held until every row is changed.",
        "Change rows in batches: trivium makemigrations --data",
    ),
    "long-lock": Rule(
        "This statement locks the whole table for as long as it runs.",
        "Run it in a maintenance window, by hand",
    ),
    "rewrite-enum": Rule(
        "Every table that has the type is written anew, and nothing can use them meanwhile.",
        "Only add members, at the end or in between; leave unused ones",
    ),
}

_POSTGRESQL = make_url("postgresql://").get_dialect()()
_VOLATILE = re.compile(
    r"\b(random|gen_random_uuid|uuid_generate_v[14]|clock_timestamp|timeofday|nextval)\s*\(", re.I
)
_LONG = re.compile(r"^\s*(VACUUM\s+FULL|CLUSTER|REINDEX(?!.*CONCURRENTLY)|LOCK\s+TABLE)\b", re.I)
_ROWS = re.compile(r"^\s*(WITH\b.*\b)?(UPDATE|DELETE|INSERT)\b", re.I | re.S)


def lint(migrations: Migrations, scripts: Iterable[Script]) -> list[Finding]:
    """What in these migrations may hurt on PostgreSQL, and is not allowed in their files.

    Raises MigrationError where a file allows something by a name that no rule has.
    """
    found = []
    for script in scripts:
        if is_data(script):
            continue
        allowed = _allowed(script)
        operations = recorded(migrations, script, dialect=_POSTGRESQL)
        found += [
            Finding(script.revision, rule, words, *RULES[rule])
            for rule, words in _findings(operations)
            if rule not in allowed
        ]
    return found


async def lint_pending(migrations: Migrations) -> list[Finding]:
    """``lint`` of the migrations that the database has not gone through."""
    async with migrations.engine.connect() as connection:
        heads = await connection.run_sync(heads_on, migrations)
    scripts = scripts_of(migrations, heads)
    applied = scripts.applied(heads)
    return lint(migrations, [script for script in scripts.all() if script.revision not in applied])


def _allowed(script: Script) -> dict[str, str]:
    allowed: Any = getattr(script.module, "lint_allow", {})
    well_formed = isinstance(allowed, dict) and all(
        isinstance(reason, str) and reason.strip() for reason in allowed.values()
    )
    unknown = sorted(set(allowed) - set(RULES)) if well_formed else []
    if not well_formed or unknown:
        said = f"has no rule {unknown[0]!r}" if unknown else "needs a reason for each rule"
        raise MigrationError(
            f"{script.path}: lint_allow {said}.\n"
            f'    instead:  lint_allow = {{"create-index": "The table is small."}}\n'
            f"    rules:    {', '.join(RULES)}"
        )
    return dict(allowed)


def _findings(operations: list[Any]) -> Iterator[tuple[str, str]]:
    new: set[str] = set()
    with_default: set[tuple[str, str]] = set()
    changed = False
    for operation in operations:
        table = table_of(operation)
        if isinstance(operation, ops.CreateTableOp):
            new.add(operation.table_name)
        elif table not in new:
            for rule in _rules(operation, with_default, changed=changed):
                yield rule, described([operation])[0]
            changed = changed or not isinstance(operation, ops.ExecuteSQLOp)


def _rules(operation: Any, with_default: set[tuple[str, str]], *, changed: bool) -> Iterator[str]:
    match operation:
        case ops.CreateIndexOp():
            if not operation.kw.get("postgresql_concurrently"):
                yield "create-index"
        case ops.DropIndexOp():
            if not operation.kw.get("postgresql_concurrently"):
                yield "drop-index"
        case ops.CreateForeignKeyOp():
            if not operation.kw.get("postgresql_not_valid"):
                yield "add-foreign-key"
        case ops.CreateCheckConstraintOp():
            if not operation.kw.get("postgresql_not_valid"):
                yield "add-check"
        case ops.CreateUniqueConstraintOp():
            yield "add-unique"
        case ops.CreatePrimaryKeyOp():
            yield "add-primary-key"
        case ops.AddColumnOp():
            yield from _added(operation, with_default)
        case ops.AlterColumnOp():
            yield from _altered(operation, with_default)
        case ops.DropColumnOp():
            yield "drop-column"
        case ops.DropTableOp():
            yield "drop-table"
        case ops.RenameTableOp():
            yield "rename"
        case AlterEnumOp():
            if operation.rewrite or not operation.only_adds:
                yield "rewrite-enum"
        case ops.ExecuteSQLOp():
            statement = str(operation.sqltext)
            if _LONG.search(statement):
                yield "long-lock"
            if changed and _ROWS.search(statement):
                yield "change-rows"


def _added(operation: ops.AddColumnOp, with_default: set[tuple[str, str]]) -> Iterator[str]:
    column = operation.column
    default: Any = column.server_default
    if isinstance(default, Computed | Identity):
        yield "rewrite-table"
    elif default is not None:
        with_default.add((operation.table_name, column.name))
        if _VOLATILE.search(str(default.arg)):
            yield "rewrite-table"
    elif not column.nullable:
        yield "add-required-column"
    if column.unique:
        yield "add-unique"
    if column.foreign_keys:
        yield "add-foreign-key"


def _altered(operation: ops.AlterColumnOp, with_default: set[tuple[str, str]]) -> Iterator[str]:
    if operation.modify_name is not None:
        yield "rename"
    if operation.modify_type is not None and not _is_wider(
        operation.existing_type, operation.modify_type
    ):
        yield "rewrite-table"
    if operation.modify_nullable is False:
        yield "set-not-null"
    if operation.modify_server_default is None:
        # Of a column that was added just before: the running release does not know it at all.
        added = (operation.table_name, operation.column_name) in with_default
        if operation.existing_nullable is False:
            yield "add-required-column" if added else "drop-default"


def _is_wider(old: Any, new: Any) -> bool:
    """Whether PostgreSQL changes the type without looking at the rows."""
    if isinstance(old, String) and isinstance(new, String):
        if isinstance(new, Text) or new.length is None:
            return True
        return old.length is not None and old.length <= new.length
    if isinstance(old, types.Numeric) and isinstance(new, types.Numeric):
        if new.precision is None:
            return True
        return (
            old.precision is not None
            and old.precision <= new.precision
            and (old.scale or 0) == (new.scale or 0)
        )
    return False
