"""Files in requests: forms that bring them, responses that send them, by both entrances."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any

import anyio
import httpx2
import pytest
from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from tests.server.live import served
from trivium import App, File, Form, UploadFile
from trivium.db import Database, FileType, Model, StoredFile, model_schema
from trivium.responding.responses import Response
from trivium.storage import LocalStorage, MemoryStorage, Storage
from trivium.testing import TestClient

pytestmark = pytest.mark.slow

Entrance = Callable[[App], AbstractContextManager[httpx2.Client]]


class Base(Model, base=True):
    pass


class Picture(Base):
    title: Mapped[str] = mapped_column(String(20))
    image: Mapped[StoredFile] = mapped_column(FileType("images", types=["image/*"], max_size=2000))
    thumbnail: Mapped[StoredFile | None] = mapped_column(FileType("thumbnails"))


PictureIn = model_schema(Picture, purpose="create")
PicturePatch = model_schema(Picture, partial=True)
PictureOut = model_schema(Picture)


@pytest.fixture(params=["local", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "local":
        return LocalStorage(tmp_path / "media", url="/media")
    return MemoryStorage()


async def created(database: Database) -> None:
    async with database:
        await database.create_tables()


@pytest.fixture
def app(tmp_path: Path, storage: Storage) -> App:
    database = Database(
        f"sqlite:///{tmp_path / 'pictures.db'}",
        models=Base,
        storages={"default": storage},
        not_found=True,
    )
    anyio.run(created, database)
    app = App()
    app.install(database)

    @app.post("/pictures", response_model=PictureOut)
    async def create(
        picture: Annotated[PictureIn, File()],  # type: ignore[valid-type]  # made by a function
    ) -> Any:
        given: Any = picture
        return await Picture.objects.create(**given.model_dump())

    @app.patch("/pictures/{id}", response_model=PictureOut)
    async def change(
        id: int,
        given: Annotated[PicturePatch, Form()],  # type: ignore[valid-type]  # made by a function
    ) -> Any:
        picture = await Picture.objects.get(id=id)
        await picture.assign(given).save()
        return picture

    @app.put("/pictures/{id}/image", status_code=204)
    async def replace(id: int, image: UploadFile) -> None:
        picture = await Picture.objects.get(id=id)
        await picture.assign({"image": image}).save()

    @app.get("/pictures/{id}/image")
    async def image(id: int, inline: bool = False) -> Response:
        return await (await Picture.objects.get(id=id)).image.response(inline=inline)

    @app.delete("/pictures/{id}", status_code=204)
    async def delete(id: int) -> None:
        await Picture.objects.filter(id=id).delete()

    return app


@pytest.fixture(params=["asgi", "direct"])
def client(request: pytest.FixtureRequest, app: App) -> Iterator[Any]:
    if request.param == "asgi":
        with TestClient(app, raise_server_exceptions=False) as client:
            yield client
    else:
        with served(app, lifespan="on") as live:
            host, port = live.listener.getsockname()
            with httpx2.Client(base_url=f"http://{host}:{port}") as client:
                yield client


def image(content: bytes, name: str = "cat.png", kind: str = "image/png") -> dict[str, Any]:
    return {"image": (name, content, kind)}


def test_a_form_brings_a_file_and_a_response_sends_it(client: Any) -> None:
    made = client.post("/pictures", data={"title": "Cat"}, files=image(b"meow" * 100))

    assert made.status_code == 200
    assert made.json()["image"].startswith("/media/images/cat_")
    assert made.json()["thumbnail"] is None
    sent = client.get(f"/pictures/{made.json()['id']}/image")
    assert sent.content == b"meow" * 100
    assert sent.headers["content-type"] == "image/png"
    assert sent.headers["content-length"] == "400"
    assert sent.headers["content-disposition"] == 'attachment; filename="cat.png"'
    assert sent.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("storage", ["local"], indirect=True)
def test_a_part_of_a_file_in_a_directory_is_sent(client: Any) -> None:
    made = client.post("/pictures", data={"title": "Cat"}, files=image(b"0123456789"))

    sent = client.get(f"/pictures/{made.json()['id']}/image", headers={"range": "bytes=2-4"})

    assert (sent.status_code, sent.content) == (206, b"234")
    assert sent.headers["content-range"] == "bytes 2-4/10"


@pytest.mark.parametrize(
    ("name", "disposition"), [("cat.png", "inline"), ("cat.svg", "attachment")]
)
def test_browsers_show_what_cannot_run(client: Any, name: str, disposition: str) -> None:
    kind = "image/svg+xml" if name.endswith("svg") else "image/png"
    made = client.post("/pictures", data={"title": "Cat"}, files=image(b"x", name, kind))

    sent = client.get(f"/pictures/{made.json()['id']}/image?inline=true")

    assert sent.headers["content-disposition"] == f'{disposition}; filename="{name}"'


@pytest.mark.parametrize(
    ("files", "type"),
    [
        (image(b"x" * 2001), "file_too_large"),
        (image(b"x", "cat.html", "text/html"), "file_type"),
        (image(b"x", "cat.html"), "file_type"),
        (image(b"", ""), "missing"),
        ({"other": ("a.png", b"x")}, "missing"),
    ],
)
def test_a_file_that_is_not_allowed_is_422(
    client: Any, files: dict[str, Any], type: str, storage: Storage
) -> None:
    reply = client.post("/pictures", data={"title": "Cat"}, files=files)

    assert reply.status_code == 422
    assert [(each["loc"], each["type"]) for each in reply.json()["detail"]] == [
        (["body", "image"], type)
    ]


def test_a_text_is_no_file(client: Any) -> None:
    reply = client.post("/pictures", data={"title": "Cat", "image": "images/other.png"})

    assert reply.status_code == 422
    assert reply.json()["detail"][0]["loc"] == ["body", "image"]


@pytest.mark.parametrize("name", ["../../../etc/passwd.png", "..\\x.png", "CON.png", "\u202ea.png"])
def test_a_hostile_name_stays_in_its_folder(client: Any, name: str, storage: Storage) -> None:
    made = client.post("/pictures", data={"title": "Cat"}, files=image(b"x", name))

    assert made.status_code == 200
    assert made.json()["image"].startswith("/media/images/")
    assert ".." not in made.json()["image"]


def files_in(storage: Any) -> list[bytes]:
    if isinstance(storage, MemoryStorage):
        return sorted(storage.files.values())
    return sorted(each.read_bytes() for each in storage.directory.rglob("*") if each.is_file())


def test_files_are_replaced_and_go(client: Any, storage: Storage) -> None:
    made = client.post(
        "/pictures",
        data={"title": "Cat"},
        files={**image(b"1"), "thumbnail": ("small.png", b"2", "image/png")},
    ).json()

    changed = client.patch(f"/pictures/{made['id']}", files=image(b"3", "dog.gif", "image/gif"))
    assert changed.json()["thumbnail"] == made["thumbnail"]
    assert changed.json()["image"] != made["image"]
    assert files_in(storage) == [b"2", b"3"]

    client.put(f"/pictures/{made['id']}/image", files=image(b"4"))
    assert files_in(storage) == [b"2", b"4"]

    assert client.delete(f"/pictures/{made['id']}").status_code == 204
    assert files_in(storage) == []


def test_a_handler_that_fails_afterwards_leaves_no_file(
    app: App, client: Any, storage: Storage
) -> None:
    @app.post("/broken")
    async def broken(image: UploadFile) -> None:
        await Picture.objects.create(title="Cat", image=image)
        raise RuntimeError

    assert client.post("/broken", files=image(b"x")).status_code == 500

    assert files_in(storage) == []


def test_the_document_shows_uploads_and_urls(app: App) -> None:
    document = app.openapi()
    schemas = document["components"]["schemas"]
    upload = {"type": "string", "contentMediaType": "application/octet-stream"}
    url = {"type": "string", "format": "uri-reference"}

    assert list(document["paths"]["/pictures"]["post"]["requestBody"]["content"]) == [
        "multipart/form-data"
    ]
    assert schemas["PictureIn"]["properties"]["image"] == {"title": "Image", **upload}
    assert schemas["PictureIn"]["required"] == ["title", "image"]
    assert schemas["PictureIn"]["properties"]["thumbnail"]["anyOf"] == [upload, {"type": "null"}]
    assert schemas["PictureOut"]["properties"]["image"] == {"title": "Image", **url}


async def test_a_client_that_vanishes_in_the_middle_of_an_upload_leaves_nothing(
    app: App, storage: Storage
) -> None:
    start = (
        b"POST /pictures HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n"
        b'content-type: multipart/form-data; boundary="b"\r\n\r\n'
        b'--b\r\ncontent-disposition: form-data; name="image"; filename="a.png"\r\n\r\nhalf'
    )

    def vanish() -> None:
        with served(app, lifespan="on") as live:
            with socket.create_connection(live.listener.getsockname()) as client:
                client.sendall(start)
            # the server has read to the end when it answers the next one
            host, port = live.listener.getsockname()
            assert httpx2.get(f"http://{host}:{port}/pictures/1/image").status_code == 404

    await anyio.to_thread.run_sync(vanish)

    assert files_in(storage) == []
