"""A file is there if, and only if, its row is."""

from __future__ import annotations

import io
import logging
from collections.abc import AsyncIterable, AsyncIterator
from typing import Any

import pytest
from anyio import Event, create_task_group
from sqlalchemy.exc import IntegrityError

from tests.db.files.planes import Base, Plane
from trivium import UploadFile
from trivium.db import (
    Database,
    IntegrityFailure,
    StoredFile,
    Unavailable,
    UncommittedWork,
    atomic,
    current_session,
    on_commit,
)
from trivium.db.units import Unit, entered
from trivium.storage import MemoryStorage, StorageFailed


def png(content: bytes) -> StoredFile:
    return StoredFile(content, filename="cat.png")


async def stored(database: Database, storage: MemoryStorage) -> list[bytes]:
    """The files of all rows; what is in the storage is these and nothing else."""
    async with database.session():
        files = [plane.photo for plane in await Plane.objects.order_by("tail")]
        found = [await file.read() for file in files if file is not None]
    assert sorted(storage.files.values()) == sorted(found)
    return found


class Failure(Exception):
    pass


@pytest.mark.essential
async def test_what_is_rolled_back_leaves_the_files_as_they_were(
    database: Database, storage: MemoryStorage
) -> None:
    async with database.session():
        await Plane.objects.create(tail="N1", photo=png(b"1"))
        await Plane.objects.create(tail="N2", photo=png(b"2"))
        with pytest.raises(Failure):
            async with atomic():
                first = await Plane.objects.get(tail="N1")
                first.photo = png(b"new")
                await first.save()
                await Plane.objects.filter(tail="N2").delete()
                await Plane.objects.create(tail="N3", photo=png(b"3"))
                await Plane.objects.update(photo=None)
                assert len(storage.files) == 4
                raise Failure

    assert await stored(database, storage) == [b"1", b"2"]


@pytest.mark.parametrize("way", ["atomic", "sqlalchemy"])
async def test_a_savepoint_that_is_undone_takes_its_files_along(
    database: Database, storage: MemoryStorage, way: str
) -> None:
    async with database.session() as session:
        await Plane.objects.create(tail="N1", photo=png(b"1"))
        async with atomic():
            await Plane.objects.create(tail="N2", photo=png(b"2"))
            with pytest.raises(Failure):
                async with atomic() if way == "atomic" else session.begin_nested():
                    await Plane.objects.filter(tail="N1").delete()
                    await Plane.objects.create(tail="N3", photo=png(b"3"))
                    raise Failure

    assert await stored(database, storage) == [b"1", b"2"]


async def test_a_savepoint_that_is_released_ends_with_the_transaction(
    database: Database, storage: MemoryStorage
) -> None:
    async with database.session() as session:
        with pytest.raises(Failure):
            async with atomic():
                async with session.begin_nested():
                    await Plane.objects.create(tail="N1", photo=png(b"1"))
                raise Failure

    assert await stored(database, storage) == []


async def test_a_row_that_is_refused_has_no_file(
    database: Database, storage: MemoryStorage
) -> None:
    async with database.session() as session:
        await Plane.objects.create(tail="N1", photo=png(b"1"))
        with pytest.raises(IntegrityFailure):
            await Plane.objects.create(tail="N1", photo=png(b"2"))
        with pytest.raises(IntegrityFailure):
            await Plane.objects.bulk_create([Plane(tail="N1", photo=png(b"3"))])
        session.add(Plane(tail="N1", photo=png(b"4")))
        with pytest.raises(IntegrityFailure):
            await session.commit()
        await session.rollback()

    assert await stored(database, storage) == [b"1"]


async def test_a_savepoint_whose_flush_fails_takes_its_files_alone(
    database: Database, storage: MemoryStorage
) -> None:
    async with database.session() as session, atomic():
        await Plane.objects.create(tail="N1", photo=png(b"1"))
        with pytest.raises(IntegrityError):
            async with session.begin_nested():
                session.add(Plane(tail="N1", photo=png(b"2")))

    assert await stored(database, storage) == [b"1"]


async def test_what_was_not_committed_leaves_no_file(
    database: Database, storage: MemoryStorage
) -> None:
    with pytest.raises(UncommittedWork):
        async with database.session() as session:
            session.add(Plane(tail="N1", photo=png(b"1")))
            await session.flush()
            assert len(storage.files) == 1

    assert await stored(database, storage) == []


async def test_a_unit_that_is_abandoned_leaves_no_file(
    database: Database, storage: MemoryStorage
) -> None:
    unit = Unit(database.databases)
    with entered(unit):
        session = current_session()
        session.add(Plane(tail="N1", photo=png(b"1")))
        await session.flush()
        assert len(storage.files) == 1

        await unit.abandon()

    assert storage.files == {}


async def test_no_connection_is_held_while_a_file_is_stored(
    database: Database, storage: Faulty
) -> None:
    held: list[int] = []

    async def chunks() -> AsyncIterator[bytes]:
        held.append(database.engine.pool.checkedout())
        yield b"1"

    photo = png(b"")
    assert photo.source is not None
    photo.source.read = chunks
    async with database.session():
        await Plane.objects.create(tail="N1", photo=photo)

    assert held == [0]
    assert await stored(database, storage) == [b"1"]


