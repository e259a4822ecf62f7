"""Addresses, settings that are on by default, replicas, several databases."""

from __future__ import annotations

import pickle
from asyncio import gather
from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy.exc
from sqlalchemy import MetaData, func, select, text

from tests.db.tables import Airline, Base, Flight
from trivium import App, DeclarationError
from trivium.db import (
    Database,
    DbError,
    IntegrityFailure,
    MissingDriver,
    Model,
    PoolExhausted,
    TransactionMisuse,
    Unavailable,
    atomic,
    current_session,
    execute,
    stream,
)
from trivium.db import urls as urls_module
from trivium.db.errors import translated
from trivium.db.urls import complete_url
from trivium.stages.health import Health
from trivium.testing import AsyncTestClient

INSERT = text("INSERT INTO airlines VALUES (:code, :code)")


@pytest.mark.parametrize(
    ("written", "complete"),
    [
        ("sqlite:///app.db", "sqlite+aiosqlite:///app.db"),
        ("sqlite://", "sqlite+aiosqlite://"),
        ("postgres://u@h/n", "postgresql+asyncpg://u@h/n"),
        ("postgresql://u:p@h:1/n?ssl=require", "postgresql+asyncpg://u:p@h:1/n?ssl=require"),
        ("postgresql+psycopg://u@h/n", "postgresql+psycopg://u@h/n"),
        ("mysql://u@h/n", "mysql+asyncmy://u@h/n"),
        ("mariadb://u@h/n", "mariadb+asyncmy://u@h/n"),
    ],
)
def test_an_address_gets_the_driver_that_is_installed(written: str, complete: str) -> None:
    assert complete_url(written).render_as_string(hide_password=False) == complete


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("app.db", "not the address of a database"),
        ("", "not the address of a database"),
        ("oracle://u@h/n", "'oracle' is no kind of database that is known"),
        ("postgresql+psycopg2://u@h/n", r"instead:  postgresql://"),
        ("sqlite+pysqlite:///app.db", r"instead:  sqlite://"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_with_what_would_work(
    written: str, message: str
) -> None:
    with pytest.raises(DbError, match=message):
        Database(written)


def test_a_password_is_not_told() -> None:
    with pytest.raises(DbError) as refused:
        Database("user:secret@host")
    assert "secret" not in str(refused.value)
    assert "secret" not in repr(Database("postgresql://u:secret@h/n"))


def test_a_driver_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = {"asyncpg", "psycopg"}
    monkeypatch.setattr(
        urls_module, "find_spec", lambda name: None if name in missing else find_spec(name)
    )

    with pytest.raises(MissingDriver, match=r"pip install 'trivium\[postgres\]'"):
        Database("postgresql://localhost/flights")


async def test_sqlite_has_a_log_keys_and_patience(tmp_path: Path) -> None:
    async with Database(f"sqlite:///{tmp_path / 'app.db'}") as database, database.session() as own:
        assert await own.scalar(text("SELECT * FROM pragma_journal_mode()")) == "wal"
        assert await own.scalar(text("SELECT * FROM pragma_foreign_keys()")) == 1
        assert await own.scalar(text("SELECT * FROM pragma_busy_timeout()")) == 5000


async def test_a_database_in_memory_is_one_database(tmp_path: Path) -> None:
    async with Database("sqlite://", models=Base) as database:
        await database.create_tables()
        async with database.session(), atomic():
            await execute(INSERT, {"code": "UA"})
        async with database.session():
            assert (await execute(select(func.count()).select_from(Airline))).scalar_one() == 1


def test_models_may_be_bases_classes_or_metadata() -> None:
    for given in (Base, [Base], Airline, [Airline, Flight], Base.metadata):
        assert Database("sqlite://", models=given).metadatas == [Base.metadata]
    assert Database("sqlite://").metadatas == [Model.metadata]
    other = MetaData()
    assert Database("sqlite://", models=[Base, other]).metadatas == [Base.metadata, other]
    with pytest.raises(DbError, match="models=7 has no tables"):
        _ = Database("sqlite://", models=7).metadatas


# -- Replicas --------------------------------------------------------------------------------------


@pytest.fixture
async def replicated(tmp_path: Path) -> AsyncIterator[Database]:
    """A primary and two copies, each of which says in its one row which it is."""
    urls = [f"sqlite:///{tmp_path / name}.db" for name in ("primary", "one", "two")]
    for url in urls:
        async with Database(url, models=Base) as database:
            await database.create_tables()
            async with database.session(), atomic():
                code = Path(url).stem[:2]
                await execute(INSERT, {"code": code})
    async with Database(urls[0], models=Base, replicas=urls[1:]) as database:
        yield database


async def seen() -> str:
    return (await execute(select(Airline.code).limit(1))).scalar_one()


async def test_reads_outside_of_transactions_go_to_the_replicas_in_turn(
    replicated: Database,
) -> None:
    async with replicated.session():
        assert [await seen() for _ in range(4)] == ["on", "tw", "on", "tw"]


async def test_transactions_are_on_the_primary(replicated: Database) -> None:
    async with replicated.session():
        async with atomic():
            assert await seen() == "pr"
        assert await seen() == "on"


@pytest.mark.parametrize("by", ["execute", "session", "lock"])
async def test_after_a_write_the_same_unit_reads_from_the_primary(
    replicated: Database, by: str
) -> None:
    async with replicated.session() as own:
        assert await seen() == "on"
        if by == "execute":
            await execute(text("UPDATE airlines SET name = 'x'"), write=True)
        elif by == "session":
            own.add(Airline(code="zz", name="Z"))
            await own.commit()
        else:
            await own.execute(select(Airline).with_for_update())
            await own.commit()
        assert await seen() == "pr"
    async with replicated.session():
        assert await seen() == "tw"


# -- Several databases -----------------------------------------------------------------------------


async def test_several_databases_are_used_by_name_and_committed_together(tmp_path: Path) -> None:
    other = Database(f"sqlite:///{tmp_path / 'b.db'}", name="analytics", models=Base)
    async with Database(f"sqlite:///{tmp_path / 'a.db'}", models=Base, also=[other]) as database:
        for each in database.databases.values():
            await each.create_tables()
        async with database.session() as own:
            assert current_session() is own
            assert current_session("analytics") is current_session(other) is not own
            async with atomic(), atomic("analytics"):
                await execute(INSERT, {"code": "UA"})
                await execute(INSERT, {"code": "AA"}, using="analytics")
            assert await seen() == "UA"
            statement = select(Airline.code)
            assert (await execute(statement, using="analytics")).scalar_one() == "AA"


def test_two_databases_of_one_name_are_refused() -> None:
    with pytest.raises(DbError, match="Two databases are called 'default'"):
        Database("sqlite://", also=[Database("sqlite://")])


def test_a_second_database_is_given_to_the_first() -> None:
    app = App()
    app.install(Database("sqlite://"))

    with pytest.raises(DeclarationError):
        app.install(Database("sqlite://", name="analytics"))


# -- Errors ----------------------------------------------------------------------------------------


@pytest.mark.essential
@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("INSERT INTO airlines VALUES ('UA', 'again')", "unique"),
        ("INSERT INTO airlines VALUES ('AA', NULL)", "not null"),
        ("INSERT INTO flights (id, number, airline_code) VALUES (1, 1, 'XX')", "foreign key"),
        ("INSERT INTO flights (id, number, airline_code) VALUES (1, -1, 'UA')", "check"),
    ],
)
async def test_a_broken_constraint_is_told_by_its_kind(
    database: Database, statement: str, kind: str
) -> None:
    database._given_models = Base
    await database.create_tables()
    async with database.session():
        await execute(INSERT, {"code": "UA"}, write=True)
        with pytest.raises(sqlalchemy.exc.IntegrityError) as refused:
            await execute(text(statement), write=True)

    assert isinstance(refused.value, IntegrityFailure)
    assert refused.value.kind == kind
    if kind == "check" and database.dialect == "postgresql":
        assert refused.value.constraint == "flights_number_positive"


