"""The process that keeps workers running: it serves nothing itself, so nothing can bring it down.

A worker that dies is replaced, and so is one that is stuck, if there is a limit to that. One that
has served long enough (``recycling``), and every one after SIGHUP, is replaced without a gap: its
successor listens before it stops accepting, and both accept from the same sockets, so no connection
is refused or reset for it.

    SIGTERM, SIGINT   stop within the graceful timeout; a second SIGINT cancels, a third one kills
    SIGHUP            replace every worker, one after another
    SIGTTIN, SIGTTOU  one worker more, one less
"""

import json
import logging
import math
import os
import selectors
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from trivium.server.processes import STARTUP_FAILED, Alarm, Process, listeners

__all__ = ["Supervisor"]

logger = logging.getLogger("trivium.server")

CLEANUP_PATIENCE = 30.0
"""Seconds, after delay and graceful timeout, that a worker has for the clean-up of its lifespan."""
QUICK = 10.0
"""A worker that lives for fewer seconds than this has not served; the next one has to wait."""
LONGEST_DELAY = 30.0
"""Seconds between two attempts to start a worker, at most."""


class Slot:
    """The place of one worker, held by one process after another."""

    def __init__(self) -> None:
        self.current: Process | None = None
        self.successor: Process | None = None
        self.failures = 0
        """How many processes in a row have ended before they served."""
        self.due = 0.0
        """When the next process may be started, by the monotonic clock."""

    def failed(self) -> None:
        """Doubles the time until the next attempt; the first one follows at once."""
        delay = 0.0 if self.failures == 0 else min(LONGEST_DELAY, 0.25 * 2.0**self.failures)
        self.failures += 1
        self.due = time.monotonic() + delay


