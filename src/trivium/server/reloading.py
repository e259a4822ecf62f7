"""Serves an application that is being edited: each change starts it anew, on the same sockets.

The sockets stay open whatever the application does. So a request that comes while it starts, or
while it does not start because of a mistake, waits for the answer of the mended one.

The next process is started in advance: it has imported everything but the application when a file
changes.
"""

import logging
import math
import os
import selectors
import signal
import socket
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trivium.server.errors import WrongSetting
from trivium.server.processes import Alarm, Process, heeded
from trivium.server.screen import announce
from trivium.server.settings import ServerSettings
from trivium.server.watching import watch

__all__ = ["Reloader"]

logger = logging.getLogger("trivium.server")

CLEANUP_PATIENCE = 5.0
"""Seconds, after the graceful timeout, until a process that is to end is killed."""


class Reloader:
    """Runs one process that serves, and another each time a file changes.

    Raises WrongSetting where a directory to watch is not there.
    """

    def __init__(
        self,
        orders: dict[str, Any],
        sockets: Sequence[socket.socket],
        settings: ServerSettings,
    ) -> None:
        self._orders = orders
        self._sockets = sockets
        self._settings = settings
        named = settings.reload_dir or [orders["directory"]]
        self._directories = [Path(each).resolve() for each in named]
        for each in self._directories:
            if not each.is_dir():
                raise WrongSetting(f"reload_dir: there is no directory {each}.")
        self._changed: set[Path] = set()
        self._lock = threading.Lock()
        self._selector = selectors.DefaultSelector()
        self._current: Process | None = None
        self._spare: Process | None = None
        self._stops = 0
        self._deadline: float | None = None
        self._is_announced = False

    def run(self) -> int:
        """Returns when the process was told to end and the application has ended."""
        alarm = Alarm(heeded("SIGINT", "SIGTERM", "SIGHUP", "SIGCHLD"))
        over = threading.Event()
        self._selector.register(alarm.receiver, selectors.EVENT_READ)
        watcher = threading.Thread(target=self._watch, args=(alarm, over), daemon=True)
        watcher.start()
        try:
            self._start()
            while self._turn(alarm):
                self._selector.select(self._time_left())
        finally:
            over.set()
            watcher.join()
            for process in (self._current, self._spare):
                if process is not None:
                    process.kill()
                    process.close()
            alarm.close()
            self._selector.close()
        return 0

    def _watch(self, alarm: Alarm, over: threading.Event) -> None:
        for changed in watch(self._directories, self._settings.reload_include, over):
            with self._lock:
                self._changed |= changed
            alarm.ring()

    def _turn(self, alarm: Alarm) -> bool:
        for number in alarm.signals():
            if number != signal.SIGCHLD:
                self._stop(number)
        if self._current is not None:
            for word, what in self._current.messages():
                if word == "ready":
                    self._current.is_ready = True
                    self._ready(what)
            if (status := self._current.status) is not None:
                self._bury(self._current, status)
        if self._deadline is not None and time.monotonic() >= self._deadline and self._current:
            logger.error("The application did not end in time; killing it")
            self._current.kill()
            self._deadline = math.inf
        if self._stops:
            return self._current is not None
        with self._lock:
            changed, self._changed = self._changed, set()
        if changed:
            logger.info("Changed: %s", ", ".join(sorted(map(_shown, changed))))
            if self._current is None:
                self._start()
            else:
                self._end(self._current)
        return True

    def _ready(self, facts: dict[str, Any]) -> None:
        if not self._is_announced:
            self._is_announced = True
            facts["watched"] = list(map(_shown, self._directories))
            announce(facts, self._orders["settings"])
        else:
            logger.info("Serving again")

    def _start(self) -> None:
        self._current = process = self._spare or Process(self._sockets)
        self._deadline = None
        self._selector.register(process.channel, selectors.EVENT_READ)
        process.give(self._orders)
        self._spare = Process(self._sockets)

    def _end(self, process: Process) -> None:
        if self._deadline is None:
            patience = self._settings.shutdown_delay + self._settings.graceful_timeout
            self._deadline = time.monotonic() + patience + CLEANUP_PATIENCE
            process.stop()

    def _bury(self, process: Process, status: int) -> None:
        self._selector.unregister(process.channel)
        process.close()
        self._current = None
        if self._stops:
            return
        if self._deadline is not None:
            self._start()
        else:
            logger.error("The application %s; waiting for a change", Process.told(status))

    def _stop(self, number: int) -> None:
        if number != signal.SIGINT and self._stops:
            return
        self._stops += 1
        process = self._current
        if process is None:
            return
        if self._stops == 1:
            self._end(process)
        elif self._stops == 2:
            process.force()
        else:
            process.kill()

    def _time_left(self) -> float | None:
        if self._deadline is None or self._deadline == math.inf:
            return None
        return max(0.0, self._deadline - time.monotonic())


def _shown(path: Path) -> str:
    here = Path.cwd()
    return os.fspath(path.relative_to(here)) if path.is_relative_to(here) else os.fspath(path)