@pytest.mark.parametrize(
    "error",
    [
        IntegrityFailure(sqlalchemy.exc.IntegrityError("SELECT 1", {"a": 1}, Exception("x"))),
        Unavailable(sqlalchemy.exc.OperationalError("SELECT 1", None, Exception("x"))),
        PoolExhausted("too many"),
    ],
)
def test_errors_survive_pickling(error: Exception) -> None:
    copy: Any = pickle.loads(pickle.dumps(error))

    assert type(copy) is type(error)
    assert str(copy) == str(error)


def test_every_error_of_a_driver_is_translated_or_left_alone() -> None:
    for name in sqlalchemy.exc.__dict__:
        kind = getattr(sqlalchemy.exc, name)
        if not (isinstance(kind, type) and issubclass(kind, sqlalchemy.exc.DBAPIError)):
            continue
        error = kind("SELECT 1", None, Exception("x"))
        assert isinstance(translated(error), kind)
        error.connection_invalidated = True
        expected = IntegrityFailure if kind is sqlalchemy.exc.IntegrityError else Unavailable
        assert type(translated(error)) is expected


def test_without_sqlalchemy_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    import trivium.db

    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    for name in list(sys.modules):
        if name.startswith("trivium.db."):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(trivium.db.__dict__, "Database", raising=False)

    with pytest.raises(ModuleNotFoundError, match=r"pip install 'trivium\[db\]'"):
        _ = trivium.db.Database