async def test_an_instance_can_be_saved_again_after_a_rollback(
    database: Database, storage: MemoryStorage
) -> None:
    upload = UploadFile(io.BytesIO(b"1"), filename="cat.png", size=1)
    plane = Plane(tail="N1", photo=upload)
    async with database.session():
        with pytest.raises(Failure):
            async with atomic():
                await plane.save()
                raise Failure
        await plane.save()

    assert await stored(database, storage) == [b"1"]


async def test_a_file_that_is_replaced_twice_is_removed_with_the_first(
    database: Database, storage: MemoryStorage
) -> None:
    async with database.session():
        plane = await Plane.objects.create(tail="N1", photo=png(b"1"))
        async with atomic():
            for content in (b"2", b"3"):
                plane.photo = png(content)
                await plane.save()

    assert await stored(database, storage) == [b"3"]


async def test_a_callback_that_fails_takes_no_file(
    database: Database, storage: MemoryStorage
) -> None:
    async def fails() -> None:
        with pytest.raises(Failure):
            async with atomic():
                raise Failure

    async with database.session():
        async with atomic():
            await on_commit(fails)
            await Plane.objects.create(tail="N1", photo=png(b"1"))
        async with atomic():
            await Plane.objects.create(tail="N2", photo=png(b"2"))
            await on_commit(fails)

    assert await stored(database, storage) == [b"1", b"2"]


# -- Faults ----------------------------------------------------------------------------------------


class Faulty(MemoryStorage):
    """A storage whose disk is full, or that does not answer."""

    failing: str = ""

    async def save(self, key: str, chunks: AsyncIterable[bytes]) -> int:
        if self.failing == "save":
            raise StorageFailed("No space left on device")
        return await super().save(key, chunks)

    async def delete(self, key: str) -> None:
        if self.failing == "delete":
            raise StorageFailed("the disk is gone")
        await super().delete(key)


@pytest.fixture
def storage() -> MemoryStorage:
    return Faulty()


async def test_a_full_disk_stores_no_row(database: Database, storage: Faulty) -> None:
    storage.failing = "save"
    async with database.session():
        with pytest.raises(StorageFailed, match="No space"):
            await Plane.objects.create(tail="N1", photo=png(b"1"))

    storage.failing = ""
    assert await stored(database, storage) == []
    assert database.engine.pool.checkedout() == 0


async def test_a_file_that_cannot_be_removed_is_logged_and_the_commit_holds(
    database: Database, storage: Faulty, caplog: pytest.LogCaptureFixture
) -> None:
    async with database.session():
        plane = await Plane.objects.create(tail="N1", photo=png(b"1"))
        storage.failing = "delete"
        with caplog.at_level(logging.ERROR, "trivium.db"):
            await plane.delete()
        assert await Plane.objects.count() == 0

    assert [record.getMessage()[:35] for record in caplog.records] == [
        "A file without a row could not be r"
    ]


async def test_a_rollback_whose_file_cannot_be_removed_still_raises_its_own_error(
    database: Database, storage: Faulty, caplog: pytest.LogCaptureFixture
) -> None:
    async with database.session():
        with caplog.at_level(logging.ERROR, "trivium.db"), pytest.raises(Failure):
            async with atomic():
                await Plane.objects.create(tail="N1", photo=png(b"1"))
                storage.failing = "delete"
                raise Failure

    assert len(caplog.records) == 1


async def test_a_task_that_is_cancelled_while_a_file_is_stored_leaves_nothing(
    database: Database, storage: Faulty
) -> None:
    storing = Event()

    class Slow:
        name = "cat.png"

        def read(self, size: int = -1) -> bytes:
            return b""

    async def endless() -> Any:
        yield b"x"
        storing.set()
        await Event().wait()

    async def create() -> None:
        async with database.session(), atomic():
            await Plane.objects.create(tail="N1", photo=png(b"1"))
            photo = StoredFile(Slow())
            assert photo.source is not None
            photo.source.read = endless
            await Plane.objects.create(tail="N2", photo=photo)

    async with create_task_group() as tasks:
        tasks.start_soon(create)
        await storing.wait()
        tasks.cancel_scope.cancel()

    assert await stored(database, storage) == []
    assert database.engine.pool.checkedout() == 0


@pytest.mark.on("postgresql")
async def test_a_commit_of_which_nobody_knows_keeps_the_file(
    database_url: str, storage: Faulty, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Database(database_url, models=Base, storages={"default": storage}) as database:
        await database.create_tables()
        dialect: Any = database.engine.dialect
        commit = dialect.do_commit

        def lost(connection: Any) -> None:
            commit(connection)
            raise dialect.loaded_dbapi.InterfaceError("connection is closed")

        async with database.session():
            with monkeypatch.context() as patch, pytest.raises(Unavailable):
                patch.setattr(dialect, "do_commit", lost)
                patch.setattr(dialect, "is_disconnect", lambda *_: True)
                await Plane.objects.create(tail="N1", photo=png(b"1"))

        assert await stored(database, storage) == [b"1"]
