"""Every program in FastAPI's documentation and tests has the same document on Trivium."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conformance import suite

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("documents_of.py")

Documents = dict[str, Any]


@pytest.fixture(scope="module")
def home() -> Path:
    return suite.prepare(ROOT / ".cache" / "conformance").home


def documents(framework: str, home: Path, folder: str, directory: Path) -> Documents:
    directory.mkdir()
    command = [sys.executable, str(SCRIPT), framework, str(home), folder]
    printed = subprocess.check_output(command, cwd=directory, text=True, timeout=300)
    return json.loads(printed)  # type: ignore[no-any-return]  # the script prints an object


def refused(documents: Documents) -> set[str]:
    return {name for name, made in documents.items() if isinstance(made, str)}


@pytest.mark.conformance
@pytest.mark.timeout(600)
def test_the_documents_of_the_programs_in_fastapis_documentation_are_equal(
    home: Path, tmp_path: Path
) -> None:
    real = documents("real", home, "docs_src", tmp_path / "real")
    ours = documents("trivium", home, "docs_src", tmp_path / "ours")

    assert sum(len(made) for made in real.values() if isinstance(made, list)) >= 340
    assert refused(ours) == refused(real)
    assert {name: ours[name] for name in ours.keys() - refused(ours)} == {
        name: real[name] for name in real.keys() - refused(real)
    }


@pytest.mark.conformance
@pytest.mark.timeout(600)
def test_the_documents_of_the_programs_in_fastapis_tests_are_equal(
    home: Path, tmp_path: Path
) -> None:
    """Those that name public modules only; the others cannot be imported on Trivium."""
    real = documents("real", home, "tests", tmp_path / "real")
    ours = documents("trivium", home, "tests", tmp_path / "ours")
    common = ours.keys() - refused(ours) - refused(real)

    assert sum(len(real[name]) for name in common) >= 250
    assert {name: ours[name] for name in common} == {name: real[name] for name in common}
