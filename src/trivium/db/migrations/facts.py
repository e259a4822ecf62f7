"""What a database itself says of its tables, in its own words.

Two texts may mean the same: ``price > 0`` and ``(price > (0)::numeric)``. So the models' tables are
made in a scratch place of the same database (``scratch.py``), both are read back in the same way,
and what is written the same is the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, inspect, text

from trivium.db.migrations.sqlite_text import collations


@dataclass(slots=True)
class Facts:
    """One table: columns by name, and what is known of each as text.

    checks and indexes: by name. unnamed_checks: those that have none (SQLite).
    """

    types: dict[str, str] = field(default_factory=dict)
    defaults: dict[str, str | None] = field(default_factory=dict)
    generated: dict[str, str | None] = field(default_factory=dict)
    checks: dict[str, str] = field(default_factory=dict)
    unnamed_checks: list[str] = field(default_factory=list)
    indexes: dict[str, str] = field(default_factory=dict)


Tables = dict[str, Facts]
Enums = dict[str, list[str]]


def read_tables(connection: Connection, schema: str | None, names: Iterable[str]) -> Tables:
    """The facts of these tables of a schema, as far as they exist."""
    return _READERS[connection.dialect.name](connection, schema, set(names))


def read_enums(connection: Connection, schema: str | None) -> Enums:
    """The enumerated types of a schema with their members in order; none but on PostgreSQL."""
    if connection.dialect.name != "postgresql":
        return {}
    rows = connection.execute(
        text(
            "SELECT t.typname, e.enumlabel FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid "
            "JOIN pg_namespace n ON n.oid = t.typnamespace "
            "WHERE n.nspname = COALESCE(:schema, current_schema()) "
            "ORDER BY t.typname, e.enumsortorder"
        ),
        {"schema": schema},
    )
    enums: Enums = {}
    for name, label in rows:
        enums.setdefault(name, []).append(label)
    return enums


# -- PostgreSQL ------------------------------------------------------------------------------------

_OF_SCHEMA = (
    "JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname = COALESCE(:schema, current_schema()) "
)


def _read_postgresql(connection: Connection, schema: str | None, names: set[str]) -> Tables:
    tables: Tables = {}
    values = {"schema": schema}
    columns = connection.execute(
        text(
            "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) "
            "  || COALESCE(' COLLATE ' || l.collname, ''), "
            "  pg_get_expr(d.adbin, d.adrelid), a.attgenerated <> '' "
            "FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
            "JOIN pg_type t ON t.oid = a.atttypid "
            "LEFT JOIN pg_collation l "
            "  ON l.oid = a.attcollation AND a.attcollation <> t.typcollation "
            "LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum "
            + _OF_SCHEMA
            + "AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped"
        ),
        values,
    )
    for table, column, type_, expression, generated in columns:
        if table in names:
            facts = tables.setdefault(table, Facts())
            facts.types[column] = type_
            facts.defaults[column] = None if generated else _without_sequence(expression)
            facts.generated[column] = expression if generated else None
    checks = connection.execute(
        text(
            "SELECT c.relname, k.conname, pg_get_constraintdef(k.oid) "
            "FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid "
            + _OF_SCHEMA
            + "AND k.contype = 'c'"
        ),
        values,
    )
    for table, name, definition in checks:
        if table in tables:
            tables[table].checks[name] = definition.removesuffix(" NOT VALID")
    indexes = connection.execute(
        text(
            "SELECT c.relname, i.relname, pg_get_indexdef(i.oid) "
            "FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid "
            "JOIN pg_class i ON i.oid = x.indexrelid "
            + _OF_SCHEMA
            + "AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.oid "
            "AND k.contype IN ('p', 'u', 'x'))"
        ),
        values,
    )
    for table, name, definition in indexes:
        if table in tables:
            tables[table].indexes[name] = re.sub(r" ON (ONLY )?\S+ USING ", " USING ", definition)
    return tables


def _without_sequence(expression: str | None) -> str | None:
    # A sequence keeps its name when its table gets another one.
    return "nextval" if expression and expression.startswith("nextval(") else expression


# -- SQLite ----------------------------------------------------------------------------------------


def _read_sqlite(connection: Connection, schema: str | None, names: set[str]) -> Tables:
    master = f'"{schema}".sqlite_master' if schema else "sqlite_master"
    rows = connection.exec_driver_sql(f"SELECT name, sql FROM {master} WHERE type = 'table'")
    written = {name: sql for name, sql in rows if name in names}
    tables: Tables = {}
    inspector = inspect(connection)
    for name, sql in written.items():
        facts = tables[name] = Facts()
        pragma = f'PRAGMA {schema + "." if schema else ""}table_xinfo("{name}")'
        collated = collations(sql)
        columns = inspector.get_columns(name, schema=schema)
        spelled = {each["name"]: each["type"].compile(connection.dialect) for each in columns}
        for _, column, type_, _, default, _, hidden in connection.exec_driver_sql(pragma):
            facts.types[column] = _sqlite_type(
                type_, spelled.get(column) or type_, collated.get(column)
            )
            facts.defaults[column] = _bare(default)
            facts.generated[column] = _generated(sql, column) if hidden in (2, 3) else None
        for check in inspector.get_check_constraints(name, schema=schema):
            condition = " ".join(check["sqltext"].split())
            if check["name"] is None:
                facts.unnamed_checks.append(condition)
            else:
                facts.checks[check["name"]] = condition
    rows = connection.exec_driver_sql(
        f"SELECT tbl_name, name, sql FROM {master} WHERE type = 'index' AND sql IS NOT NULL"
    )
    for table, name, sql in rows:
        if table in tables:
            tables[table].indexes[name] = _bare_index(sql)
    return tables


def _bare(default: str | None) -> str | None:
    """The expression of a default, without parentheses around the whole."""
    while default and default.startswith("(") and default.endswith(")"):
        default = default[1:-1].strip()
    return default


def _sqlite_type(written: str, spelled: str, collation: str | None) -> str:
    """A type as SQLAlchemy spells it, so that INT and INTEGER are the same."""
    # What SQLAlchemy does not know becomes NUMERIC, whatever it is.
    unknown = spelled == "NUMERIC" and not re.search("NUM|DEC", written, re.IGNORECASE)
    type_ = written if unknown else spelled
    return f"{type_} COLLATE {collation}" if collation else type_


_INDEX = re.compile(
    r"""CREATE \s+ (?P<unique>UNIQUE\s+)? INDEX \s+ (?:IF\s+NOT\s+EXISTS\s+)?
    \S+ \s+ ON \s+ (?:"[^"]+"|`[^`]+`|\[[^\]]+\]|[^\s(]+) \s* (?P<rest>\(.*)""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)


