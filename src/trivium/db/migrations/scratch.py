"""The models' tables, made where nobody sees them, and read back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, MetaData, create_engine, inspect
from sqlalchemy.exc import DBAPIError

from trivium.db.migrations.errors import MigrationError
from trivium.db.migrations.facts import Enums, Facts, Tables, read_enums, read_tables
from trivium.db.migrations.probing import read_again
from trivium.db.migrations.project import Migrations

_PREFIX = "trivium_scratch"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the database says of its own tables, and of the models'. By schema."""

    actual: dict[str | None, Tables]
    wanted: dict[str | None, Tables]
    actual_enums: dict[str | None, Enums]
    wanted_enums: dict[str | None, Enums]

    def of(self, schema: str | None, table: str) -> tuple[Facts, Facts] | None:
        """Both sides of one table; None where one side does not have it."""
        actual = self.actual.get(schema, {}).get(table)
        wanted = self.wanted.get(schema, {}).get(table)
        return None if actual is None or wanted is None else (actual, wanted)


def compared(connection: Connection, migrations: Migrations) -> Comparison:
    """Reads both sides. Leaves nothing behind in the database; its transaction goes on.

    Raises MigrationError where the database refuses to make the tables.
    """
    names = _tables_by_schema(migrations)
    actual = {schema: read_tables(connection, schema, names[schema]) for schema in names}
    actual_enums = {schema: read_enums(connection, schema) for schema in names}
    with _scratch(connection, migrations, list(names)) as (place, schemas):
        wanted = {schema: read_tables(place, schemas[schema], names[schema]) for schema in names}
        wanted_enums = {schema: read_enums(place, schemas[schema]) for schema in names}
        if place.dialect.name == "postgresql":
            for schema, tables in actual.items():
                for name, facts in tables.items():
                    if name in wanted[schema]:
                        read_again(place, schemas[schema], name, facts, wanted[schema][name])
    return Comparison(actual, wanted, actual_enums, wanted_enums)


def _tables_by_schema(migrations: Migrations) -> dict[str | None, set[str]]:
    names: dict[str | None, set[str]] = {}
    for metadata in migrations.metadatas:
        for table in metadata.tables.values():
            names.setdefault(table.schema, set()).add(table.name)
    return names


Place = tuple[Connection, dict[str | None, str | None]]


@contextmanager
def _scratch(
    connection: Connection, migrations: Migrations, schemas: list[str | None]
) -> Iterator[Place]:
    """A connection to the scratch tables, and what each schema is called there."""
    make = {"sqlite": _in_memory, "postgresql": _in_transaction}.get(
        connection.dialect.name, _in_database
    )
    with make(connection, migrations.metadatas, schemas) as place:
        yield place


@contextmanager
def _in_memory(
    connection: Connection, metadatas: tuple[MetaData, ...], schemas: list[str | None]
) -> Iterator[Place]:
    engine = create_engine("sqlite://")
    try:
        with engine.connect() as place:
            for schema in filter(None, schemas):
                place.exec_driver_sql(f"ATTACH ':memory:' AS \"{schema}\"")
            _make(place, metadatas)
            yield place, {schema: schema for schema in schemas}
    finally:
        engine.dispose()


@contextmanager
def _in_transaction(
    connection: Connection, metadatas: tuple[MetaData, ...], schemas: list[str | None]
) -> Iterator[Place]:
    """New schemas, first in the search path, so that names in texts are written as at home."""
    translated = {schema: f"{_PREFIX}_{schema}" if schema else _PREFIX for schema in schemas}
    savepoint = connection.begin_nested()
    try:
        path = connection.exec_driver_sql("SHOW search_path").scalar_one()
        for name in translated.values():
            connection.exec_driver_sql(f'CREATE SCHEMA "{name}"')
        connection.exec_driver_sql(f'SET LOCAL search_path TO "{_PREFIX}", {path}')
        explicit: dict[str | None, str] = {
            schema: name for schema, name in translated.items() if schema
        }
        with _translated(connection, explicit):
            _make(connection, metadatas)
        yield connection, dict(translated)
    except DBAPIError as error:
        raise _refused(error) from error
    finally:
        savepoint.rollback()


@contextmanager
def _in_database(
    connection: Connection, metadatas: tuple[MetaData, ...], schemas: list[str | None]
) -> Iterator[Place]:
    """A database beside the real one: MySQL has neither schemas nor a way back."""
    own = connection.exec_driver_sql("SELECT DATABASE()").scalar_one()
    charset = connection.exec_driver_sql(
        "SELECT @@character_set_database, @@collation_database"
    ).one()
    translated = {schema: f"{_PREFIX}_{schema or own}"[:64] for schema in schemas}
    try:
        for name in translated.values():
            # One that was left behind by a process that was killed goes first.
            _drop_database(connection, name)
            connection.exec_driver_sql(
                f"CREATE DATABASE `{name}` CHARACTER SET {charset[0]} COLLATE {charset[1]}"
            )
        with _translated(connection, dict(translated)):
            _make(connection, metadatas)
        yield connection, dict(translated)
    except DBAPIError as error:
        raise _refused(error) from error
    finally:
        for name in translated.values():
            _drop_database(connection, name)


def _drop_database(connection: Connection, name: str) -> None:
    # `IF EXISTS` would have the driver warn where there is none.
    if name in inspect(connection).get_schema_names():
        connection.exec_driver_sql(f"DROP DATABASE `{name}`")


def _make(place: Connection, metadatas: tuple[MetaData, ...]) -> None:
    for metadata in metadatas:
        metadata.create_all(place, checkfirst=False)


@contextmanager
def _translated(connection: Connection, names: dict[str | None, str]) -> Iterator[None]:
    """Inside, the tables of these schemas are made elsewhere. The options of a connection stay."""
    connection.execution_options(schema_translate_map=names)
    try:
        yield
    finally:
        connection.execution_options(schema_translate_map={})


def _refused(error: DBAPIError) -> MigrationError:
    return MigrationError(
        f"The tables of the models could not be made in a scratch place of the database, "
        f"from which they are compared: {error.orig}"
    )