# -- As a battery ----------------------------------------------------------------------------------


async def test_the_application_is_ready_while_its_databases_answer(tmp_path: Path) -> None:
    app = App()
    app.add_stage(Health())
    away = Database("postgresql://postgres@127.0.0.1:1/none", name="away")
    app.install(Database(f"sqlite:///{tmp_path / 'a.db'}", also=[away]))

    async with AsyncTestClient(app) as client:
        reply = await client.get("/ready")

    assert reply.status_code == 503
    checks = reply.json()["checks"]
    assert checks["database default"]["status"] == "ok"
    assert checks["database away"]["status"] != "ok"


def test_what_does_not_belong_in_production_is_found_by_the_check() -> None:
    app = App()
    app.install(Database("sqlite://", echo=True))

    found = {check.id: check.level for check in app.checks(deploy=True)}

    assert (found["db.in_memory"], found["db.echo"]) == ("error", "warning")
    assert "db.echo" not in {check.id for check in app.checks()}


@pytest.mark.on("postgresql")
async def test_psycopg_does_the_same_as_asyncpg(database_url: str) -> None:
    url = database_url.replace("postgresql://", "postgresql+psycopg://")
    async with Database(url, models=Base, pool_size=2, max_overflow=0) as database:
        await database.create_tables()
        async with database.session() as own:
            await execute(INSERT, {"code": "UA"}, write=True)
            with pytest.raises(IntegrityFailure) as refused:
                await execute(INSERT, {"code": "UA"}, write=True)
            assert refused.value.kind == "unique"
            with pytest.raises(ZeroDivisionError):
                async with atomic():
                    await execute(INSERT, {"code": "AA"})
                    _ = 1 / 0
            assert await seen() == "UA"
            assert not own.in_transaction()
            assert database.engine.pool.checkedout() == 0
            statement = select(Airline.code)
            assert [row async for row in (await stream(statement)).scalars()] == ["UA"]
    async with Database("postgresql+psycopg://postgres@127.0.0.1:1/none") as away, away.session():
        with pytest.raises(Unavailable, match="cannot be reached"):
            await execute(text("SELECT 1"))


async def test_a_transaction_cannot_begin_in_the_middle_of_a_stream(tmp_path: Path) -> None:
    async with Database(f"sqlite:///{tmp_path / 'a.db'}", models=Base) as database:
        await database.create_tables()
        async with database.session(), atomic():
            await execute(INSERT, {"code": "UA"})
        async with database.session() as own:
            rows = await stream(select(Airline.code))
            with pytest.raises(TransactionMisuse, match="A stream is being read"):
                async with atomic():
                    raise NotImplementedError
            assert await rows.scalar_one() == "UA"
            await own.rollback()
            async with atomic():
                await execute(INSERT, {"code": "AA"})


@pytest.mark.on("sqlite")
async def test_a_new_file_is_opened_by_many_at_the_same_moment(tmp_path: Path) -> None:
    async def journal_of(database: Database) -> str:
        async with database.engine.connect() as connection:
            return str((await connection.exec_driver_sql("PRAGMA journal_mode")).scalar_one())

    for number in range(10):
        databases = [Database(f"sqlite:///{tmp_path}/new{number}.db") for _ in range(10)]
        try:
            journals = await gather(*map(journal_of, databases))
        finally:
            for each in databases:
                await each.close()

        assert journals == ["wal"] * 10
