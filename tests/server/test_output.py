"""A server whose output nobody takes: it serves on, and ends as it should."""

from __future__ import annotations

import socket

import pytest

from tests.server.project import PATIENCE, Live, Project, eventually
from trivium.server.logging import BATCH_LINES

pytestmark = pytest.mark.slow

# Makes a standard stream one that cannot be written, then becomes the command.
START = """
import os, sys
number, kind, *arguments = sys.argv[1:]
if kind == "unread":
    reader, writer = os.pipe()
    os.close(reader)
    os.dup2(writer, int(number))
elif kind == "full":
    os.dup2(os.open("/dev/full", os.O_WRONLY), int(number))
else:
    os.close(int(number))
os.execv(sys.executable, [sys.executable, "-m", "trivium", *arguments])
"""
STDOUT, STDERR = "1", "2"
REQUEST = b"GET /pid HTTP/1.1\r\nHost: x\r\n\r\n"


def started(project: Project, number: str, kind: str, *arguments: str) -> Live:
    uds = str(project.root / "socket")
    return project.python("-c", START, number, kind, "run", "--uds", uds, *arguments)


def answers(project: Project, count: int) -> int:
    """How many of so many requests on one connection succeed."""
    path = project.root / "socket"
    eventually(path.exists, "the socket is made")
    received = b""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE)
        client.connect(str(path))
        for _ in range(count):
            client.sendall(REQUEST)
            received += client.recv(65536)
    return received.count(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("kind", ["unread", "full", "closed"])
@pytest.mark.parametrize("number", [STDOUT, STDERR])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_it_serves_on_where_nobody_takes_its_output(
    served: Project, number: str, kind: str, workers: str
) -> None:
    live = started(served, number, kind, "--workers", workers)
    served.until_told("started", times=int(workers))

    assert answers(served, BATCH_LINES + 10) == BATCH_LINES + 10

    status = live.stopped()
    # Python's own status for output that a full disk did not take
    assert status == 0 or (kind == "full" and workers == "1" and status == 120)
    assert "Traceback" not in live.errors
    assert served.story().count("cleaned up") == int(workers)


def test_lines_that_are_lost_are_told_of_once(served: Project) -> None:
    live = started(served, STDOUT, "full")
    assert answers(served, 3 * BATCH_LINES) == 3 * BATCH_LINES

    live.stopped()

    assert live.errors.count("Lines of requests are lost") == 1


LOGGED = """
import os, sys
os.dup2(os.open("log", os.O_WRONLY | os.O_APPEND | os.O_CREAT), 2)
os.execv(sys.executable, [sys.executable, "-m", "trivium", *sys.argv[1:]])
"""


def test_a_log_below_a_watched_directory_does_not_fill_itself(served: Project) -> None:
    live = served.python("-c", LOGGED, "dev", "--uds", str(served.root / "socket"))
    assert answers(served, 1) == 1
    served.write("other.py", "")
    eventually(lambda: served.story().count("started") == 2, "it starts anew")
    assert live.stopped() == 0

    assert "change detected" not in (served.root / "log").read_text("utf-8")
