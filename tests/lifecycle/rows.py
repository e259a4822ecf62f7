"""The rows of the tables in `docs/lifecycle.md`, and the mark of the tests that hold them."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "lifecycle.md"

Test = TypeVar("Test", bound=Callable[..., object])


def row(*ids: str) -> Callable[[Test], Test]:
    """Says which rows a test holds. ``rows_with_tests`` reads it from the source."""

    def mark(test: Test) -> Test:
        return test

    return mark


def rows_of_the_page() -> list[str]:
    """The ids of the rows, in order: the first cell of a table's line, in backticks."""
    return re.findall(r"^\| `([a-z-]+)` \|", PAGE.read_text("utf-8"), re.MULTILINE)


def rows_with_tests() -> set[str]:
    """The ids that the tests of this folder name."""
    return {row for path in HERE.glob("test_*.py") for row in _named_in(path)}


def _named_in(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "row":
                    yield from (ast.literal_eval(argument) for argument in decorator.args)
