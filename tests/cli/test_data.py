"""`trivium shell`, `dbshell`, `dumpdata` and `loaddata`, on an app with a database."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
import typer
from sqlalchemy import make_url
from typer.testing import CliRunner

from tests.cli.conftest import Project
from trivium.cli import data
from trivium.db import DbError
from trivium.db.programs import client_of

MAIN = """
from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from trivium import App
from trivium.db import Database

class Base(DeclarativeBase):
    pass

class Airline(Base):
    __tablename__ = "airlines"
    code: Mapped[str] = mapped_column(String(2), primary_key=True)

app = App()
app.install(Database("sqlite:///app.db", models=Base))
"""
ROWS = (
    '{"table": "airlines", "row": {"code": "AA"}}\n{"table": "airlines", "row": {"code": "UA"}}\n'
)
COUNT = "len((await current_session().execute(select(Airline))).all())"


cli = typer.Typer()
data.add_to(cli)


@pytest.fixture
def airlines(project: Project) -> Project:
    project.write("main.py", MAIN)
    assert trivium("shell", "-c", "await database.create_tables()").exit_code == 0
    return project


def trivium(*arguments: str, given: str = "") -> Any:
    return CliRunner().invoke(cli, arguments, input=given)


def test_rows_go_out_and_in_again(airlines: Project) -> None:
    loaded = trivium("loaddata", "-", given=ROWS)
    assert (loaded.exit_code, loaded.stderr) == (0, "2 rows\n")

    dumped = trivium("dumpdata")
    assert (dumped.stdout, dumped.stderr) == (ROWS, "2 rows\n")

    trivium("dumpdata", "airlines", "-o", "rows.jsonl")
    assert (airlines.root / "rows.jsonl").read_text() == ROWS

    again = trivium("loaddata", "rows.jsonl")
    assert again.exit_code == 1
    assert again.stderr.startswith("Error: Lines 1 to 2: airlines refuses a row")
    assert trivium("loaddata", "--update", "rows.jsonl").exit_code == 0


def test_the_shell_awaits_and_knows_the_models(airlines: Project) -> None:
    trivium("loaddata", "-", given=ROWS)

    typed = trivium("shell", given=f"count = {COUNT}\nprint('there are', count)\n")
    assert typed.stdout == "there are 2\n"

    command = "async with atomic() as session:\n    session.add(Airline(code='DL'))"
    assert trivium("shell", "-c", command).exit_code == 0
    assert trivium("shell", "-c", f"print({COUNT})").stdout == "3\n"


def test_the_shell_says_when_something_failed_or_was_not_committed(airlines: Project) -> None:
    failed = trivium("shell", "-c", "await nothing()")
    assert failed.exit_code == 1
    assert "NameError" in failed.stderr

    lost = trivium(
        "shell",
        "-c",
        "current_session().add(Airline(code='DL')); await current_session().flush()",
    )
    assert lost.exit_code == 1
    assert "was not committed" in lost.stderr
    assert trivium("shell", "-c", f"print({COUNT})").stdout == "0\n"


def test_a_database_that_there_is_not_is_named(airlines: Project) -> None:
    missing = trivium("dumpdata", "--database", "other")
    assert missing.exit_code == 1
    assert "no database 'other'" in missing.stderr

    table = trivium("dumpdata", "airline")
    assert table.exit_code == 1
    assert "did you mean: airlines" in table.stderr


def test_a_password_is_not_among_the_arguments_of_the_program() -> None:
    call = client_of(make_url("postgresql+asyncpg://me:secret@db:5433/flights"))
    assert call.program == "psql"
    assert call.arguments == ["-h", "db", "-p", "5433", "-U", "me", "-d", "flights"]
    assert call.environment == {"PGPASSWORD": "secret"}

    call = client_of(make_url("mysql+asyncmy://me:secret@db/flights"))
    assert call.program == "mariadb"
    assert call.arguments == ["--host=db", "--user=me", "flights"]
    assert call.environment == {"MYSQL_PWD": "secret"}

    assert client_of(make_url("sqlite+aiosqlite:///app.db")).arguments == ["app.db"]
    with pytest.raises(DbError, match="oracle is not known"):
        client_of(make_url("oracle://db/flights"))


@pytest.mark.slow
def test_dbshell_becomes_the_databases_own_program(airlines: Project) -> None:
    program = airlines.root / "sqlite3"
    program.write_text('#!/bin/sh\necho "called with $@"\n')
    program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{airlines.root}{os.pathsep}{os.environ['PATH']}"}

    done = subprocess.run(
        [sys.executable, "-m", "trivium.cli", "dbshell"],
        cwd=airlines.root,
        env=environment,
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )

    assert done.stdout == "called with app.db\n"
