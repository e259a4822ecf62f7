"""The pytest plugin, as a project of its own sees it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

MAIN = """
from sqlalchemy import String, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from trivium import App, Depends, HTTPException
from trivium.db import Database, session, wait

class Base(DeclarativeBase):
    pass

class Airline(Base):
    __tablename__ = "airlines"
    code: Mapped[str] = mapped_column(String(2), primary_key=True)

def create_app(url):
    app = App()
    app.install(Database(url, models=Base))

    @app.post("/airlines/{code}")
    async def create(code: str, db: AsyncSession = Depends(session)) -> str:
        db.add(Airline(code=code))
        await db.flush()
        if code == "XX":
            raise HTTPException(409)
        return code

    @app.get("/airlines")
    async def count(db: AsyncSession = Depends(session)) -> int:
        return (await db.execute(select(func.count()).select_from(Airline))).scalar_one()

    @app.get("/sync")
    def count_in_thread(db: AsyncSession = Depends(session)) -> int:
        return wait(db.scalar(select(func.count()).select_from(Airline)))

    return app
"""

CONFTEST = """
import os
import pytest
from main import create_app

@pytest.fixture(scope="session")
def app():
    return create_app(os.environ["URL"])

@pytest.fixture
def anyio_backend():
    return "asyncio"
"""

TESTS = """
import asyncio
import pytest
from sqlalchemy import func, select, text
from main import Airline
from trivium.db import atomic, current_session, execute, on_commit, wait
from trivium.db.testing import assert_queries

async def count():
    return (await execute(select(func.count()).select_from(Airline))).scalar_one()

@pytest.mark.parametrize("again", [1, 2])
async def test_async(db, client, again):
    assert await count() == 0
    async with atomic() as session:
        session.add(Airline(code="UA"))
    assert (await client.get("/airlines")).json() == 1
    assert (await client.get("/sync")).json() == 1
    assert (await client.post("/airlines/AA")).status_code == 200
    assert (await client.post("/airlines/XX")).status_code == 409
    assert await count() == 2

@pytest.mark.parametrize("again", [1, 2])
def test_sync(db, client, again):
    assert wait(count()) == 0
    assert client.post("/airlines/AA").status_code == 200
    assert client.post("/airlines/XX").status_code == 409
    assert client.get("/airlines").json() == 1
    assert client.get("/sync").json() == 1
    assert wait(count()) == 1

async def test_requests_at_once_take_turns(db, client):
    codes = [a + b for a in "ABCDE" for b in "ABCDE"]
    replies = await asyncio.gather(*(client.post(f"/airlines/{code}") for code in codes))
    assert {reply.status_code for reply in replies} == {200}
    assert await count() == 25

async def test_the_test_may_call_from_within_a_transaction(db, client):
    async with atomic() as session:
        session.add(Airline(code="UA"))
        await session.flush()
        assert (await client.get("/airlines")).json() == 1

async def test_callbacks_run_when_the_application_commits(db):
    seen = []
    async with atomic():
        await on_commit(lambda: seen.append(1))
        assert seen == []
    assert seen == [1]

async def test_durable_is_durable_here_too(db):
    async with atomic(durable=True):
        pass

async def test_queries_are_counted(db, client):
    with assert_queries(2) as queries:
        await count()
        await client.get("/airlines")
    assert len(queries.sql) == 2
    with pytest.raises(AssertionError, match="3 queries were expected, 1 were sent"):
        with assert_queries(3):
            await count()

def test_queries_are_counted_in_threads_too(db, client):
    with assert_queries(2):
        wait(count())
        client.get("/airlines")

@pytest.mark.parametrize("again", [1, 2])
async def test_committed(committed_db, again):
    async def other():
        assert current_session() is not None

    assert await count() == 0
    async with atomic() as session:
        session.add(Airline(code="UA"))
    assert await count() == 1

def test_committed_in_sync(committed_db):
    assert wait(count()) == 0
    wait(execute(text("INSERT INTO airlines VALUES ('UA')"), write=True))
    assert wait(count()) == 1

async def test_nothing_is_left(db):
    assert await count() == 0
"""


def run(project: Path, url: str, *arguments: str) -> str:
    (project / "main.py").write_text(MAIN)
    (project / "conftest.py").write_text(CONFTEST)
    (project / "test_it.py").write_text(TESTS)
    environment = {key: value for key, value in os.environ.items() if "XDIST" not in key}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "trivium.db.testing.plugin"),
            *("-p", "no:cacheprovider", "-o", "anyio_mode=auto", "-W", "error", *arguments),
        ],
        cwd=project,
        env={**environment, "URL": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=50,
        check=False,
    )
    return done.stdout


@pytest.mark.slow
@pytest.mark.on("sqlite")
def test_a_project_tests_in_a_transaction_that_is_rolled_back(
    tmp_path: Path, database_url: str
) -> None:
    printed = run(tmp_path, database_url)

    assert "14 passed" in printed, printed


@pytest.mark.slow
@pytest.mark.on("postgresql")
def test_workers_have_databases_of_their_own(tmp_path: Path, database_url: str) -> None:
    printed = run(tmp_path, database_url, "-n", "2")

    assert "14 passed" in printed, printed
