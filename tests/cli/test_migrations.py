"""The commands of the schema as their user sees them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable

import pytest
import typer
from typer.testing import CliRunner, Result

from tests.cli.conftest import Project
from trivium.cli import migrations

MAIN = """\
from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from trivium import App
from trivium.db import Database


class Base(DeclarativeBase):
    pass


class Flight(Base):
    __tablename__ = "flight"

    id: Mapped[int] = mapped_column(primary_key=True)
    gate: Mapped[str | None] = mapped_column(String(4))


app = App()
app.install(Database("sqlite:///app.db", models=Base))
"""

Run = Callable[..., Result]


@pytest.fixture
def run(project: Project) -> Run:
    import sys

    cli = typer.Typer()
    migrations.add_to(cli)

    def run(*arguments: str, input: str | None = None) -> Result:
        sys.modules.pop("main", None)
        return CliRunner().invoke(cli, arguments, input=input)

    return run


@pytest.fixture
def flights(project: Project) -> Project:
    project.write("main.py", MAIN)
    return project


def renamed(flights: Project) -> None:
    flights.write("main.py", MAIN.replace("gate:", "door:"))


def columns(flights: Project) -> list[str]:
    connection = sqlite3.connect(flights.root / "app.db")
    try:
        return [row[1] for row in connection.execute("PRAGMA table_info(flight)")]
    finally:
        connection.close()


def test_models_become_a_migration_and_the_migration_tables(flights: Project, run: Run) -> None:
    made = run("makemigrations")
    assert made.stdout == "migrations/0001_initial.py\n  create flight\n"

    assert run("migrate", "--plan").stdout == "would apply 0001_initial  Create flight\n"
    assert run("migrate").stdout == "apply 0001_initial\n"
    assert columns(flights) == ["id", "gate"]
    assert run("migrate").stdout == "Nothing to migrate.\n"
    assert run("makemigrations").stdout == "Nothing has changed.\n"
    assert run("showmigrations").stdout == "[x] 0001_initial\n"
    assert json.loads(run("showmigrations", "--json").stdout)[0]["applied"] is True


def test_a_check_fails_where_the_models_have_changed(flights: Project, run: Run) -> None:
    run("makemigrations")
    run("migrate")
    assert run("makemigrations", "--check").exit_code == 0
    renamed(flights)

    result = run("makemigrations", "--check")

    assert result.exit_code == 1
    assert "drop flight.gate" in result.stdout
    assert len(list((flights.root / "migrations").glob("*.py"))) == 1


def test_renamings_are_answered_by_an_option(flights: Project, run: Run) -> None:
    run("makemigrations")
    run("migrate")
    renamed(flights)

    assert "rename flight.gate to door" in run("makemigrations", "--yes").stdout
    run("migrate")
    assert columns(flights) == ["id", "door"]


def test_a_terminal_is_asked() -> None:
    asked = []

    def confirm(question: str) -> bool:
        asked.append(question)
        return True

    answers = migrations.Asking(confirm, lambda question: question[:10])

    assert answers.is_renamed_table("flight", "departure")
    assert answers.is_renamed_column("flight", "gate", "door")
    assert answers.value_for_rows("flight", "gate", "INTEGER") == "flight.gat"
    assert asked[1] == "Was flight.gate renamed to door? If not, it is dropped"


def test_branches_fail_the_check_and_are_merged(flights: Project, run: Run) -> None:
    run("makemigrations")
    run("migrate")
    run("makemigrations", "--empty", "--name", "one")
    path = flights.root / "migrations" / "0002_one.py"
    flights.write("migrations/0002_two.py", path.read_text("utf-8").replace("0002_one", "0002_two"))

    result = run("makemigrations", "--check")
    assert result.exit_code == 1
    assert "--merge" in result.stderr

    assert run("makemigrations", "--merge").stdout == "migrations/0003_merge_one_two.py\n"
    assert run("migrate").exit_code == 0


def test_the_sql_is_shown_and_many_become_one(flights: Project, run: Run) -> None:
    run("makemigrations")
    run("makemigrations", "--empty", "--name", "more")

    assert "CREATE TABLE flight" in run("sqlmigrate", "0001").stdout
    assert run("squashmigrations", "0002").stdout == "migrations/0002_more.py\n  create flight\n"
    assert run("migrate").stdout == "apply 0002_more\n"
    assert columns(flights) == ["id", "gate"]


def test_the_lint_fails_where_something_would_hurt(flights: Project, run: Run) -> None:
    run("makemigrations")
    run("migrate")
    renamed(flights)
    run("makemigrations", "--yes")

    result = run("migrate", "--lint")

    assert result.exit_code == 1
    assert "rename flight.gate to door  [rename]" in result.stdout
    assert run("showmigrations").stdout.splitlines()[1].startswith("[ ]")


def test_a_data_migration_is_written_to_be_filled_in(flights: Project, run: Run) -> None:
    run("makemigrations")

    assert run("makemigrations", "--data").exit_code == 1
    assert run("makemigrations", "--data", "--name", "fill_gates").exit_code == 0
    assert run("migrate").stdout == "apply 0001_initial\napply 0002_fill_gates\n"


def test_models_are_written_from_a_database(flights: Project, run: Run) -> None:
    run("makemigrations")
    run("migrate")

    by_app = run("inspectdb").stdout
    by_address = run("inspectdb", "--url", "sqlite:///app.db", "flight").stdout

    assert by_app == by_address
    assert "class Flight(Model):" in by_app


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("migrate", "--database", "other"), "no database 'other'. It has: default"),
        (("migrate", "0009"), "No migration is named '0009'"),
        (("makemigrations", "--empty", "--name", "a b"), "cannot be the name of a migration"),
        (("makemigrations", "--empty"), "Say what it is called"),
        (("makemigrations", "--merge"), "nothing is to be joined"),
    ],
)
def test_what_cannot_be_done_is_told(
    flights: Project, run: Run, arguments: tuple[str, ...], said: str
) -> None:
    result = run(*arguments)

    assert result.exit_code == 1
    assert said in result.stderr


def test_an_app_without_a_database_is_told(project: Project, run: Run) -> None:
    project.write("main.py", "from trivium import App\napp = App()\n")

    assert "app.install(Database(url))" in run("migrate").stderr


def test_the_directory_is_beside_the_app_or_where_the_project_says(
    project: Project, run: Run
) -> None:
    project.write("app/__init__.py", "")
    project.write("app/main.py", MAIN)
    run("makemigrations")
    assert (project.root / "app/migrations/0001_initial.py").exists()

    project.write("pyproject.toml", '[tool.trivium]\nmigrations = "db/steps"\n')
    run("makemigrations")
    assert (project.root / "db/steps/0001_initial.py").exists()
