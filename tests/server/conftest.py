from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import project
from tests.server.project import Project

__all__ = ["project"]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Project]:
    """A project whose processes are ended with the test."""
    project = Project(tmp_path)
    yield project
    project.close()
