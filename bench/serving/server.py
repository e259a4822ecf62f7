"""A server under measurement: started on its core, paused while others are measured, stopped."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from bench.serving.peers import Peer
from bench.serving.processes import cpu_seconds, is_running, tree

PROGRAMS = Path(__file__).parent / "programs"
PATIENCE = 20.0
"""Seconds to wait for the first reply, and for the end."""


class NotServing(Exception):
    """The server did not come up, or went away; says what it wrote last."""


class Server:
    """One process tree in a process group of its own, pinned to `core`.

    Use it as a context manager: whatever happens, nothing of it is left.
    """

    def __init__(
        self,
        arguments: list[str],
        port: int,
        *,
        python: str = sys.executable,
        core: int,
        environment: Mapping[str, str] | None = None,
        directory: Path = PROGRAMS,
        probe: str = "/json",
    ) -> None:
        self.port = port
        self._probe = probe
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # closed by stop()
        started = time.perf_counter()
        self._process = subprocess.Popen(
            [python, *arguments],
            cwd=directory,
            env={**os.environ, "PYTHONHASHSEED": "0", **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )
        try:
            self._await_first_reply()
        except BaseException:
            self.stop()
            raise
        self.startup_seconds = time.perf_counter() - started
        self.startup_cpu_seconds = cpu_seconds(self.pid)

    @classmethod
    def of(
        cls,
        peer: Peer,
        *,
        python: str,
        core: int,
        one_route: bool = False,
        production: bool = False,
    ) -> "Server":
        port = free_port()
        environment = {**peer.environment, "PORT": str(port)}
        if production:
            environment["PRODUCTION"] = "1"
        arguments = peer.arguments(port, one_route=one_route)
        return cls(arguments, port, python=python, core=core, environment=environment)

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def pause(self) -> None:
        """Takes the CPU from it: a server that waits still wakes up many times a second."""
        os.killpg(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.killpg(self.pid, signal.SIGCONT)

    def check_alive(self) -> None:
        """Raises NotServing with the end of its output when the process has ended."""
        if self._process.poll() is not None:
            raise NotServing(f"ended with status {self._process.returncode}: {self.said()}")

    def said(self) -> str:
        """The end of what the server wrote."""
        self._log.seek(0)
        lines = self._log.read().decode("utf-8", "replace").strip().splitlines()
        return "\n".join(lines[-12:]) or "(it wrote nothing)"

    def stop(self) -> None:
        """Ends it, politely first. Returns when nothing of it runs any more."""
        processes = tree(self.pid)
        if self._process.poll() is None:
            self._signal(signal.SIGCONT)
            self._signal(signal.SIGTERM)
            try:
                self._process.wait(PATIENCE / 4)
            except subprocess.TimeoutExpired:
                self._signal(signal.SIGKILL)
                self._process.wait(PATIENCE)
        # Children that outlive it are of its group.
        self._signal(signal.SIGKILL)
        while any(is_running(pid) for pid in processes):
            time.sleep(0.001)
        self._log.close()

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            pass

    def _await_first_reply(self) -> None:
        deadline = time.perf_counter() + PATIENCE
        request = f"GET {self._probe} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        while time.perf_counter() < deadline:
            self.check_alive()
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                    connection.sendall(request.encode())
                    if connection.recv(16).startswith(b"HTTP/1.1 "):
                        return
            except OSError:
                pass
            time.sleep(0.001)
        raise NotServing(f"no reply within {PATIENCE:g} s: {self.said()}")


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
