"""The `trivium` command as its user sees it."""

import json
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version

import pytest
from typer.testing import CliRunner, Result

from tests.cli.conftest import Project
from trivium.cli.commands import cli

FLIGHTS = """\
from typing import Annotated

from trivium import APIRouter, App, Depends, WebSocket


def session(): ...


app = App(dependencies=[Depends(session)])
router = APIRouter(prefix="/flights", tags=["flights"])


@router.api_route("/{number}", methods=["PUT", "GET"])
async def flight(number: int, db: Annotated[None, Depends(session)]) -> int:
    return number


@app.websocket("/live")
async def live(socket: WebSocket): ...


app.include_router(router)
"""


@pytest.fixture
def run() -> Callable[..., Result]:
    return lambda *arguments: CliRunner().invoke(cli, arguments)


@pytest.fixture
def flights(project: Project) -> Project:
    project.write("main.py", FLIGHTS)
    return project


def test_routes_are_listed_with_their_handlers(
    flights: Project, run: Callable[..., Result]
) -> None:
    result = run("routes")

    assert result.exit_code == 0
    lines = [line.split() for line in result.stdout.splitlines() if line]
    assert lines[0] == ["METHODS", "PATH", "NAME", "HANDLER", "KIND", "DEPS", "TAGS"]
    assert lines[1] == ["-", "/live", "live", "main.py:18", "websocket", "1", "-"]
    assert lines[2] == [
        "GET", "PUT", "/flights/{number}", "flight", "main.py:13", "http", "2", "flights",
    ]  # fmt: skip


def test_routes_of_the_documentation_are_shown_on_demand(
    flights: Project, run: Callable[..., Result]
) -> None:
    assert "/openapi.json" not in run("routes").stdout
    assert "of the documentation pages: --all shows them" in run("routes").stdout
    assert "/openapi.json" in run("routes", "--all").stdout


def test_routes_are_json_for_programs(flights: Project, run: Callable[..., Result]) -> None:
    listed = json.loads(run("routes", "main:app", "--json").stdout)

    (flight,) = [route for route in listed if route["path"] == "/flights/{number}"]
    assert flight == {
        "methods": ["GET", "PUT"],
        "path": "/flights/{number}",
        "name": "flight",
        "kind": "http",
        "handler": {"name": "flight", "file": str(flights.root / "main.py"), "line": 13},
        "dependencies": 2,
        "tags": ["flights"],
        "builtin": False,
    }
    assert [route["builtin"] for route in listed if route["path"] == "/openapi.json"] == [True]


def test_a_frontend_is_listed_with_its_directory(
    project: Project, run: Callable[..., Result]
) -> None:
    project.write(
        "main.py", "from trivium import App\napp = App()\napp.frontend('/', directory='.')"
    )

    listed = run("routes").stdout.splitlines()

    assert listed[1].split() == ["GET", "HEAD", "/", "-", "files", "of", ".", "frontend", "-", "-"]


def test_a_plan_is_explained_in_words(flights: Project, run: Callable[..., Result]) -> None:
    result = run("explain", "get", "/flights/7")

    assert result.exit_code == 0
    assert "GET /flights/7 → /flights/{number}" in result.stdout
    for said in (
        "number = 7",
        "1 session",
        "value of step 1",
        "3 flight  async, in event loop  main.py:13",
        "path number",
        "int, required",
        "422",
    ):
        assert said in result.stdout


def test_a_plan_is_json_for_programs(flights: Project, run: Callable[..., Result]) -> None:
    plan = json.loads(run("explain", "GET", "/flights/7", "--app", "main.py", "--json").stdout)

    assert plan["route"] == "/flights/{number}"
    assert [call["function"]["name"] for call in plan["steps"]] == ["session", "session", "flight"]


def test_a_websocket_is_explained_too(flights: Project, run: Callable[..., Result]) -> None:
    assert "the WebSocket" in run("explain", "WS", "/live").stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["routes", "nowhere:app"], "Error: There is no module 'nowhere'"),
        (["routes", "main:nothing"], "has no 'nothing'"),
        (["explain", "DELETE", "/flights/7"], "answered with 405: the path takes GET, PUT."),
        (["explain", "GET", "/fligths/7"], "answered with 404"),
    ],
)
def test_what_cannot_be_done_is_told_on_stderr_with_status_1(
    flights: Project, run: Callable[..., Result], arguments: list[str], says: str
) -> None:
    result = run(*arguments)

    assert (result.exit_code, result.stdout) == (1, "")
    assert says in result.stderr
    assert "Traceback" not in result.stderr


def test_an_error_in_the_app_shows_its_own_lines_only(
    project: Project, run: Callable[..., Result]
) -> None:
    project.write("main.py", "def fail():\n    raise KeyError('settings')\n\nfail()\n")

    result = run("routes")

    assert result.exit_code == 1
    assert result.stderr.count('File "') == 2
    assert f'File "{project.root / "main.py"}", line 4' in result.stderr
    assert "Error: main cannot be imported: KeyError: 'settings'" in result.stderr


def test_a_mistake_in_a_declaration_is_told_with_its_fix(
    project: Project, run: Callable[..., Result]
) -> None:
    project.write(
        "main.py", "from trivium import App\napp = App()\napp.frontend('ui', directory='.')"
    )

    result = run("routes")

    assert result.exit_code == 1
    assert "instead:  app.frontend('/ui', ...)" in result.stderr


def test_the_version_is_that_of_the_package(run: Callable[..., Result]) -> None:
    result = run("--version")

    assert result.exit_code == 0
    assert result.stdout.startswith(f"trivium {version('trivium')} (Python 3.")


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_help_names_the_commands(run: Callable[..., Result], arguments: list[str]) -> None:
    result = run(*arguments)

    assert "routes" in result.output
    assert "explain" in result.output


def test_help_imports_nothing_of_the_framework() -> None:
    program = (
        "import sys, trivium.cli.commands\n"
        "print([n for n in ('pydantic', 'starlette', 'rich.console') if n in sys.modules])\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"


def test_it_runs_as_a_program(flights: Project) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "trivium.cli", "routes"],
        capture_output=True,
        text=True,
        check=True,
        cwd=flights.root,
    )

    assert "/flights/{number}" in done.stdout
