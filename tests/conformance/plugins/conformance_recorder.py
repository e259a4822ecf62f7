"""A pytest plugin that writes one JSON line for each finished item, as it finishes.

It runs inside the environments that the runner makes, next to FastAPI's suite and outside this
repository's own pytest, so it imports nothing but pytest. A session that dies in the middle leaves
what it had recorded.

Lines are ``{"id": node id, "outcome": "passed" | "failed" | "skipped" | "xfailed", "seconds":
float, "error": str}`` for an item, and ``{"uncollected": path of the file, "error": str}`` for a
file that could not be collected.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any, TextIO

import pytest

RECORD = "CONFORMANCE_RECORD"
"""The environment variable with the path of the file to write."""

CHOSEN = "CONFORMANCE_CHOSEN"
"""The environment variable with the path of a list of node ids, where only those are to run."""

ERROR_LENGTH = 400


def pytest_configure(config: pytest.Config) -> None:
    # With xdist only the controller writes: it receives the reports of every worker.
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Recorder(os.environ[RECORD]), "conformance-recorder")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if CHOSEN not in os.environ:
        return
    # Not arguments of pytest: it ends the session when an id among its arguments does not exist.
    with open(os.environ[CHOSEN], encoding="utf-8") as file:
        chosen = set(file.read().splitlines())
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in chosen])
    items[:] = [item for item in items if item.nodeid in chosen]


class Recorder:
    """Owns the record file from the start of the session to its end."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: TextIO | None = None
        # What setup and call said; teardown has the last word, because a test that fails there has
        # failed.
        self._pending: dict[str, dict[str, Any]] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionstart(self) -> Iterator[None]:
        self._file = open(  # noqa: SIM115  # closed at the end of the session
            self._path, "w", encoding="utf-8"
        )
        return (yield)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._write({"uncollected": report.nodeid, "error": error_line(report)})

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        record = self._pending.setdefault(
            report.nodeid, {"id": report.nodeid, "outcome": "passed", "seconds": 0.0, "error": ""}
        )
        record["seconds"] = round(record["seconds"] + report.duration, 4)
        if report.failed:
            record["outcome"] = "failed"
            record["error"] = record["error"] or error_line(report)
        elif report.skipped and record["outcome"] == "passed":
            record["outcome"] = "xfailed" if hasattr(report, "wasxfail") else "skipped"
        if report.when == "teardown":
            self._write(self._pending.pop(report.nodeid))

    def pytest_sessionfinish(self) -> None:
        # A worker that crashed never reported the teardown of the test it was running.
        for record in self._pending.values():
            self._write(record)
        if self._file is not None:
            self._file.close()

    def _write(self, record: dict[str, Any]) -> None:
        if self._file is not None:
            self._file.write(json.dumps(record) + "\n")
            self._file.flush()


def error_line(report: pytest.CollectReport | pytest.TestReport) -> str:
    """The line that says what went wrong."""
    lines = [line for line in report.longreprtext.splitlines() if line.strip()]
    marked = [line[1:].strip() for line in lines if line.startswith("E ")]
    message = getattr(getattr(report.longrepr, "reprcrash", None), "message", "")
    first = message.splitlines()[0] if message else ""
    chosen = first or (marked[-1] if marked else lines[-1] if lines else "no error was reported")
    return chosen[:ERROR_LENGTH]
