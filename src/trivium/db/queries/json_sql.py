"""JSON in SQL: any expression of that type, a column or a part of one."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from sqlalchemy import Boolean, ColumnElement, Integer, String, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from trivium.db.errors import NotSupported
from trivium.db.queries.sql import two_of, word

__all__ = ["json_compared", "json_contains", "json_has_key", "json_part", "json_string"]


class json_member(FunctionElement[Any]):  # as above
    """The value of a key, or of a place in a list, as JSON.

    SQLAlchemy's own index makes numbers of the booleans in SQLite.
    """

    inherit_cache = True


def json_part(column: ColumnElement[Any], step: str) -> ColumnElement[Any]:
    """A key of an object; digits are a place in a list, counted from 0."""
    key = literal(int(step), Integer()) if step.isdigit() else literal(step, String())
    made = json_member(column, key)
    made.type = column.type
    return made


@compiles(json_member)
@compiles(json_member, "sqlite")
def _member(element: Any, compiler: Any, **kw: Any) -> str:
    document, key = two_of(element, compiler, kw)
    return f"({document} -> {key})"


@compiles(json_member, "mysql")
@compiles(json_member, "mariadb")
def _member_mysql(element: Any, compiler: Any, **kw: Any) -> str:
    document, key = two_of(element, compiler, kw)
    is_place = isinstance(list(element.clauses)[1].type, Integer)
    path = f"CONCAT('$[', {key}, ']')" if is_place else f"CONCAT('$.', JSON_QUOTE({key}))"
    return f"JSON_EXTRACT({document}, {path})"


class json_comparison(FunctionElement[bool]):  # as above
    """A document, another one, an operator, and of which kind both must be."""

    type = Boolean()
    inherit_cache = True


KINDS: dict[type[Any], str] = {bool: "boolean", int: "number", float: "number", str: "string"}
SQLITE_KINDS = {
    "boolean": "('true', 'false')",
    "number": "('integer', 'real')",
    "string": "('text')",
    "null": "('null')",
    "other": "('object', 'array')",
}
MYSQL_KINDS = {
    "boolean": "('BOOLEAN')",
    "number": "('INTEGER', 'DOUBLE', 'DECIMAL', 'UNSIGNED INTEGER')",
    "string": "('STRING')",
    "null": "('NULL')",
    "other": "('OBJECT', 'ARRAY')",
}


def json_compared(column: ColumnElement[Any], operator: str, value: Any) -> ColumnElement[bool]:
    """Compares with a value of Python's, where the document holds one of the same kind.

    Raises ``TypeError`` for a value that JSON cannot hold.
    """
    text = literal(json.dumps(value), String())
    kind = "null" if value is None else KINDS.get(type(value), "other")
    return json_comparison(column, text, word(operator), word(kind))


def _json(element: Any, compiler: Any, kw: Any) -> tuple[str, str, str, str]:
    document, text, operator, kind = element.clauses
    return (
        compiler.process(document, **kw),
        compiler.process(text, **kw),
        operator.name,
        kind.name,
    )


@compiles(json_comparison)
def _json_postgres(element: Any, compiler: Any, **kw: Any) -> str:
    document, text, operator, kind = _json(element, compiler, kw)
    same = f"CAST({document} AS JSONB) {operator} CAST({text} AS JSONB)"
    if kind == "other":
        return f"({same})"
    return f"(jsonb_typeof(CAST({document} AS JSONB)) = '{kind}' AND {same})"


@compiles(json_comparison, "sqlite")
def _json_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    document, text, operator, kind = _json(element, compiler, kw)
    right_kind = f"json_type({document}) IN {SQLITE_KINDS[kind]}"
    if kind == "null":
        return f"({right_kind})"
    left, right = f"json_extract({document}, '$')", f"json_extract({text}, '$')"
    return f"({right_kind} AND {left} {operator} {right})"


@compiles(json_comparison, "mysql")
@compiles(json_comparison, "mariadb")
def _json_mysql(element: Any, compiler: Any, **kw: Any) -> str:
    document, text, operator, kind = _json(element, compiler, kw)
    right_kind = f"JSON_TYPE({document}) IN {MYSQL_KINDS[kind]}"
    if kind == "null":
        return f"({right_kind})"
    left, right = f"JSON_UNQUOTE({document})", f"JSON_UNQUOTE({text})"
    if kind == "number":
        left, right = f"{left} + 0", f"{right} + 0"
    return f"({right_kind} AND {left} {operator} {right})"


class json_string(FunctionElement[str]):  # as above
    """What a text of JSON says, without its quotes."""

    type = String()
    inherit_cache = True


@compiles(json_string)
def _string(element: Any, compiler: Any, **kw: Any) -> str:
    return f"(CAST({_only(element, compiler, kw)} AS JSONB) #>> '{{}}')"


@compiles(json_string, "sqlite")
def _string_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    return f"json_extract({_only(element, compiler, kw)}, '$')"


@compiles(json_string, "mysql")
@compiles(json_string, "mariadb")
def _string_mysql(element: Any, compiler: Any, **kw: Any) -> str:
    return f"JSON_UNQUOTE({_only(element, compiler, kw)})"


def _only(element: Any, compiler: Any, kw: Any) -> str:
    value: str = compiler.process(next(iter(element.clauses)), **kw)
    return value


class json_has_key(FunctionElement[bool]):  # as above
    """Whether an object of JSON has a key."""

    type = Boolean()
    inherit_cache = True


@compiles(json_has_key)
def _key(element: Any, compiler: Any, **kw: Any) -> str:
    document, key = two_of(element, compiler, kw)
    return f"jsonb_exists(CAST({document} AS JSONB), {key})"


@compiles(json_has_key, "sqlite")
def _key_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    document, key = two_of(element, compiler, kw)
    return f"EXISTS (SELECT 1 FROM json_each({document}) AS entry WHERE entry.key = {key})"


@compiles(json_has_key, "mysql")
@compiles(json_has_key, "mariadb")
def _key_mysql(element: Any, compiler: Any, **kw: Any) -> str:
    document, key = two_of(element, compiler, kw)
    return f"JSON_CONTAINS_PATH({document}, 'one', CONCAT('$.', JSON_QUOTE({key})))"


class json_contains(FunctionElement[bool]):  # as above
    """Whether a document holds another one."""

    type = Boolean()
    inherit_cache = True


@compiles(json_contains)
def _holds(element: Any, compiler: Any, **kw: Any) -> str:
    document, part = two_of(element, compiler, kw)
    return f"CAST({document} AS JSONB) @> CAST({part} AS JSONB)"


@compiles(json_contains, "sqlite")
def _holds_sqlite(element: Any, compiler: Any, **kw: Any) -> NoReturn:
    raise NotSupported(
        "SQLite cannot tell whether a document of JSON holds another one\n"
        "    instead:  compare its keys, details__gate=4"
    )


@compiles(json_contains, "mysql")
@compiles(json_contains, "mariadb")
def _holds_mysql(element: Any, compiler: Any, **kw: Any) -> str:
    document, part = two_of(element, compiler, kw)
    return f"JSON_CONTAINS({document}, {part})"
