"""`trivium dev`: each change starts the app anew, and the port is open all the time."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.project import Project, eventually, in_background
from trivium.server import watching

APP = """
from trivium import App
app = App()
@app.get("/")
def read():
    return WHAT
"""


def app_that_says(what: str) -> str:
    return APP.replace("WHAT", repr(what))


@pytest.mark.slow
def test_a_change_is_served_at_the_same_address(served: Project) -> None:
    served.write("main.py", app_that_says("before"))
    live = served.trivium("dev")
    assert live.get("/") == '"before"'
    address = live.address

    served.write("main.py", app_that_says("after"))
    live.until_said("Changed: main.py")
    live.until_said("Serving again")

    assert live.get("/") == '"after"'
    assert live.address == address
    assert "development" in live.errors
    assert "reload    watching ." in live.errors
    assert live.stopped() == 0


@pytest.mark.slow
def test_a_request_during_a_mistake_waits_for_the_mended_app(served: Project) -> None:
    served.write("main.py", app_that_says("before"))
    live = served.trivium("dev")
    assert live.get("/") == '"before"'

    served.write("main.py", "def (")
    live.until_said("SyntaxError: invalid syntax")
    live.until_said("waiting for a change")
    answer = in_background(lambda: live.get("/"))
    served.write("main.py", app_that_says("mended"))

    assert answer() == '"mended"'


@pytest.mark.slow
def test_an_app_that_is_wrong_at_first_is_served_once_it_is_mended(served: Project) -> None:
    served.write("main.py", "import nowhere_to_be_found")
    live = served.trivium("dev")
    live.until_said("No module named 'nowhere_to_be_found'")
    live.until_said("waiting for a change")

    served.write("main.py", app_that_says("mended"))

    assert live.get("/") == '"mended"'


@pytest.mark.slow
def test_an_open_stream_does_not_hold_up_the_next_start(served: Project) -> None:
    live = served.trivium("dev")
    with live.socket() as client:
        client.sendall(b"GET /for-ever HTTP/1.1\r\nHost: x\r\n\r\n")
        client.recv(1)

        served.write("other.py", "")
        live.until_said("Serving again")

    assert served.story() == ["started", "stream closed", "cleaned up", "started"]


@pytest.mark.slow
def test_errors_are_shown_to_the_client(served: Project) -> None:
    served.write("main.py", APP.replace("return WHAT", "1 / 0"))
    live = served.trivium("dev", "--no-reload")
    connection = live.connect()
    connection.request("GET", "/")
    response = connection.getresponse()

    assert response.status == 500
    assert b"ZeroDivisionError" in response.read()
    connection.close()


@pytest.mark.slow
def test_an_interrupt_of_the_terminal_ends_it_with_a_clean_up(served: Project) -> None:
    live = served.trivium("dev")
    live.get("/pid")

    live.signal(signal.SIGINT)

    assert live.ended() == 0
    assert served.story() == ["started", "cleaned up"]


@pytest.mark.slow
def test_an_application_that_blocks_does_not_hold_up_the_end(served: Project) -> None:
    served.write("main.py", BLOCKED)
    live = served.trivium("dev", "--graceful-timeout", "0")
    with live.socket() as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        eventually((served.root / "blocked").exists, "it blocks")

        assert live.stopped() == 0
    assert "did not end in time" in live.errors


BLOCKED = """
import threading
from pathlib import Path
from typing import Any
from trivium import App
app = App()
@app.get("/")
async def block():
    Path("blocked").touch()
    threading.Event().wait()
"""


@pytest.mark.slow
def test_the_settings_of_production_do_not_hinder_it(served: Project) -> None:
    served.write("pyproject.toml", "[tool.trivium]\nworkers = 3")
    live = served.trivium("dev", environment={"TRIVIUM_WORKERS": "2"})

    live.get("/pid")

    assert "development" in live.errors
    assert live.stopped() == 0
    assert served.story() == ["started", "cleaned up"]


@pytest.mark.slow
def test_production_is_not_started_anew_whatever_the_project_says(served: Project) -> None:
    served.write("pyproject.toml", "[tool.trivium]\nreload = true")
    live = served.trivium("run")

    assert int(live.get("/pid")) == live.process.pid
    assert "reload" not in live.errors


@pytest.mark.slow
def test_a_directory_to_watch_that_is_not_there_is_refused(served: Project) -> None:
    live = served.trivium("dev", "--reload-dir", "nowhere")

    assert live.ended() == 1
    assert f"there is no directory {served.root / 'nowhere'}" in live.errors
    assert "Traceback" not in live.errors


# -- Seeing changes --------------------------------------------------------------------------------


def told_by_nobody(*paths: Path, **options: Any) -> Iterator[Any]:
    raise OSError("no space left on device")


@pytest.fixture(params=["watchfiles", "looking", "looking instead"])
def changes(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[set[str]]]:
    """The names of the files that were seen to change in the directory, by either way."""
    if request.param == "looking":
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    elif request.param == "looking instead":
        monkeypatch.setattr("watchfiles.watch", told_by_nobody)
    monkeypatch.setattr(watching, "LOOK", 0.01)
    (tmp_path / "there.py").touch()
    (tmp_path / "node_modules").mkdir()
    seen: list[set[str]] = []
    stop, ready = threading.Event(), threading.Event()

    def watch() -> None:
        found = watching.watch([tmp_path], ["*.py", "*.html"], stop)
        ready.set()
        for paths in found:
            seen.append({path.name for path in paths})

    thread = threading.Thread(target=watch)
    thread.start()
    ready.wait()
    # Until the watch has begun nothing is seen: a first change is repeated until it is.
    eventually(lambda: ((tmp_path / "first.py").write_text(str(seen)), seen)[1], "the first")
    yield seen
    stop.set()
    thread.join()


def seen_in(changes: list[set[str]], name: str) -> None:
    eventually(lambda: any(name in names for names in changes), f"{name} in {changes}")


def test_files_that_are_changed_made_and_removed_are_seen(
    changes: list[set[str]], tmp_path: Path
) -> None:
    (tmp_path / "there.py").write_text("more")
    seen_in(changes, "there.py")

    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "page.html").write_text("")
    seen_in(changes, "page.html")

    changes.clear()
    (tmp_path / "there.py").unlink()
    seen_in(changes, "there.py")


def test_what_is_no_code_of_the_app_is_passed_over(changes: list[set[str]], tmp_path: Path) -> None:
    (tmp_path / "node_modules" / "other.py").write_text("")
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "last.py").write_text("")

    seen_in(changes, "last.py")
    assert set.union(*changes) <= {"first.py", "last.py"}
