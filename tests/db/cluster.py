"""A PostgreSQL server of a test's own, which it may stop, start and break."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

# The server refuses to run as the administrator; Debian's package brings this user.
USER = "postgres"


def programs() -> Path:
    """Where the server's programs are; Debian does not put them on the PATH."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    for place in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (place / "initdb").exists():
            return place
    if os.environ.get("CI"):
        pytest.fail("PostgreSQL's programs are needed: initdb, pg_ctl")
    pytest.skip("PostgreSQL's programs are not installed: initdb, pg_ctl")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


class Cluster:
    """The server; stopped and removed by ``cluster()``."""

    def __init__(self, folder: Path) -> None:
        self._bin = programs()
        self._data = folder / "data"
        self._log = folder / "log"
        self.port = free_port()
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        self._run("initdb", "--no-sync", "-U", "postgres", "-A", "trust", "-D", str(self._data))
        with (self._data / "postgresql.conf").open("a") as settings:
            settings.write(
                f"port = {self.port}\nlisten_addresses = '127.0.0.1'\n"
                f"unix_socket_directories = ''\nfsync = off\nmax_connections = 40\n"
            )

    def start(self) -> None:
        self._run("pg_ctl", "-w", "-D", str(self._data), "-l", str(self._log), "start")

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "-w", "-D", str(self._data), "-m", mode, "stop")

    @property
    def is_running(self) -> bool:
        return (self._data / "postmaster.pid").exists()

    def _run(self, program: str, *arguments: str) -> None:
        as_user: dict[str, Any] = {"user": USER} if os.geteuid() == 0 else {}
        done = subprocess.run(
            [self._bin / program, *arguments],
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=50,
            check=False,
            **as_user,
        )
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stderr.decode()}")


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A running server."""
    folder = Path(tempfile.mkdtemp(prefix="trivium-pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, USER)
    try:
        server = Cluster(folder)
        server.start()
        try:
            yield server
        finally:
            if server.is_running:
                server.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
