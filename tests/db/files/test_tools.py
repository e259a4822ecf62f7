"""What else knows of columns: dumps, migrations, factories, schemas."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from sqlalchemy.orm import Mapped, mapped_column

from tests.db.files.planes import Plane
from tests.db.migrations.schema import History
from trivium.db import Database, FileType, Model, StoredFile
from trivium.db.dumps import dump, load
from trivium.db.testing import factory
from trivium.storage import MemoryStorage


class Tables(Model, base=True):
    pass


class Picture(Tables):
    image: Mapped[StoredFile] = mapped_column(FileType("images", types=["image/*"]))
    plan: Mapped[StoredFile | None] = mapped_column(FileType())


@pytest.mark.essential
async def test_a_dump_carries_the_keys(database: Database, storage: MemoryStorage) -> None:
    async with database.session():
        made = await Plane.objects.create(
            tail="N1", photo=StoredFile(b"cat", filename="cat.png"), manual=None
        )
    file = io.StringIO()
    await dump(database, file, tables=["plane"])
    await database.drop_tables()
    await database.create_tables()

    lines = file.getvalue().splitlines()
    assert made.photo is not None
    assert json.loads(lines[0])["row"]["photo"] == made.photo.key
    assert await load(database, lines) == 1
    async with database.session():
        found = (await Plane.objects.get()).photo
        assert found is not None
        assert await found.read() == b"cat"


@pytest.mark.essential
async def test_a_column_is_migrated_as_a_text(database_url: str, tmp_path: Path) -> None:
    async with Database(database_url, models=Tables) as database:
        history = History(database, tmp_path / "migrations")
        await history.become(Tables.metadata)

        assert await history.changes() == []
    written = next((tmp_path / "migrations").glob("*.py")).read_text("utf-8")
    assert "sa.String(length=255), nullable=False" in written
    assert "trivium.db.files" not in written


async def test_a_factory_makes_a_file_that_is_allowed(database_url: str) -> None:
    storages = {"default": MemoryStorage()}
    async with Database(database_url, models=Tables, storages=storages) as database:
        await database.create_tables()
        async with database.session():
            made = await factory(Picture)()

            assert made.image.content_type.startswith("image/")
            assert (await made.image.read()).isdigit()
