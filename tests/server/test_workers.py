"""Several processes: a dead one is replaced, an old one is replaced without anybody noticing."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import sys
import threading
from collections import Counter
from pathlib import Path
from types import TracebackType

import pytest

from tests.server.project import APP, PATIENCE, Live, Project, eventually, in_background

pytestmark = pytest.mark.slow


def workers_of(live: Live) -> set[int]:
    """The numbers of the processes that serve, or are about to."""
    children = Path(f"/proc/{live.process.pid}/task/{live.process.pid}/children")
    return {int(pid) for pid in children.read_text("ascii").split()}


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class Load:
    """Clients that ask again and again and note what they got.

    Every other one keeps its connection; the rest connect anew for each request.
    """

    def __init__(self, live: Live, clients: int = 4) -> None:
        self.answers: Counter[int] = Counter()
        self.failures: list[str] = []
        self.closed = 0
        """How many replies said that they are the last one of their connection."""
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._ask, args=(live.address, number % 2 == 0))
            for number in range(clients)
        ]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _ask(self, address: tuple[str, int], keeps: bool) -> None:
        connection = http.client.HTTPConnection(*address, timeout=PATIENCE)
        while not self._over.is_set():
            try:
                connection.request("GET", "/pid")
                response = connection.getresponse()
                pid = int(response.read())
                if not keeps:
                    connection.close()
            except Exception as error:
                self._note(f"{type(error).__name__}: {error}")
                connection.close()
                continue
            with self._lock:
                self.answers[pid] += 1
                self.closed += response.will_close
        connection.close()

    def _note(self, failure: str) -> None:
        with self._lock:
            self.failures.append(failure)

    def until_answered(self, more: int = 50) -> None:
        """Waits for so many more answers."""
        before = self.answers.total()
        eventually(lambda: self.answers.total() >= before + more, f"{more} answers")


def test_the_process_that_watches_serves_nothing_and_weighs_little(served: Project) -> None:
    live = served.trivium("run", "--workers", "2")
    live.until_said("Worker .* serves", times=2)

    assert len(workers_of(live)) == 2
    assert int(live.get("/pid")) in workers_of(live)
    maps = Path(f"/proc/{live.process.pid}/maps").read_text("ascii")
    assert "pydantic" not in maps
    assert "uvloop" not in maps
    assert live.stopped() == 0
    assert sorted(served.story()) == ["cleaned up", "cleaned up", "started", "started"]


def test_a_killed_worker_is_replaced_while_the_others_serve_on(served: Project) -> None:
    live = served.trivium("run", "--workers", "2", "--no-access-log")
    live.until_said("Worker .* serves", times=2)
    first, second = workers_of(live)

    with Load(live) as load:
        load.until_answered()
        os.kill(first, signal.SIGKILL)
        live.until_said(f"Worker {first} was ended by SIGKILL; starting another")
        load.until_answered()
        live.until_said("Worker .* serves", times=3)
        load.until_answered()

    # What the killed process was answering is lost, and nothing else is: four clients at most.
    assert len(load.failures) <= 4, load.failures
    assert load.answers[second] > 0
    assert len(workers_of(live)) == 2
    assert live.stopped() == 0


def test_the_others_serve_on_while_no_process_can_be_started(served: Project) -> None:
    # as while the environment of the program is made anew
    interpreter = served.write("python", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    interpreter.chmod(0o755)
    served.write(
        "program.py",
        f"import sys, trivium\nsys.executable = {str(interpreter)!r}\n"
        "trivium.run('main:app', port=0, workers=2)",
    )
    live = served.python("program.py")
    live.until_said("Worker .* serves", times=2)
    first, second = workers_of(live)

    away = interpreter.rename(served.root / "away")
    os.kill(first, signal.SIGKILL)
    live.until_said("A worker cannot be started: .*No such file", times=2)
    assert int(live.get("/pid")) == second
    live.signal(signal.SIGHUP)
    live.until_said("A worker cannot be started: .*No such file", times=4)
    assert int(live.get("/pid")) == second
    away.rename(interpreter)
    live.until_said("Worker .* serves", times=4)

    assert second not in workers_of(live)
    assert live.stopped() == 0


@pytest.mark.parametrize("way", ["fails", "hangs"])
def test_the_status_tells_of_a_clean_up_that_did_not_succeed(served: Project, way: str) -> None:
    end = "raise RuntimeError('no farewell')" if way == "fails" else "await asyncio.Event().wait()"
    served.write("main.py", APP.replace('tell("cleaned up")', f'tell("cleaning")\n    {end}'))
    live = served.trivium("run", "--workers", "2")
    live.until_said("Worker .* serves", times=2)

    live.signal(signal.SIGINT)
    served.until_told("cleaning", times=2)
    if way == "hangs":
        live.signal(signal.SIGINT)
        live.until_said("Once more kills")
        live.signal(signal.SIGINT)

    assert live.ended() == 1


def test_a_worker_that_is_stuck_is_replaced(served: Project) -> None:
    served.write(
        "main.py",
        "import os, threading\nfrom trivium import App\napp = App()\n"
        "@app.get('/pid')\nasync def pid():\n    return os.getpid()\n"
        "@app.get('/stuck')\nasync def stuck():\n    threading.Event().wait()",
    )
    live = served.trivium("run", "--worker-timeout", "2")
    pid = int(live.get("/pid"))
    with live.socket() as client:
        client.sendall(b"GET /stuck HTTP/1.1\r\nHost: x\r\n\r\n")

        live.until_said(f"Worker {pid} is stuck; killing it")
        live.until_said("Worker .* serves", times=2)

    assert int(live.get("/pid")) != pid
    assert live.stopped() == 0


@pytest.mark.parametrize(
    "limit",
    [
        ("--max-requests", "200"),
        ("--max-requests", "200", "--asgi"),
        ("--max-worker-age", "1"),
        ("--max-worker-memory", "1MB"),
    ],
    ids="-".join,
)
def test_a_worker_is_replaced_without_a_dropped_request(
    served: Project, limit: tuple[str, ...]
) -> None:
    live = served.trivium("run", *limit, "--no-access-log", "--timeout-keep-alive", "1")

    with Load(live) as load:
        live.until_said("Worker .* serves", times=3)
        load.until_answered()

    assert load.failures == []
    assert len(load.answers) >= 2
    # Connections were ended by replies that said so.
    assert load.closed >= 2
    assert live.stopped() == 0


def test_hangup_replaces_every_worker_without_a_dropped_request(served: Project) -> None:
    live = served.trivium("run", "--workers", "2", "--no-access-log", "--timeout-keep-alive", "1")
    live.until_said("Worker .* serves", times=2)
    before = workers_of(live)

    with Load(live) as load:
        load.until_answered()
        live.signal(signal.SIGHUP)
        live.until_said("Worker .* serves", times=4)
        eventually(lambda: not before & workers_of(live), "the old ones have ended")
        load.until_answered()

    assert load.failures == []
    assert len(workers_of(live)) == 2
    assert live.stopped() == 0
    assert served.story().count("cleaned up") == 4


HANGING = APP.replace('tell("started")', "tell('hangs'); await asyncio.Event().wait()")


def test_hangup_gives_up_successors_that_hang(served: Project) -> None:
    live = served.trivium("run", "--workers", "2", "--graceful-timeout", "1")
    live.until_said("Worker .* serves", times=2)
    before = workers_of(live)

    served.write("main.py", HANGING)
    live.signal(signal.SIGHUP)
    served.until_told("hangs")
    assert int(live.get("/pid")) in before
    served.write("main.py", APP)
    live.signal(signal.SIGHUP)
    live.until_said("Worker .* serves", times=4)

    eventually(lambda: not before & workers_of(live), "the old workers end")
    assert served.story().count("hangs") == 1
    assert live.stopped() == 0


def test_hangup_starts_workers_anew_that_hang(served: Project) -> None:
    served.write("main.py", HANGING)
    live = served.trivium("run", "--workers", "2", "--graceful-timeout", "1")
    served.until_told("hangs", times=2)

    served.write("main.py", APP)
    live.signal(signal.SIGHUP)

    live.until_said("Worker .* serves", times=2)
    assert live.stopped() == 0


def test_an_idle_connection_of_a_replaced_worker_is_not_reset(served: Project) -> None:
    live = served.trivium("run", "--max-requests", "1", "--timeout-keep-alive", "1")
    with live.socket() as idle:
        request = b"GET /pid HTTP/1.1\r\nHost: x\r\n\r\n"
        idle.sendall(request)
        reader = idle.makefile("rb")
        assert reader.readline() == b"HTTP/1.1 200 OK\r\n"
        live.until_said("Worker .* serves", times=2)

        rest = reader.read()

    assert b"connection: close" not in rest
    assert live.stopped() == 0


def test_an_open_request_of_a_replaced_worker_is_answered(served: Project) -> None:
    live = served.trivium("run", "--max-requests", "2")
    answer = in_background(lambda: live.get("/until/go"))
    served.until_told("waiting")

    live.get("/pid")
    live.get("/pid")
    live.until_said("Worker .* serves", times=2)
    served.write("go", "")

    assert answer() == '"done"'


def test_two_signals_change_the_number_of_workers(served: Project) -> None:
    live = served.trivium("run", "--max-worker-age", "3600")
    live.until_said("Worker .* serves")

    live.signal(signal.SIGTTIN)
    live.until_said("Worker .* serves", times=2)
    assert len(workers_of(live)) == 2

    live.signal(signal.SIGTTOU)
    eventually(lambda: len(workers_of(live)) == 1, "one has ended")
    assert live.get("/pid")


def test_an_application_that_does_not_start_ends_everything(served: Project) -> None:
    served.write("main.py", "from trivium import App\n1 / 0")

    live = served.trivium("run", "--workers", "2")

    assert live.ended() == 3
    assert "ZeroDivisionError" in live.errors
    assert "the application does not start" in live.errors


def test_a_successor_that_does_not_start_leaves_the_worker_serving(served: Project) -> None:
    live = served.trivium("run", "--workers", "2")
    live.until_said("Worker .* serves", times=2)
    before = workers_of(live)
    served.write("main.py", "from trivium import App\n1 / 0")

    live.signal(signal.SIGHUP)
    live.until_said("The successor of worker .* ended with status 3; the worker stays", times=2)
    assert int(live.get("/pid")) in before

    served.write("main.py", "from trivium import App\napp = App()\napp.get('/pid')(lambda: 'new')")
    live.until_said("Worker .* serves", times=4)
    eventually(lambda: not before & workers_of(live), "the old ones have ended")
    assert live.get("/pid") == '"new"'


def test_workers_end_when_nobody_watches_over_them(served: Project) -> None:
    live = served.trivium("run", "--workers", "2")
    live.until_said("Worker .* serves", times=2)
    workers = workers_of(live)

    live.process.kill()

    eventually(lambda: not any(map(lives, workers)), "they have ended")
    assert served.story().count("cleaned up") == 2


def test_interrupts_of_the_terminal_end_all_processes_cleanly(served: Project) -> None:
    live = served.trivium("run", "--workers", "2", "--graceful-timeout", "3600")
    live.until_said("Worker .* serves", times=2)
    with live.socket() as client:
        client.sendall(b"GET /for-ever HTTP/1.1\r\nHost: x\r\n\r\n")
        client.recv(1)

        os.killpg(live.process.pid, signal.SIGINT)
        live.until_said("Stopping: SIGINT")
        os.killpg(live.process.pid, signal.SIGINT)

        assert live.ended() == 0
    assert served.story().count("cleaned up") == 2
    assert "stream closed" in served.story()


def test_a_service_manager_may_signal_every_process(served: Project) -> None:
    live = served.trivium("run", "--workers", "2")
    live.until_said("Worker .* serves", times=2)
    answer = in_background(lambda: live.get("/until/go"))
    served.until_told("waiting")

    os.killpg(live.process.pid, signal.SIGTERM)
    live.until_said("Stopping: SIGTERM")
    served.write("go", "")

    assert answer() == '"done"'
    assert live.ended() == 0
    assert served.story().count("cleaned up") == served.story().count("started")


def test_a_unix_socket_is_shared_and_removed(served: Project) -> None:
    path = served.root / "app.sock"
    live = served.trivium("run", "--uds", str(path), "--workers", "2")
    live.until_said("Worker .* serves", times=2)

    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(b"GET /pid HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert client.makefile("rb").read().startswith(b"HTTP/1.1 200 OK")

    assert live.stopped() == 0
    assert not path.exists()


def test_a_program_watches_over_workers_of_its_own_app(served: Project) -> None:
    served.write(
        "program.py",
        "import trivium\n"
        "if __name__ == '__main__':\n"
        "    trivium.run('main:app', port=0, workers=2)\n"
        "    print('went on')",
    )
    live = served.python("program.py")
    live.until_said("Worker .* serves", times=2)

    assert int(live.get("/pid")) in workers_of(live)
    assert live.stopped() == 0
    assert "went on" in live.output


def test_workers_of_an_app_without_a_name_are_refused(served: Project) -> None:
    served.write("program.py", "import trivium\nfrom main import app\ntrivium.run(app, workers=2)")

    live = served.python("program.py")

    assert live.ended() == 1
    assert 'instead:  trivium.run("main:app", workers=4)' in live.errors