def _bare_index(sql: str) -> str:
    """An index without its name, its table, and quotes that make no difference."""
    found = _INDEX.match(sql.strip())
    if found is None:
        return " ".join(sql.split())
    rest = re.sub(r'"(\w+)"', r"\1", " ".join(found["rest"].split()))
    return f"CREATE {'UNIQUE ' if found['unique'] else ''}INDEX ON {rest}"


def index_parts(definition: str) -> tuple[str, bool, str | None]:
    """What an index of SQLite is on, whether it is unique, and the rows it is confined to."""
    rest = definition.partition("INDEX ON (")[2]
    depth = 1
    for position, character in enumerate(rest):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            condition = rest[position + 1 :].strip().removeprefix("WHERE ").removeprefix("where ")
            return rest[:position], " UNIQUE INDEX " in definition, condition or None
    return rest, " UNIQUE INDEX " in definition, None


def _generated(sql: str, column: str) -> str:
    found = re.search(
        rf'"?{re.escape(column)}"?\s[^,]*?\bAS\s*(\(.*?\)\s*(?:STORED|VIRTUAL)?)(?:,|\n|\)\s*$)',
        sql,
        re.IGNORECASE | re.DOTALL,
    )
    return " ".join(found[1].split()) if found else "generated"


# -- MySQL and MariaDB -----------------------------------------------------------------------------


def _read_mysql(connection: Connection, schema: str | None, names: set[str]) -> Tables:
    tables: Tables = {}
    values = {"schema": schema}
    columns = connection.execute(
        text(
            "SELECT table_name, column_name, column_type, column_default, extra, "
            "generation_expression, collation_name FROM information_schema.columns "
            "WHERE table_schema = COALESCE(:schema, DATABASE())"
        ),
        values,
    )
    for table, column, type_, default, extra, generation, collation in columns:
        if table in names:
            facts = tables.setdefault(table, Facts())
            facts.types[column] = f"{type_} {collation or ''}".strip()
            facts.defaults[column] = _mysql_default(default, extra)
            facts.generated[column] = f"{generation} {extra}" if generation else None
    checks = connection.execute(
        text(
            "SELECT t.table_name, c.constraint_name, c.check_clause "
            "FROM information_schema.check_constraints c "
            "JOIN information_schema.table_constraints t "
            "ON t.constraint_schema = c.constraint_schema AND t.constraint_name = c.constraint_name"
            + (" AND t.table_name = c.table_name" if connection.dialect.name == "mariadb" else "")
            + " WHERE t.constraint_type = 'CHECK' "
            "AND t.table_schema = COALESCE(:schema, DATABASE())"
        ),
        values,
    )
    for table, name, clause in checks:
        if table in tables:
            tables[table].checks[name] = clause
    return tables


def _mysql_default(default: str | None, extra: str) -> str | None:
    """What MariaDB calls NULL is no default; ON UPDATE is part of one."""
    if default in (None, "NULL"):
        default = None
    on_update = re.search(r"on update .*", extra or "", re.IGNORECASE)
    return f"{default} {on_update[0]}" if on_update else default


_READERS: dict[str, Callable[[Connection, Any, set[str]], Tables]] = {
    "postgresql": _read_postgresql,
    "sqlite": _read_sqlite,
    "mysql": _read_mysql,
    "mariadb": _read_mysql,
}
