"""What every storage promises, and what a directory does beyond that."""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from anyio import Event, create_task_group
from obstore.store import MemoryStore

from trivium.storage import (
    FileMissing,
    FileTaken,
    InvalidKey,
    LocalStorage,
    MemoryStorage,
    ObjectStorage,
    Storage,
    StorageError,
    StorageFailed,
)

MEGABYTE = 1024 * 1024


@pytest.fixture
def anyio_backend() -> str:
    # obstore runs on asyncio alone
    return "asyncio"


@pytest.fixture(params=["local", "memory", "objects"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "local":
        return LocalStorage(tmp_path / "media", url="/media")
    if request.param == "memory":
        return MemoryStorage()
    return ObjectStorage(MemoryStore(), url="/media")


@pytest.fixture
def local(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path / "media")


async def chunks(*content: bytes) -> AsyncIterator[bytes]:
    for each in content:
        yield each


async def broken(*content: bytes) -> AsyncIterator[bytes]:
    for each in content:
        yield each
    raise ConnectionResetError("the client has gone")


async def read(storage: Storage, key: str) -> bytes:
    return b"".join([chunk async for chunk in storage.stream(key)])


def everything_in(storage: LocalStorage) -> list[str]:
    found = (each for each in storage.directory.rglob("*") if each.is_file())
    return sorted(each.relative_to(storage.directory).as_posix() for each in found)


async def test_a_file_is_read_as_it_was_saved(storage: Storage) -> None:
    size = await storage.save("a/b.txt", chunks(b"one", b"", b"two"))

    assert size == await storage.size("a/b.txt") == 6
    assert await read(storage, "a/b.txt") == b"onetwo"
    assert await storage.exists("a/b.txt")
    assert storage.url("a/b.txt") == "/media/a/b.txt"


@pytest.mark.parametrize("content", [b"", b"x" * (20 * MEGABYTE + 7)], ids=["empty", "large"])
async def test_a_file_has_any_size(storage: Storage, content: bytes) -> None:
    parts = [content[start : start + MEGABYTE] for start in range(0, len(content), MEGABYTE)]

    assert await storage.save("file", chunks(*parts)) == len(content)

    assert await read(storage, "file") == content


@pytest.mark.parametrize("size", [1, 10 * MEGABYTE])
async def test_a_file_that_is_there_is_not_overwritten(storage: Storage, size: int) -> None:
    await storage.save("file", chunks(b"first"))

    with pytest.raises(FileTaken):
        await storage.save("file", chunks(b"x" * size, b"y"))

    assert await read(storage, "file") == b"first"


async def test_a_file_that_is_deleted_is_gone_and_may_be_deleted_again(storage: Storage) -> None:
    await storage.save("file", chunks(b"x"))

    await storage.delete("file")
    await storage.delete("file")

    assert not await storage.exists("file")
    with pytest.raises(FileMissing):
        await read(storage, "file")
    with pytest.raises(FileMissing):
        await storage.size("file")


@pytest.mark.parametrize("size", [1, 10 * MEGABYTE])
async def test_chunks_that_end_with_an_error_leave_no_file(storage: Storage, size: int) -> None:
    with pytest.raises(ConnectionResetError):
        await storage.save("file", broken(b"x" * size))

    assert not await storage.exists("file")
    assert await storage.save("file", chunks(b"again")) == 5


async def test_what_is_no_key_is_refused_by_every_method(storage: Storage) -> None:
    with pytest.raises(InvalidKey):
        await storage.save("../x", chunks(b"x"))
    with pytest.raises(InvalidKey):
        await read(storage, "../x")
    for method in (storage.delete, storage.exists, storage.size):
        with pytest.raises(InvalidKey):
            await method("../x")
    with pytest.raises(InvalidKey):
        storage.url("../x")


async def test_a_url_is_quoted(storage: Storage) -> None:
    assert storage.url("ä/b.txt") == "/media/%C3%A4/b.txt"


# -- A directory -----------------------------------------------------------------------------------


async def test_a_file_that_is_being_written_is_not_there_yet(local: LocalStorage) -> None:
    writing, go_on = Event(), Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"one"
        writing.set()
        await go_on.wait()
        yield b"two"

    async with create_task_group() as tasks:
        tasks.start_soon(local.save, "file", slow())
        await writing.wait()
        assert not await local.exists("file")
        go_on.set()

    assert await read(local, "file") == b"onetwo"
    assert everything_in(local) == ["file"]


async def test_a_writer_that_is_cancelled_leaves_nothing(local: LocalStorage) -> None:
    writing = Event()

    async def endless() -> AsyncIterator[bytes]:
        yield b"one"
        writing.set()
        await Event().wait()

    async with create_task_group() as tasks:
        tasks.start_soon(local.save, "file", endless())
        await writing.wait()
        tasks.cancel_scope.cancel()

    assert everything_in(local) == []


async def test_of_two_writers_of_one_key_one_is_refused(local: LocalStorage) -> None:
    first, second = Event(), Event()
    results: list[Any] = []

    async def slow(own: Event, other: Event) -> AsyncIterator[bytes]:
        yield b"x"
        own.set()
        await other.wait()

    async def save(own: Event, other: Event) -> None:
        try:
            results.append(await local.save("file", slow(own, other)))
        except FileTaken:
            results.append("taken")

    async with create_task_group() as tasks:
        tasks.start_soon(save, first, second)
        tasks.start_soon(save, second, first)

    assert sorted(map(str, results)) == ["1", "taken"]
    assert everything_in(local) == ["file"]


async def test_a_disk_that_is_full_is_an_error_and_leaves_nothing(
    local: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(StorageFailed, match="No space left"):
        await local.save("file", chunks(b"x"))

    monkeypatch.undo()
    assert everything_in(local) == []


async def test_a_directory_that_cannot_be_written_leaves_nothing(
    local: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    synchronised = os.fsync
    calls: list[int] = []

    def fails_for_the_directory(file: int) -> None:
        calls.append(file)
        if len(calls) == 2:
            raise OSError(5, "Input/output error")
        synchronised(file)

    monkeypatch.setattr(os, "fsync", fails_for_the_directory)

    with pytest.raises(StorageFailed, match="Input/output"):
        await local.save("file", chunks(b"x"))

    assert everything_in(local) == []


async def test_a_file_system_without_links_still_does_not_overwrite(
    local: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(*_: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", unsupported)

    await local.save("file", chunks(b"x"))
    with pytest.raises(FileTaken):
        await local.save("file", chunks(b"y"))

    assert await read(local, "file") == b"x"
    assert everything_in(local) == ["file"]


async def test_permissions_are_as_said(tmp_path: Path) -> None:
    local = LocalStorage(tmp_path / "media", permissions=0o640)

    await local.save("a/file", chunks(b"x"))

    mode = stat.S_IMODE((tmp_path / "media/a/file").stat().st_mode)
    assert mode == 0o640


async def test_a_link_out_of_the_directory_is_not_followed(
    local: LocalStorage, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    local.directory.mkdir()
    (local.directory / "link").symlink_to(outside)

    with pytest.raises(InvalidKey):
        await read(local, "link/secret")
    with pytest.raises(InvalidKey):
        await local.save("link/new", chunks(b"x"))
    with pytest.raises(InvalidKey):
        await local.delete("link/secret")

    assert [each.name for each in outside.iterdir()] == ["secret"]


async def test_without_a_url_the_error_says_how_to_give_one(local: LocalStorage) -> None:
    with pytest.raises(StorageError, match="url='/media/'"):
        local.url("file")


# -- S3 and its like -------------------------------------------------------------------------------


async def test_a_store_that_cannot_sign_says_so() -> None:
    with pytest.raises(StorageError, match="cannot sign URLs"):
        ObjectStorage(MemoryStore()).url("file")


async def test_a_server_that_is_not_there_is_an_error_of_the_storage() -> None:
    from obstore.store import S3Store

    store = S3Store(
        "bucket",
        endpoint="http://127.0.0.1:1",
        client_options={"allow_http": True},
        access_key_id="a",
        secret_access_key="b",
        retry_config={"max_retries": 0},
    )

    with pytest.raises(StorageFailed):
        await ObjectStorage(store).save("file", chunks(b"x"))
    assert "X-Amz-Signature" in ObjectStorage(store).url("file")
