"""The app that bad requests are sent to. Each handler says what it was given."""

from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.staticfiles import StaticFiles

from tests.differential.prelude import show


class Item(BaseModel):
    name: str
    size: int = 0
    ratio: float = Field(0.0, le=10)


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    n: int = 0


class Node(BaseModel):
    child: "Node | None" = None


def make_app(framework: ModuleType, app_class: Any) -> Any:
    """A handler for each place that a request may carry a value in."""
    app = app_class()
    body, cookie, file = framework.Body, framework.Cookie, framework.File
    form, header, query = framework.Form, framework.Header, framework.Query

    @app.get("/path/{n}")
    def read_path(n: int) -> Any:
        return show(n)

    @app.get("/text/{text}")
    def read_text(text: str) -> Any:
        return show(text)

    @app.get("/query")
    def read_query(n: int, many: Annotated[list[int] | None, query()] = None) -> Any:
        return show([n, many])

    @app.get("/header")
    def read_header(x_n: Annotated[int, header()]) -> Any:
        return show(x_n)

    @app.get("/cookie")
    def read_cookie(n: Annotated[int, cookie()]) -> Any:
        return show(n)

    @app.post("/item")
    def create_item(item: Item) -> Item:
        return item

    @app.post("/number")
    def create_number(n: Annotated[int, body()]) -> Any:
        return show(n)

    @app.post("/closed")
    def create_closed(closed: Closed) -> Any:
        return show(closed)

    @app.post("/counts")
    def create_counts(counts: dict[str, int]) -> Any:
        return show(counts)

    @app.post("/node")
    def create_node(node: Node) -> Any:
        return "a node"

    @app.post("/any")
    def create_any(value: Annotated[Any, body()]) -> Any:
        return "a value"

    @app.post("/form")
    def create_form(n: Annotated[int, form()], name: Annotated[str, form()] = "none") -> Any:
        return show([n, name])

    @app.post("/upload")
    def create_upload(upload: framework.UploadFile) -> Any:
        return show(upload)

    @app.post("/content")
    def create_content(content: Annotated[bytes, file()]) -> Any:
        return show(content)

    @app.post("/limited", max_body_size=20)
    def create_limited(value: Annotated[Any, body()]) -> Any:
        return "a value"

    @app.post("/limited-form", max_body_size=60)
    def create_limited_form(n: Annotated[str, form()]) -> Any:
        return "a form"

    app.mount("/static", StaticFiles(directory=Path(__file__).parent))
    return app
