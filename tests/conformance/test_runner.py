"""The conformance runner: what counts, what is explained, and what fails the build."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance import compatibility, last, session, suite, verdict
from tests.conformance.compatibility import BadTable, Difference
from tests.conformance.session import Item, Session
from tests.conformance.verdict import Group

PASSED = Item("passed")


def a_session(*passed: str, failed: dict[str, str] | None = None, **options: object) -> Session:
    items = dict.fromkeys(passed, PASSED)
    items |= {node: Item("failed", error) for node, error in (failed or {}).items()}
    return Session(items, **options)  # type: ignore[arg-type]  # passed through as written


BODY = "tests/test_tutorial/test_body/test_tutorial001.py"
PATH = "tests/test_path.py"


# -- The comparison --------------------------------------------------------------------------------


def test_only_what_passes_on_the_real_package_counts() -> None:
    real = a_session(f"{BODY}::a", failed={f"{BODY}::b": "AssertionError"})
    ours = a_session(f"{BODY}::b", failed={f"{BODY}::a": "KeyError: 'x'"})

    result = verdict.compare(real, ours, [], complete=True)

    assert result.groups == [Group("test_tutorial/test_body", baseline=1, passed=0)]
    assert [(each.node, each.error) for each in result.failures] == [
        (f"{BODY}::a", "KeyError: 'x'")
    ]


def test_an_item_that_is_skipped_on_trivium_has_failed() -> None:
    real = a_session(f"{PATH}::a")
    ours = Session({f"{PATH}::a": Item("skipped")})

    (failure,) = verdict.compare(real, ours, [], complete=True).failures

    assert failure.error == "skipped, where the real package passes"


def test_every_item_of_a_file_that_cannot_be_collected_has_failed() -> None:
    real = a_session(f"{PATH}::a", f"{PATH}::b")
    ours = a_session(uncollected={PATH: "ImportError: no Query"})

    result = verdict.compare(real, ours, [], complete=True)

    assert result.total == Group("total", baseline=2, passed=0)
    assert {each.error for each in result.failures} == {"not collected: ImportError: no Query"}


def test_an_item_that_never_ran_has_failed_in_a_complete_run_only() -> None:
    real = a_session(f"{PATH}::a", f"{PATH}::b")
    ours = a_session(f"{PATH}::a")

    complete = verdict.compare(real, ours, [], complete=True)
    part = verdict.compare(real, ours, [], complete=False)

    assert complete.total == Group("total", baseline=2, passed=1)
    assert part.total == Group("total", baseline=1, passed=1)


# -- The gate --------------------------------------------------------------------------------------


def tutorial(*, baseline: int, passed: int, explained: bool) -> verdict.Verdict:
    nodes = [f"{BODY}::{number}" for number in range(baseline)]
    differences = [Difference(f"{BODY}::*", "a reason")] if explained else []
    return verdict.compare(
        a_session(*nodes), a_session(*nodes[:passed]), differences, complete=True
    )


def test_a_run_without_differences_passes() -> None:
    assert tutorial(baseline=100, passed=100, explained=False).findings() == []


def test_99_percent_with_every_difference_explained_passes() -> None:
    assert tutorial(baseline=100, passed=99, explained=True).findings() == []


def test_less_than_99_percent_fails_even_if_every_difference_is_explained() -> None:
    (finding,) = tutorial(baseline=1000, passed=989, explained=True).findings()

    assert finding.startswith("tests/test_tutorial is at 98.90%, under the 99%")


def test_one_difference_without_a_reason_fails_at_any_percentage() -> None:
    (finding,) = tutorial(baseline=1000, passed=999, explained=False).findings()

    assert finding == "1 differences are not explained in docs/compatibility.md."


def test_a_percentage_is_never_rounded_up_to_100() -> None:
    assert verdict.rounded(Group("all", baseline=100_000, passed=99_999)) == 99.99


def test_an_explanation_of_something_that_passes_is_named() -> None:
    outdated = Difference("tests/test_gone.py::*", "it used to differ")
    real = a_session(f"{PATH}::a")

    result = verdict.compare(real, real, [outdated], complete=True)

    assert result.unused == [outdated]


# -- The page of differences -----------------------------------------------------------------------


def page(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "compatibility.md"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_page_is_read_from_its_tables_and_from_nothing_else(tmp_path: Path) -> None:
    path = page(
        tmp_path,
        "# Compatibility\n\n"
        "| FastAPI | Trivium |\n|---|---|\n| one | other |\n\n"
        "| Node id pattern | Reason |\n|---|---|\n"
        "| `tests/test_a.py::*[x\\|y]` | The reason. |\n\n"
        "| not | this |\n",
    )

    assert compatibility.read(path) == [Difference("tests/test_a.py::*[x|y]", "The reason.")]


def test_a_pattern_knows_only_the_asterisk() -> None:
    difference = Difference("tests/test_a.py::test_b[*-GET]", "a reason")

    assert difference.covers("tests/test_a.py::test_b[/items-GET]")
    assert not difference.covers("tests/test_a.py::test_bG")
    assert not difference.covers("tests/test_a.py::test_b[/items-GET]-more")


@pytest.mark.parametrize(
    "row", ["| tests/a.py | |", "| | a reason |", "| tests/a.py | one | two |"]
)
def test_a_row_without_pattern_or_reason_is_refused_with_the_row(tmp_path: Path, row: str) -> None:
    path = page(tmp_path, f"| node id pattern | reason |\n|---|---|\n{row}\n")

    with pytest.raises(BadTable, match="needs a node id pattern and a reason") as caught:
        compatibility.read(path)

    assert row in str(caught.value)


# -- Sessions --------------------------------------------------------------------------------------

SUITE = """
import pytest

