"""A server under measurement: started on its core, paused while others are measured, stopped."""

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from trivium.cli.benchmark.errors import NotServing
from trivium.cli.benchmark.processes import cpu_seconds, is_running, tree

PATIENCE = 20.0
"""Seconds to wait for the first reply, and for the end."""


class ServerProcess:
    """One process tree in a process group of its own, pinned to `core`.

    Starting it waits for the first reply. Use it as a context manager: whatever happens, nothing of
    it is left.

    probe: the path of the first request; any reply to it will do.
    startup_seconds, startup_cpu_seconds: from the start of the process to the first reply.

    Raises NotServing when there is no reply.
    """

    def __init__(
        self,
        command: Sequence[str],
        port: int,
        *,
        core: int,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
        probe: str = "/",
    ) -> None:
        self.port = port
        self._probe = probe
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # closed by stop()
        started = time.perf_counter()
        self._process = subprocess.Popen(
            command,
            cwd=directory,
            # Hash seeds differ between processes otherwise, and with them every dict's layout.
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

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> "ServerProcess":
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def pause(self) -> None:
        """Takes the CPU from it: a server that waits still wakes up many times a second."""
        os.killpg(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Lets it go on."""
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