class Supervisor:
    """Keeps so many workers running on the sockets, each with the same orders."""

    def __init__(
        self,
        orders: dict[str, Any],
        sockets: Sequence[socket.socket],
        *,
        workers: int,
        patience: float,
        announce: Callable[[dict[str, Any]], None],
    ) -> None:
        self._orders = orders
        self._sockets = sockets
        self._slots = [Slot() for _ in range(workers)]
        self._ending: dict[Process, float] = {}
        """Processes that were told to end, and when they are killed."""
        self._waiting: deque[Slot] = deque()
        """Slots whose workers are to be replaced while they serve."""
        self._patience = patience + CLEANUP_PATIENCE
        self._longest_silence: float | None = orders["settings"]["worker_timeout"]
        self._announce = announce
        self._has_served = False
        self._stops = 0
        self._status = 0
        self._selector = selectors.DefaultSelector()
        self._alarm: Alarm | None = None

    def run(self) -> int:
        """Returns when all workers have ended: 0, the status of a start-up that failed, or 1 where
        a clean-up failed or was interrupted."""
        names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGCHLD", "SIGTTIN", "SIGTTOU")
        self._alarm = alarm = Alarm([getattr(signal, name) for name in names])
        self._selector.register(alarm.receiver, selectors.EVENT_READ)
        try:
            while self._turn(alarm):
                self._selector.select(self._time_to_next())
        finally:
            for process in self._processes():
                process.kill()
                process.close()
            alarm.close()
            self._selector.close()
        return self._status

    def _turn(self, alarm: Alarm) -> bool:
        """Does all that is to be done now; tells whether there is anything left to wait for."""
        for number in alarm.signals():
            self._obey(number)
        for process in self._processes():
            for word, what in process.messages():
                self._hear(process, word, what)
        for process in self._processes():
            status = process.status
            if status is not None:
                self._bury(process, status)
        now = time.monotonic()
        for process, deadline in self._ending.items():
            if now >= deadline:
                logger.error("Worker %d did not end in time; killing it", process.pid)
                process.kill()
                self._ending[process] = math.inf
        if not self._stops:
            for process in self._silent(now):
                logger.error("Worker %d is stuck; killing it", process.pid)
                process.kill()
                process.heard = math.inf
            self._fill(now)
        return bool(self._processes()) or not self._stops

    def _processes(self) -> list[Process]:
        held = (each for slot in self._slots for each in (slot.current, slot.successor))
        return [*(each for each in held if each is not None), *self._ending]

    def _silent(self, now: float) -> list[Process]:
        """Workers whose event loops have not turned for too long."""
        limit = self._longest_silence
        if limit is None:
            return []
        workers = (slot.current for slot in self._slots)
        return [each for each in workers if each and each.is_ready and now >= each.heard + limit]

    def _time_to_next(self) -> float | None:
        """Seconds until something is to be done that nobody will say; None for ever."""
        times = list(self._ending.values())
        if not self._stops:
            times += [slot.due for slot in self._slots if slot.current is None]
            if self._longest_silence is not None:
                workers = (slot.current for slot in self._slots)
                times += [w.heard + self._longest_silence for w in workers if w and w.is_ready]
            if self._waiting and not self._is_replacing():
                times.append(self._waiting[0].due)
        seconds = min(times, default=math.inf) - time.monotonic()
        return None if seconds == math.inf else max(0.0, seconds)

    # What happens

    def _obey(self, number: int) -> None:
        if number == signal.SIGINT or (number == signal.SIGTERM and not self._stops):
            self._stop(signal.Signals(number).name)
        elif number == signal.SIGHUP and not self._stops:
            logger.info("SIGHUP: replacing every worker")
            for starting in self._processes():
                if not starting.is_ready and starting not in self._ending:
                    # It may hang, in an application that is an older one by now.
                    self._end(starting, starting.stop)
            self._waiting.extend(slot for slot in self._slots if slot not in self._waiting)
        elif number == signal.SIGTTIN and not self._stops:
            self._slots.append(Slot())
        elif number == signal.SIGTTOU and not self._stops and len(self._slots) > 1:
            slot = self._slots.pop()
            if slot in self._waiting:
                self._waiting.remove(slot)
            for process in (slot.successor, slot.current):
                if process is not None:
                    self._end(process, process.drain)

    def _hear(self, process: Process, word: str, what: Any) -> None:
        slot = self._slot_of(process)
        if slot is None:
            return
        if word == "ready":
            process.is_ready = True
            if not self._has_served:
                self._has_served = True
                self._announce(what)
            logger.info("Worker %d serves", process.pid)
            if process is slot.successor:
                predecessor, slot.current, slot.successor = slot.current, process, None
                if predecessor is not None:
                    self._end(predecessor, predecessor.drain)
        elif word == "retire" and slot not in self._waiting and slot.successor is None:
            logger.info("Worker %d is replaced: %s", process.pid, what)
            self._waiting.append(slot)

    def _bury(self, process: Process, status: int) -> None:
        """A process has ended."""
        self._selector.unregister(process.channel)
        process.close()
        if process in self._ending:
            del self._ending[process]
            # One that was still importing the application has died of the SIGTERM.
            if self._stops and not self._status and status not in (0, -signal.SIGTERM):
                self._status = 1
            return
        slot = self._slot_of(process)
        if slot is None:
            return
        if process is slot.successor:
            slot.successor = None
            logger.error(
                "The successor of worker %s %s; the worker stays",
                slot.current.pid if slot.current else "?",
                Process.told(status),
            )
            slot.failed()
            self._waiting.append(slot)
            return
        slot.current = None
        if self._stops:
            return
        if status == STARTUP_FAILED and not self._has_served:
            # It would fail in the same way again and again.
            self._status = STARTUP_FAILED
            self._stop("the application does not start")
            return
        logger.error("Worker %d %s; starting another", process.pid, Process.told(status))
        if process.is_ready and time.monotonic() - process.born >= QUICK:
            slot.failures = 0
        slot.failed()

    def _stop(self, reason: str) -> None:
        self._stops += 1
        if self._stops == 1:
            logger.info("Stopping: %s", reason)
            for slot in self._slots:
                for process in (slot.current, slot.successor):
                    if process is not None:
                        self._end(process, process.stop)
                slot.current = slot.successor = None
        elif self._stops == 2:
            logger.warning("Cancelling what is open. Once more kills the workers.")
            for process in self._ending:
                process.force()
        else:
            for process in self._ending:
                process.kill()

    # What is done about it

    def _fill(self, now: float) -> None:
        """Starts what is missing, and the successor of one worker at a time."""
        for slot in self._slots:
            if slot.current is None and slot.successor is not None:
                slot.current, slot.successor = slot.successor, None
            if slot.current is None and slot.due <= now:
                slot.current = self._start(slot)
        # One that died while it was to be replaced has been.
        while self._waiting and not self._is_replacing():
            slot = self._waiting[0]
            if slot.current is None or not slot.current.is_ready:
                self._waiting.popleft()
            elif slot.due <= now:
                self._waiting.popleft()
                slot.successor = self._start(slot)
                if slot.successor is None:
                    self._waiting.append(slot)
            else:
                return

    def _is_replacing(self) -> bool:
        return any(slot.successor is not None for slot in self._slots)

    def _start(self, slot: Slot) -> Process | None:
        """A process for the slot; None where the system has none to give, now."""
        try:
            process = Process(self._sockets)
        except OSError as error:
            # Out of memory or descriptors, or the interpreter is just being replaced.
            logger.error("A worker cannot be started: %s", error)
            slot.failed()
            return None
        self._selector.register(process.channel, selectors.EVENT_READ)
        process.give(self._orders)
        return process

    def _end(self, process: Process, how: Callable[[], None]) -> None:
        slot = self._slot_of(process)
        if slot is not None and slot.current is process:
            slot.current = None
        elif slot is not None:
            slot.successor = None
        self._ending[process] = time.monotonic() + self._patience
        how()

    def _slot_of(self, process: Process) -> Slot | None:
        return next((s for s in self._slots if process in (s.current, s.successor)), None)


