"""Runs the examples of a Markdown page, in order, as its reader would.

    ```python      executed; the blocks of a page share their names. Functions named test_* in a
                   block are called as well, asynchronous ones in an event loop.
                   A block that starts with "# main.py" is a file: it is written into the page's
                   own directory and imported, and the page goes on with its names.
                   A block that starts with >>> is a session: each output is compared.
    ```python program
                   a file that is written and not imported: a command below runs it.
    ```console     each "$ " line is run by the shell in the page's directory, and what it prints,
                   errors included, is compared. A line of three dots stands for any lines.

Blocks of other languages are shown only. A block that cannot run is preceded by
``<!--- skip: next "reason" -->``.
"""

from __future__ import annotations

import doctest
import importlib
import inspect
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
from sybil import Example, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser, SkipParser

__all__ = ["pages"]

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
FILE_NAME = re.compile(r"# ([\w/]+\.py)\n")
PATIENCE = 40.0
"""Seconds that a command may take."""


def pages(*patterns: str, root: Path) -> Sybil:
    """The pages below ``root`` that match one of the patterns."""
    python = PythonCodeBlockParser(doctest_optionflags=FLAGS)
    python.codeblock_parser = CodeBlockParser("python", PythonBlock())
    return Sybil(
        parsers=[
            python,
            CodeBlockParser("python program", write_program),
            CodeBlockParser("console", run_commands),
            SkipParser(),
        ],
        patterns=patterns,
        path=str(root),
        setup=open_page,
        teardown=close_page,
    )


def open_page(namespace: dict[str, Any]) -> None:
    directory = Path(tempfile.mkdtemp(prefix="trivium-page-")).resolve()
    namespace.update(__name__="page", __page__=directory)
    sys.path.insert(0, str(directory))


def close_page(namespace: dict[str, Any]) -> None:
    directory: Path = namespace["__page__"]
    sys.path.remove(str(directory))
    for name, module in list(sys.modules.items()):
        if is_below(module, directory):
            del sys.modules[name]
    shutil.rmtree(directory)


def is_below(module: Any, directory: Path) -> bool:
    file = getattr(module, "__file__", None)
    if file is not None:
        return Path(file).is_relative_to(directory)
    return any(Path(place).is_relative_to(directory) for place in getattr(module, "__path__", ()))


class PythonBlock:
    """Executes a block, or writes it as the file that its first line names and imports that."""

    def __init__(self) -> None:
        self.execute = PythonEvaluator()

    def __call__(self, example: Example) -> None:
        namespace = example.namespace
        before = dict(namespace)
        if named := FILE_NAME.match(example.parsed):
            namespace.update(imported(namespace["__page__"], named[1], example.parsed))
        else:
            self.execute(example)
        for name, value in list(namespace.items()):
            if name.startswith("test_") and before.get(name) is not value:
                run_test(value)


def imported(directory: Path, name: str, source: str) -> dict[str, Any]:
    """The names of a file that is written into the directory, also when it was there before."""
    write(directory, name, source)
    module_name = name.removesuffix(".py").replace("/", ".")
    sys.modules.pop(module_name, None)
    importlib.invalidate_caches()
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    try:
        module = importlib.import_module(module_name)
    finally:
        sys.dont_write_bytecode = before
    return {name: value for name, value in vars(module).items() if not name.startswith("__")}


def write_program(example: Example) -> str | None:
    """Writes the file that the first line of a block names; a complaint where it names none."""
    if not (named := FILE_NAME.match(example.parsed)):
        return 'A program starts with the name of its file: "# main.py"'
    write(example.namespace["__page__"], named[1], example.parsed)
    return None


def write(directory: Path, name: str, source: str) -> None:
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source, encoding="utf-8")


def run_test(function: Any) -> None:
    if inspect.iscoroutinefunction(function):
        anyio.run(function)
    else:
        function()


def run_commands(example: Example) -> str | None:
    """Runs the commands of a block; what is wrong with the first that fails to print as shown."""
    directory: Path = example.namespace["__page__"]
    for command, expected in commands(example.parsed):
        printed = printed_by(command, directory)
        if not matches(expected, printed):
            return f"$ {command}\nExpected:\n{expected}\nGot:\n{printed}"
    return None


def commands(block: str) -> Iterator[tuple[str, str]]:
    """The commands of a block with the output that follows each."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        yield command, expected


def printed_by(command: str, directory: Path) -> str:
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "NO_COLOR": "1",
    }
    # the interpreter of the tests, whatever the machine calls `python`
    command = re.sub(r"^python ", shlex.quote(sys.executable) + " ", command)
    done = subprocess.run(
        command,
        shell=True,
        cwd=directory,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return done.stdout.replace(str(directory) + os.sep, "")


def matches(expected: str, printed: str) -> bool:
    """Whether the lines are the same, but for blanks at their end and what dots stand for."""
    pattern = "".join(
        r"(?:.*\n)*?" if line == "..." else re.escape(line.rstrip() + "\n")
        for line in expected.strip("\n").splitlines()
    )
    got = "".join(line.rstrip() + "\n" for line in printed.strip("\n").splitlines())
    return re.fullmatch(pattern, got) is not None
