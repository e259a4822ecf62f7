"""`trivium check`: what is found, as text and as JSON, and the status it ends with."""

import json
from collections.abc import Iterator

import pytest
import typer
from typer.testing import CliRunner, Result

from tests.cli.conftest import Project
from trivium.cli.checking import check

DEBUG = "from trivium import App\napp = App(debug=True)"


@pytest.fixture
def cli() -> Iterator[typer.Typer]:
    program = typer.Typer()
    program.command()(check)
    return program


def run(cli: typer.Typer, *arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


def test_an_app_in_order_is_told_so(project: Project, cli: typer.Typer) -> None:
    project.write("main.py", "from trivium import App\napp = App()")

    result = run(cli)

    assert (result.exit_code, result.stdout) == (0, "Nothing was found.\n")


def test_an_error_ends_with_status_1_and_says_what_to_do(
    project: Project, cli: typer.Typer
) -> None:
    project.write("main.py", DEBUG)

    result = run(cli, "--deploy")

    assert result.exit_code == 1
    assert "error    core.debug   debug is on" in result.stdout
    assert "App(debug=False)" in result.stdout


def test_warnings_do_not_fail(project: Project, cli: typer.Typer) -> None:
    project.write("main.py", "from trivium import App\napp = App()")

    assert run(cli, "--deploy").exit_code == 0


def test_json_is_for_programs(project: Project, cli: typer.Typer) -> None:
    project.write("main.py", DEBUG)

    found = json.loads(run(cli, "--deploy", "--json").stdout)

    assert found[0]["id"] == "core.debug"
    assert set(found[0]) == {"level", "id", "message", "hint"}


def test_an_app_that_is_not_found_is_told(project: Project, cli: typer.Typer) -> None:
    result = run(cli, "nowhere:app")

    assert result.exit_code == 1
    assert "no module 'nowhere'" in result.output
