"""One pytest session over FastAPI's suite, in one of the environments, and how each item ended."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PLUGINS = Path(__file__).resolve().parent / "plugins"
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "USERPROFILE")
TUTORIAL = "tests/test_tutorial"
TELEMETRY = "tests/test_telemetry"
SCOPES: Mapping[str, Sequence[str]] = {
    # The tests of the programs in FastAPI's documentation: the gate.
    "tutorial": (TUTORIAL,),
    # Everything outside FastAPI's telemetry tests: the exam.
    "all": ("tests", f"--ignore={TELEMETRY}"),
    # Everything, for counting what the real package passes.
    "whole": ("tests",),
}


class SessionBroke(RuntimeError):
    """pytest itself failed: no item's outcome can be trusted. The text ends with its last lines."""


@dataclass(frozen=True)
class Item:
    """How an item ended: passed, failed, skipped or xfailed, and then why, in one line."""

    outcome: str
    error: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Session:
    """What ran, by node id; the files that were not collected, and why; pytest's last line."""

    items: Mapping[str, Item]
    uncollected: Mapping[str, str] = field(default_factory=dict)
    closing: str = ""

    @property
    def passed(self) -> set[str]:
        return {node for node, item in self.items.items() if item.outcome == "passed"}


def run(
    python: Path,
    *,
    suite: Path,
    scope: str,
    record: Path,
    on_trivium: bool,
    jobs: int = 2,
    keyword: str | None = None,
    nodes: Sequence[str] | None = None,
) -> Session:
    """Runs `scope` (or only `nodes`) with `python` and returns what happened.

    `record` receives the outcomes; pytest's whole output goes to the file of that name ending in
    `.log`. Raises SessionBroke when pytest did not get as far as an ordinary result.
    """
    plugins = ["-p", "conformance_recorder"]
    if on_trivium:
        plugins = ["-p", "conformance_trivium", *plugins]
    else:
        # the environment borrows what is installed beside Trivium, and sees that it has a plugin
        plugins += ["-p", "no:trivium.db.testing.plugin"]
    command = [str(python), "-m", "pytest", *plugins, "-p", "no:cacheprovider", "-q", "--tb=short"]
    command += ["--continue-on-collection-errors", "-n", str(jobs)]
    if keyword:
        command += ["-k", keyword]
    # The programs under test read the environment: only what a process needs to run is passed on.
    environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
    environment |= {"PYTHONPATH": str(PLUGINS), "CONFORMANCE_RECORD": str(record)}
    if nodes is None:
        command += SCOPES[scope]
    else:
        chosen = record.with_suffix(".chosen")
        chosen.write_text("\n".join(nodes), encoding="utf-8")
        environment["CONFORMANCE_CHOSEN"] = str(chosen)
        command += sorted({node.split("::", 1)[0] for node in nodes})
    log = record.with_suffix(".log")
    code = stream(command, suite, environment, log)
    if code not in (0, 1):
        tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-30:])
        raise SessionBroke(f"pytest ended with exit code {code}. The end of {log}:\n\n{tail}")
    return read(record, log)


def stream(command: Sequence[str], home: Path, environment: Mapping[str, str], log: Path) -> int:
    """Writes everything to `log`, and shows only that it is still moving, and the closing line."""
    with (
        log.open("w", encoding="utf-8") as file,
        subprocess.Popen(
            command,
            cwd=home,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process,
    ):
        if process.stdout is None:
            raise SessionBroke("pytest was started without an output to read")
        for line in process.stdout:
            file.write(line)
            if is_progress(line):
                print(line, end="", flush=True)
    return process.returncode


def is_progress(line: str) -> bool:
    return line.rstrip().endswith("%]") or (
        " in " in line and (" passed" in line or " failed" in line)
    )


def read(record: Path, log: Path) -> Session:
    items: dict[str, Item] = {}
    uncollected: dict[str, str] = {}
    for line in record.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if "uncollected" in entry:
            uncollected[entry["uncollected"]] = entry["error"]
        else:
            items[entry["id"]] = Item(entry["outcome"], entry["error"], entry["seconds"])
    closing = [line for line in log.read_text(encoding="utf-8").splitlines() if is_progress(line)]
    return Session(items=items, uncollected=uncollected, closing=closing[-1] if closing else "")