def test_good(): pass
def test_bad(): assert {"a": 1} == {"a": 2}
@pytest.mark.skip(reason="elsewhere")
def test_left_out(): pass
@pytest.mark.xfail(reason="known")
def test_known(): assert 0
@pytest.fixture
def broken_exit():
    yield
    raise OSError("at the end")
def test_bad_exit(broken_exit): pass
"""


@pytest.fixture
def recorded(tmp_path: Path) -> Session:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_some.py").write_text(SUITE, encoding="utf-8")
    (tmp_path / "tests" / "test_broken.py").write_text("import no_such_module\n", encoding="utf-8")
    return session.run(
        Path(sys.executable),
        suite=tmp_path,
        scope="whole",
        record=tmp_path / "record.jsonl",
        on_trivium=False,
        jobs=0,
    )


def test_a_session_tells_how_each_item_ended(recorded: Session) -> None:
    outcomes = {
        node.split("::")[1]: (item.outcome, item.error) for node, item in recorded.items.items()
    }

    assert outcomes == {
        "test_good": ("passed", ""),
        "test_bad": ("failed", "AssertionError: assert {'a': 1} == {'a': 2}"),
        "test_left_out": ("skipped", ""),
        "test_known": ("xfailed", ""),
        "test_bad_exit": ("failed", "OSError: at the end"),
    }
    assert recorded.uncollected == {
        "tests/test_broken.py": "ModuleNotFoundError: No module named 'no_such_module'"
    }


def test_the_plugin_refuses_an_environment_that_has_the_real_package() -> None:
    # This repository's own environment has it, for the differential tests.
    done = subprocess.run(
        [sys.executable, "-c", "import conformance_trivium"],
        env={**os.environ, "PYTHONPATH": str(session.PLUGINS)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode != 0
    assert "UsageError: the real fastapi can be imported here" in done.stderr.splitlines()[-1]


# -- What stays between runs -----------------------------------------------------------------------


def test_last_failed_forgets_what_passed_and_keeps_what_did_not_run(tmp_path: Path) -> None:
    last.update(tmp_path, ran=["a", "b", "c"], failing=["a", "b"])
    last.update(tmp_path, ran=["b", "d"], failing=["d"])

    assert last.read(tmp_path) == ["a", "d"]


def test_an_archive_that_is_not_the_published_one_is_not_used(tmp_path: Path) -> None:
    archive = tmp_path / suite.ARCHIVE
    archive.write_bytes(b"something else")

    assert not suite.is_genuine(archive)
