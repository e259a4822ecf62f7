"""What the server's processes write: lines for people or JSON for programs, requests in batches.

Messages go to stderr through the root logger, unless the program has given that one handlers
before: then they go where the program wants them. Requests go to stdout, through the loggers
``trivium.access`` and ``uvicorn.access``, many lines in one write: a write for each would cost more
than many a request. Batches are written every tenth of a second, when they are large, and at exit.
A record of ``logging`` for each costs three times its line, so where nobody would see the record
there is none.
"""

import json
import logging
import os
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from json.encoder import encode_basestring as quoted
from time import localtime, strftime, time
from typing import TYPE_CHECKING, Any, TextIO, TypeAlias

if TYPE_CHECKING:
    # The supervisor writes log lines too, and has no use for an event loop.
    from asyncio import AbstractEventLoop, TimerHandle

__all__ = ["BatchedHandler", "JsonFormatter", "TextFormatter", "configure", "request_log"]

logger = logging.getLogger("trivium.server")

BATCH_SECONDS = 0.1
BATCH_LINES = 500
TRACE = 5

_ACCESS = ("trivium.access", "uvicorn.access")
_REQUEST = '%s - "%s %s HTTP/%s" %d'
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}
_COLOURS = {"DEBUG": "2", "INFO": "32", "WARNING": "33", "ERROR": "31", "CRITICAL": "1;31"}


def configure(level: str, log_format: str, *, access_log: bool = True) -> None:
    """Has the loggers of this process write what the settings say; may be called again."""
    _open_missing_streams()
    logging.addLevelName(TRACE, "TRACE")
    number = TRACE if level == "trace" else getattr(logging, level.upper())
    root = logging.getLogger()
    ours = [handler for handler in root.handlers if isinstance(handler, _Messages)]
    if not root.handlers or ours:
        for handler in ours:
            root.removeHandler(handler)
        root.addHandler(_Messages(sys.stderr, log_format))
        root.setLevel(number)
    for name in ("trivium", "uvicorn", "uvicorn.error", "uvicorn.asgi"):
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.propagate = True
        logger.setLevel(number)
    if number == logging.INFO:
        # uvicorn tells each of its steps, and the server tells those that matter by itself
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    batches: list[logging.Handler] = [BatchedHandler(sys.stdout, log_format)] if access_log else []
    for name in _ACCESS:
        logger = logging.getLogger(name)
        for old in logger.handlers:
            old.close()
        logger.handlers = list(batches)
        logger.propagate = False
        logger.setLevel(logging.INFO)


Tell: TypeAlias = Callable[[str, str, str, str, int], None]
"""Takes client, method, target, version and status."""


def request_log() -> Tell | None:
    """What tells of a request as uvicorn does, to the logger ``uvicorn.access``; None where that
    has no handler."""
    logger = logging.getLogger("uvicorn.access")
    if not logger.hasHandlers():
        return None

    def tell(client: str, method: str, target: str, version: str, status: int) -> None:
        if not logger.isEnabledFor(logging.INFO):
            return
        alone = _alone(logger)
        if alone is None:
            logger.info(_REQUEST, client, method, target, version, status)
        else:
            batches, formatter = alone
            batches.keep(formatter.request(time(), client, method, target, version, status))

    return tell


def _alone(
    logger: logging.Logger,
) -> "tuple[BatchedHandler, TextFormatter | JsonFormatter] | None":
    """What writes and what makes the lines of a logger, where nobody else would see its records."""
    handlers = logger.handlers
    if (
        len(handlers) != 1
        or type(handler := handlers[0]) is not BatchedHandler
        or handler.level > logging.INFO
        or handler.filters
        or logger.filters
        or logger.propagate
        or logging.getLogRecordFactory() is not logging.LogRecord
    ):
        return None
    formatter = handler.formatter
    # none of a subclass, which may write records in another way
    if type(formatter) is TextFormatter or type(formatter) is JsonFormatter:
        return handler, formatter
    return None


