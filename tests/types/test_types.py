"""How the public API looks to mypy and pyright: the files beside this one, mistakes included.

`assert_type` says what a checker must see. A mistake carries a comment that silences it, and both
checkers complain of such a comment where there is nothing to silence, so each mistake is known to
be found. Functions named `mistakes` are checked and never called.

The checkers run in `make mypy` and `make pyright`; this file sees to it that they do, and that the
examples are programs.
"""

from __future__ import annotations

import runpy
import tomllib
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
EXAMPLES = sorted(path for path in HERE.glob("*.py") if path != Path(__file__))


def test_both_checkers_read_the_examples() -> None:
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]
    folder = HERE.relative_to(ROOT).as_posix()

    assert folder in tools["mypy"]["files"]
    assert folder in tools["pyright"]["include"]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_has_mistakes_that_both_checkers_must_find(example: Path) -> None:
    source = example.read_text("utf-8")

    assert source.startswith("# pyright: reportUnnecessaryTypeIgnoreComment=true\n")
    assert "def mistakes(" in source


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_a_program_that_can_be_imported(example: Path) -> None:
    names = runpy.run_path(str(example))

    assert names["app"].openapi()["paths"]