def replace_this_process(orders: dict[str, Any], sockets: Sequence[socket.socket]) -> None:
    """Makes this process, which has imported what commands need, a supervisor that weighs little.

    Does not return: what runs from here on is ``main`` in a new interpreter with the same number.
    """
    reader, writer = os.pipe()
    os.set_inheritable(reader, True)
    text = json.dumps(orders).encode()
    # A pipe holds 64 KiB before a writer has to wait for its reader, who is not there yet.
    with open(writer, "wb") as pipe:
        pipe.write(text)
    for each in sockets:
        each.set_inheritable(True)
    numbers = [str(reader), *(str(each.fileno()) for each in sockets)]
    sys.stdout.flush()
    sys.stderr.flush()
    arguments = [sys.executable, "-P", "-m", "trivium.server.supervisor", *numbers]
    os.execv(sys.executable, arguments)


def main() -> None:
    """``python -m trivium.server.supervisor PIPE SOCKET...``; see ``replace_this_process``."""
    from trivium.server import logging as server_logging
    from trivium.server.screen import announce

    reader, *descriptors = map(int, sys.argv[1:])
    with open(reader, "rb") as pipe:
        orders: dict[str, Any] = json.loads(pipe.read())
    settings = orders["settings"]
    server_logging.configure(settings["log_level"], settings["log_format"])
    sockets = listeners(descriptors)
    supervisor = Supervisor(
        orders,
        sockets,
        workers=settings["workers"],
        patience=settings["shutdown_delay"] + settings["graceful_timeout"],
        announce=lambda facts: announce(facts, settings),
    )
    try:
        status = supervisor.run()
    finally:
        for each in sockets:
            each.close()
        if settings["uds"] is not None:
            try:
                os.unlink(settings["uds"])
            except FileNotFoundError:
                pass
    sys.exit(status)


if __name__ == "__main__":
    main()