def _open_missing_streams() -> None:
    """Gives a process that was started without standard streams (``>&-``) some that go nowhere.

    Otherwise the next socket would be given the number of one, and be written to.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  # for good


class _Messages(logging.StreamHandler[TextIO]):
    """The handler that ``configure`` gives the root logger."""

    def __init__(self, stream: TextIO, log_format: str) -> None:
        super().__init__(stream)
        self.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter(stream))


class BatchedHandler(logging.Handler):
    """Keeps lines for a tenth of a second, and writes them at once.

    A process that is killed (SIGKILL) loses the lines of that time, and no others: they are
    written at exit, at SIGTERM, and by ``flush``. Outside of an event loop each line is written as
    it comes.
    """

    def __init__(self, stream: TextIO, log_format: str = "text") -> None:
        super().__init__()
        self._stream = stream
        self._lines: list[str] = []
        self._loop: AbstractEventLoop | None = None
        self._thread: int | None = None
        self._timer: TimerHandle | None = None
        self._is_losing = False
        self.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter(stream))

    def attach(self, loop: "AbstractEventLoop") -> None:
        """Has the running loop's clock tell when to write."""
        self._loop = loop
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps the line of a record; called with the handler's lock held."""
        try:
            line = self.format(record)
        except Exception:
            self.handleError(record)
            return
        self.keep(line)

    def keep(self, line: str) -> None:
        """Writes a line soon."""
        with self.lock or threading.RLock():
            self._lines.append(line)
        if len(self._lines) >= BATCH_LINES or not self._will_be_written():
            self.flush()

    def _will_be_written(self) -> bool:
        if self._timer is not None:
            return True
        if self._loop is None or self._thread != threading.get_ident() or self._loop.is_closed():
            return False
        self._timer = self._loop.call_later(BATCH_SECONDS, self.flush)
        return True

    def flush(self) -> None:
        """Writes what has been kept."""
        with self.lock or threading.RLock():
            lines, self._lines = self._lines, []
            timer, self._timer = self._timer, None
        if timer is not None and self._thread == threading.get_ident():
            timer.cancel()
        if lines and not self._stream.closed:
            try:
                self._stream.write("\n".join(lines) + "\n")
                self._stream.flush()
            except OSError as error:
                self._lost(len(lines), error)
            else:
                self._is_losing = False

    def _lost(self, count: int, error: OSError) -> None:
        """Lines could not be written. Said once: whoever is served has nothing to do with it."""
        if not self._is_losing:
            self._is_losing = True
            logger.error("Lines of requests are lost, %d to begin with: %s", count, error)
        if isinstance(error, BrokenPipeError):
            # Nobody will ever read again. What the stream still holds would fail once more at exit.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)

    def close(self) -> None:
        """Writes what is left."""
        self.flush()
        super().close()


def attach_batches(loop: "AbstractEventLoop") -> None:
    """Has all batches of this process be written by the clock of the loop, which is running."""
    for name in _ACCESS:
        for handler in logging.getLogger(name).handlers:
            if isinstance(handler, BatchedHandler):
                handler.attach(loop)


def flush_batches() -> None:
    """Writes all that was kept."""
    for name in _ACCESS:
        for handler in logging.getLogger(name).handlers:
            handler.flush()


class TextFormatter(logging.Formatter):
    """``12:30:59 INFO    message``, with colours on a terminal."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S")
        self._is_coloured = stream.isatty()
        self._info = self._level("INFO")

    _second: tuple[int, str] = (0, "")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """The time of day."""
        return self._time(record.created)

    def _time(self, created: float) -> str:
        """Worked out once a second, for thousands of requests may be in it."""
        second = int(created)
        if second != self._second[0]:
            self._second = (second, strftime("%H:%M:%S", localtime(second)))
        return self._second[1]

    def _level(self, name: str) -> str:
        level = f"{name:<7}"
        if self._is_coloured:
            level = f"\x1b[{_COLOURS.get(name, '0')}m{level}\x1b[0m"
        return level

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line, without what follows it."""
        return f"{record.asctime} {self._level(record.levelname)} {record.message}"

    def request(
        self, created: float, client: str, method: str, target: str, version: str, status: int
    ) -> str:
        """The line of a request, as of the record that uvicorn would make of it."""
        said = f'{client} - "{method} {target} HTTP/{version}" {status}'
        return f"{self._time(created)} {self._info} {said}"


class JsonFormatter(logging.Formatter):
    """One JSON object for each record, with what the record was given as ``extra``."""

    _second: tuple[int, str] = (0, "")

    def _time(self, created: float) -> str:
        """In UTC, to the millisecond; all but that is worked out once a second."""
        second = int(created)
        if second != self._second[0]:
            shown = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
            self._second = (second, shown)
        return f"{self._second[1]}.{int((created - second) * 1000):03}Z"

    def format(self, record: logging.LogRecord) -> str:
        """The object, on one line."""
        line: dict[str, Any] = {
            "time": self._time(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "pid": record.process,
        }
        if record.name == "uvicorn.access" and isinstance(record.args, tuple):
            names = ("client", "method", "path", "http_version", "status")
            line.update(zip(names, record.args, strict=False))
        else:
            line["message"] = record.getMessage()
        given = vars(record)
        line.update({name: given[name] for name in given.keys() - _STANDARD})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = record.stack_info
        return json.dumps(line, ensure_ascii=False, default=str)

    def request(
        self, created: float, client: str, method: str, target: str, version: str, status: int
    ) -> str:
        """The line of a request, as of the record that uvicorn would make of it."""
        return (
            f'{{"time": "{self._time(created)}", "level": "info", "logger": "uvicorn.access", '
            f'"pid": {os.getpid()}, "client": {quoted(client)}, "method": {quoted(method)}, '
            f'"path": {quoted(target)}, "http_version": {quoted(version)}, "status": {status}}}'
        )
