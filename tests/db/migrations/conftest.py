"""A database, a directory of migrations, and models that change between two migrations."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.db.migrations.schema import History
from trivium.db import Database


@pytest.fixture
def history(database: Database, tmp_path: Path) -> History:
    return History(database, tmp_path / "migrations")
