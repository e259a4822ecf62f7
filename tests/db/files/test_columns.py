"""What a file column takes, stores and gives back."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from sqlalchemy import text
from starlette.datastructures import Headers

from tests.db.files.planes import (
    OWN,
    Elsewhere,
    Labelled,
    Letter,
    Note,
    Nowhere,
    Plain,
    Plane,
    Receipt,
)
from trivium import UploadFile
from trivium.db import (
    Database,
    DbError,
    FieldError,
    FileType,
    InvalidValue,
    StoredFile,
    execute,
    objects,
)
from trivium.storage import FileMissing, MemoryStorage


def upload(content: bytes, filename: str = "cat.png", kind: str | None = "image/png") -> UploadFile:
    headers = Headers({"content-type": kind} if kind else {})
    return UploadFile(io.BytesIO(content), size=len(content), filename=filename, headers=headers)


async def keys() -> list[Any]:
    rows = await execute(text("SELECT photo, manual FROM plane ORDER BY id"))
    return [key for row in rows for key in row]


@pytest.mark.essential
async def test_a_file_is_stored_with_its_row_and_read_again(
    database: Database, storage: MemoryStorage
) -> None:
    async with database.session():
        await Plane.objects.create(tail="N1", photo=upload(b"cat"), manual=upload(b"book", "b.pdf"))

    async with database.session():
        found = await Plane.objects.get(tail="N1")
        photo = found.photo
        assert photo is not None
        assert found.manual is not None
        assert (await photo.read(), await found.manual.read()) == (b"cat", b"book")
        assert (await photo.size(), await photo.exists()) == (3, True)
        assert re.fullmatch(r"photos/cat_[0-9a-f]{16}\.png", str(photo.key))
        assert re.fullmatch(r"planes/N1/b/b_[0-9a-f]{16}\.pdf", str(found.manual.key))
        assert await keys() == [photo.key, found.manual.key] == list(storage.files)
        assert (photo.filename, photo.content_type) == ("cat.png", "image/png")
        assert photo.url == f"/media/{photo.key}"


@pytest.mark.parametrize("kind", ["upload", "bytes", "path", "open", "memory", "stored"])
async def test_a_file_is_made_of_what_there_is(
    database: Database, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "cat.png"
    path.write_bytes(b"cat")
    with path.open("rb") as opened:
        given: Any = {
            "upload": upload(b"cat"),
            "bytes": StoredFile(b"cat", filename="cat.png"),
            "path": path,
            "open": opened,
            "memory": StoredFile(memoryview(b"cat"), filename="cat.png"),
            "stored": StoredFile(StoredFile(b"cat", filename="cat.png")),
        }[kind]
        async with database.session():
            made = await Plane.objects.create(tail="N1", photo=given)
            assert made.photo is not None
            assert (await made.photo.read(), made.photo.filename) == (b"cat", "cat.png")


@pytest.mark.parametrize("way", ["attribute", "assign", "construct"])
async def test_a_file_is_given_later_too(
    database: Database, storage: MemoryStorage, way: str
) -> None:
    given: Any = upload(b"cat")
    async with database.session():
        plane = await Plane.objects.create(tail="N1")
        if way == "attribute":
            plane.photo = given
        elif way == "assign":
            plane.assign({"photo": given})
        else:
            plane = Plane.construct(tail="N2", photo=given)
        assert storage.files == {}
        await plane.save()

        assert list(storage.files.values()) == [b"cat"]
        assert plane.photo is not None
        assert plane.photo.is_stored


async def test_what_waits_can_be_read_and_has_no_url(database: Database) -> None:
    async with database.session():
        plane = Plane(tail="N1", photo=upload(b"cat"))

        assert plane.photo is not None
        assert await plane.photo.read() == b"cat"
        assert not await plane.photo.exists()
        with pytest.raises(InvalidValue, match="not stored yet"):
            _ = plane.photo.url


async def test_the_session_stores_files_too(database: Database, storage: MemoryStorage) -> None:
    async with database.session() as session:
        session.add(Plane(tail="N1", photo=upload(b"cat")))
        session.add(Plain(scan=upload(b"dog")))
        await session.commit()

        assert sorted(storage.files.values()) == [b"cat", b"dog"]


async def test_classes_of_plain_sqlalchemy_have_files(
    database: Database, storage: MemoryStorage
) -> None:
    async with database.session() as session:
        row = Plain(scan=upload(b"dog"))
        session.add(row)
        await session.commit()
        found = await objects(Plain).get()
        assert await found.scan.read() == b"dog"
        await session.delete(found)
        await session.commit()

    assert storage.files == {}


async def test_a_file_that_is_given_while_the_row_is_written_is_stored_too(
    database: Database, storage: MemoryStorage
) -> None:
    async with database.session():
        await Labelled.objects.create()

        found = (await Labelled.objects.get()).label
        assert found is not None
        assert await found.read() == b"a label"


async def test_many_are_stored_at_once(database: Database, storage: MemoryStorage) -> None:
    async with database.session():
        made = await Plane.objects.bulk_create(
            [Plane(tail=f"N{number}", photo=upload(b"%d" % number)) for number in range(3)]
        )
        made[0].photo = None
        made[1].photo = StoredFile(b"new", filename="new.gif")
        await Plane.objects.bulk_update(made, ["photo"])

        found = [each.photo for each in await Plane.objects.order_by("tail")]
        assert [await each.read() if each else None for each in found] == [None, b"new", b"2"]
    assert sorted(storage.files.values()) == [b"2", b"new"]


async def test_named_columns_alone_are_written(database: Database, storage: MemoryStorage) -> None:
    async with database.session():
        plane = await Plane.objects.create(tail="N1", photo=upload(b"a"), manual=upload(b"b"))
        plane.assign({"photo": upload(b"c")})
        await plane.save(update_fields=["photo"])

    async with database.session():
        found = await Plane.objects.values_list("photo", "manual").get()
        assert [await each.read() for each in found] == [b"c", b"b"]
    assert sorted(storage.files.values()) == [b"b", b"c"]


async def test_two_rows_never_share_a_file(database: Database, storage: MemoryStorage) -> None:
    given = StoredFile(b"cat", filename="cat.png")
    async with database.session():
        first = await Plane.objects.create(tail="N1", photo=given)
        second = await Plane.objects.create(tail="N2", photo=given)
        third = Plane(tail="N3")
        third.photo = first.photo
        await third.save()
        await first.delete()

        for each in (second, third):
            assert each.photo is not None
            assert await each.photo.read() == b"cat"
    assert len(storage.files) == 2


async def test_the_storage_is_the_columns_own_or_named(database: Database) -> None:
    async with database.session():
        made = await Elsewhere.objects.create(scan=upload(b"x"))
        assert OWN.files[str(made.scan.key)] == b"x"

        with pytest.raises(DbError, match=r"storages=\{'nowhere'"):
            await Nowhere.objects.create(scan=upload(b"x"))


# -- Bad files -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (upload(b"x" * 1001), "file_too_large"),
        (upload(b"x", "cat.png", "text/html"), "file_type"),
        (upload(b"x", "cat.html", "image/png"), "file_type"),
        (upload(b"x", "cat", None), "file_type"),
        (upload(b"x", "cat", "application/octet-stream"), "file_type"),
        (StoredFile(b"x" * 1001, filename="cat.png"), "file_too_large"),
        ("photos/of_another.png", "value_error"),
        (12, "value_error"),
        (io.StringIO("x"), "value_error"),
    ],
)
def test_a_file_that_is_not_allowed_is_a_validation_error(given: Any, kind: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Plane(tail="N1", photo=given)

    assert [(each["loc"], each["type"]) for each in caught.value.errors()] == [(("photo",), kind)]


@pytest.mark.parametrize("given", [upload(b"x" * 1001), upload(b"x", "a.exe")])
def test_an_attribute_refuses_it_too(given: Any) -> None:
    plane = Plane(tail="N1")

    with pytest.raises(ValueError, match="File should"):
        plane.photo = given


@pytest.mark.parametrize(
    ("name", "kind"),
    [("cat.png", "image/png"), ("cat.PNG", "application/octet-stream"), ("cat", "IMAGE/webp; q=1")],
)
def test_what_the_client_or_the_name_says_is_enough(name: str, kind: str) -> None:
    assert Plane(tail="N1", photo=upload(b"x", name, kind)).photo is not None


async def test_a_file_that_turns_out_too_large_stores_nothing(
    database: Database, storage: MemoryStorage
) -> None:
    class Endless:
        name = "cat.png"
        closed = False

        def seekable(self) -> bool:
            return False

        def read(self, size: int) -> bytes:
            return b"x" * size

    async with database.session():
        with pytest.raises(ValueError, match="at most 1000 bytes"):
            await Plane.objects.create(tail="N1", photo=Endless())
        assert await Plane.objects.count() == 0
    assert storage.files == {}


async def test_a_closed_file_says_so(database: Database) -> None:
    given = upload(b"x")
    await given.close()
    async with database.session():
        with pytest.raises(InvalidValue, match="closed"):
            await Plane.objects.create(tail="N1", photo=given)


async def test_a_statement_over_many_rows_gives_no_file(database: Database) -> None:
    async with database.session():
        with pytest.raises(FieldError, match=r"row\.photo = "):
            await Plane.objects.update(photo=StoredFile(b"x", filename="a.png"))
        with pytest.raises(FieldError, match="conflicts"):
            await Plane.objects.bulk_create([Plane(tail="N1")], ignore_conflicts=True)


def test_types_that_are_a_text_are_refused() -> None:
    with pytest.raises(DbError, match="not a list"):
        FileType(types="image/png")


@given(st.text(max_size=200))
def test_every_name_of_a_client_becomes_a_key(name: str) -> None:
    column = FileType("photos")

    key = column.new_key(None, StoredFile(b"", filename=name).filename)

    assert re.fullmatch(r"photos/[^/\\\x00]+_[0-9a-f]{16}(\.[A-Za-z0-9]{1,15})?", key)
    assert len(key) <= 255


# -- Rows that go ----------------------------------------------------------------------------------


async def filled(database: Database) -> Plane:
    plane = await Plane.objects.create(tail="N1", photo=upload(b"a"), manual=upload(b"b"))
    await Note.objects.create(scan=upload(b"c"), plane=plane)
    await Note.objects.create(scan=upload(b"d"), plane=plane)
    return plane


@pytest.mark.parametrize("way", ["instance", "query"])
async def test_files_go_with_their_row_and_the_rows_that_go_with_it(
    database: Database, storage: MemoryStorage, way: str
) -> None:
    async with database.session():
        plane = await filled(database)
        if way == "instance":
            await plane.delete()
        else:
            await Plane.objects.filter(tail="N1").delete()

    assert storage.files == {}


async def test_files_of_all_rows_of_a_query_go(database: Database, storage: MemoryStorage) -> None:
    async with database.session():
        await filled(database)
        await Note.objects.exclude(scan=None).delete()

    assert sorted(storage.files.values()) == [b"a", b"b"]


@pytest.mark.parametrize("loaded", [True, False])
async def test_a_file_that_is_replaced_goes(
    database: Database, storage: MemoryStorage, loaded: bool
) -> None:
    async with database.session():
        await filled(database)
    async with database.session():
        query = Plane.objects if loaded else Plane.objects.defer("photo")
        plane = await query.get(tail="N1")
        plane.photo = StoredFile(b"new", filename="new.gif")
        plane.manual = None
        await plane.save()

    assert sorted(storage.files.values()) == [b"c", b"d", b"new"]


async def test_an_update_to_null_removes_the_files(
    database: Database, storage: MemoryStorage
) -> None:
    async with database.session():
        await filled(database)
        assert await Plane.objects.update(photo=None, tail="N2") == 1

    assert sorted(storage.files.values()) == [b"b", b"c", b"d"]


async def test_a_row_that_is_marked_as_deleted_keeps_its_file(
    database: Database, storage: MemoryStorage
) -> None:
    async with database.session():
        letter = await Letter.objects.create(scan=upload(b"x"))
        await letter.delete()
        assert len(storage.files) == 1
        await letter.delete_for_good()

    assert storage.files == {}


async def test_a_column_that_keeps_its_files_does(
    database: Database, storage: MemoryStorage
) -> None:
    async with database.session():
        made = await Receipt.objects.create(scan=upload(b"1"))
        made.scan = StoredFile(b"2", filename="2.png")
        await made.save()
        await made.delete()

    assert sorted(storage.files.values()) == [b"1", b"2"]


async def test_a_file_that_is_missing_is_an_error_that_names_it(
    database: Database, storage: MemoryStorage
) -> None:
    async with database.session():
        made = await Letter.objects.create(scan=upload(b"x"))
        storage.files.clear()

        with pytest.raises(FileMissing, match="cat_"):
            await made.scan.read()
        await made.delete_for_good()
