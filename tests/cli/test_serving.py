"""The command line of what serves: plain lines are read as typer reads them."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from tests.cli.conftest import Project
from trivium.cli import server_commands, serving
from trivium.cli.arguments import Line, plain

PLAIN = [
    [],
    ["main:app"],
    ["--port", "8001", "main:app"],
    ["main:app", "--port=8001", "--port", "8002"],
    ["--root-path="],
    ["--factory", "make", "--quiet", "--no-access-log"],
    ["--asgi", "--no-asgi", "--forwarded-allow-ips", "10.0.0.1, 10.0.0.2"],
    ["--log-level", "loud", "--max-worker-memory", "1 GB"],
]
NOT_PLAIN = [
    ["--help"],
    ["--prot", "80"],
    ["--port"],
    ["--port", "--quiet"],
    ["--port", "-1"],
    ["--no-port"],
    ["--quiet=yes"],
    ["--no-factory"],
    ["--env_file", "x"],
    ["-q"],
    ["--", "main:app"],
    ["one", "two"],
    ["--reload"],
]


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[Line]:
    """What the commands are told; nothing is served."""
    told: list[Line] = []

    def tell(line: Line) -> int:
        told.append(line)
        return 0

    monkeypatch.setattr(serving, "run", tell)
    return told


@pytest.mark.parametrize("arguments", PLAIN)
def test_a_plain_line_is_read_as_typer_reads_it(arguments: list[str], lines: list[Line]) -> None:
    cli = typer.Typer()
    server_commands.add_to(cli)

    result = CliRunner().invoke(cli, ["run", *arguments])

    assert result.exit_code == 0, result.output
    given = {name: value for name, value in lines[0].given.items() if value is not None}
    by_typer = Line(lines[0].app, lines[0].factory, given)
    assert plain(arguments, without=serving.NOT_OF_RUN) == by_typer


@pytest.mark.parametrize("arguments", NOT_PLAIN)
def test_what_is_not_plain_is_left_to_typer(arguments: list[str]) -> None:
    assert plain(arguments, without=serving.NOT_OF_RUN) is None
    assert serving.served(["run", *arguments]) is None


def test_another_command_is_left_to_typer() -> None:
    assert serving.served(["routes"]) is None


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["run", "--prot", "80"], 2, "No such option"),
        (["run", "--reload"], 2, "trivium dev"),
        (["run", "--port"], 2, "requires an argument"),
        (["run", "--port", "eighty"], 1, "--port 'eighty': input should be a valid integer"),
        (["run", "nowhere:app"], 1, "There is no module 'nowhere'"),
        (["run", "broken:app"], 1, "ZeroDivisionError"),
    ],
)
def test_a_mistake_ends_the_command_and_is_told(
    project: Project, arguments: list[str], status: int, says: str
) -> None:
    project.write("broken.py", "1 / 0")

    done = subprocess.run(
        [sys.executable, "-m", "trivium", *arguments],
        cwd=project.root,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == status
    assert says in done.stderr
    assert "trivium/cli" not in done.stderr


NOT_LOADED = (
    "anyio._backends._asyncio",
    "anyio._core._synchronization",
    "anyio._core._tasks",
    "argparse",
    "encodings.idna",
    "importlib.metadata",
    "pydantic.main",
    "pydantic.type_adapter",
    "pydantic_settings",
    "rich",
    "trivium.cli.commands",
    "trivium.db",
    "trivium.fastapi",
    "trivium.openapi.models",
    "trivium.testing",
    "typer",
    "websockets",
)
SERVED = """
import json, sys
from trivium import App

def routes(app):
    app.get("/")(lambda: "hello")
    return app

async def loaded(app):
    print(json.dumps(sorted(sys.modules)), flush=True)
    raise RuntimeError("seen enough")
    yield

app = routes(App(lifespan=loaded))
"""


def test_what_serves_has_loaded_nothing_that_it_may_do_without(project: Project) -> None:
    project.write("main.py", SERVED)

    done: Any = subprocess.run(
        [sys.executable, "-m", "trivium", "run", "--port", "0", "--quiet"],
        cwd=project.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=60,
    )

    loaded = json.loads(done.stdout)
    assert "trivium.server.protocol" in loaded
    assert [name for name in NOT_LOADED if name in loaded] == []
