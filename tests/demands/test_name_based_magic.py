"""The annotation always beats the name: no parameter means something by its spelling."""

from typing import Annotated

import pytest
from pydantic import BaseModel

from trivium import (
    App,
    BackgroundTasks,
    Body,
    Depends,
    Query,
    Request,
    Response,
    WebSocket,
)
from trivium.testing import TestClient

SPELLINGS = [
    *("request", "response", "websocket", "background_tasks", "background", "tasks"),
    *("security_scopes", "http_connection", "connection", "exchange", "ex", "run", "plan"),
    *("body", "data", "form", "file", "files", "json", "query", "path", "header", "headers"),
    *("cookies", "cookie", "state", "app", "scope", "receive", "send", "session", "db"),
    *("self_", "cls", "args_", "kwargs_", "call", "next", "return_", "default", "key", "values"),
]


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_number_is_a_query_parameter_whatever_its_name(name: str) -> None:
    app = App()
    namespace: dict[str, object] = {}
    exec(f"async def read({name}: int) -> int:\n    return {name}", namespace)
    app.get("/")(namespace["read"])
    client = TestClient(app)

    assert client.get("/", params={name: "7"}).json() == 7
    assert client.get("/").json()["detail"][0]["loc"] == ["query", name]


@pytest.mark.parametrize("name", ["request", "response", "body", "data", "state", "headers"])
def test_a_path_parameter_is_one_whatever_its_name(name: str) -> None:
    app = App()
    namespace: dict[str, object] = {}
    exec(f"async def read({name}: int) -> int:\n    return {name}", namespace)
    app.get("/items/{" + name + "}")(namespace["read"])

    assert TestClient(app).get("/items/7").json() == 7


class Item(BaseModel):
    name: str


@pytest.mark.parametrize("name", ["request", "response", "query", "form", "data", "session"])
def test_a_model_is_the_body_whatever_its_name(name: str) -> None:
    app = App()
    namespace: dict[str, object] = {"Item": Item}
    exec(f"async def read({name}: Item) -> str:\n    return {name}.name", namespace)
    app.post("/")(namespace["read"])

    assert TestClient(app).post("/", json={"name": "ada"}).json() == "ada"


def test_the_request_is_injected_under_any_name() -> None:
    app = App()

    @app.get("/")
    async def read(data: Request, query: Response, body: BackgroundTasks) -> list[str]:
        return [type(each).__name__ for each in (data, query, body)]

    assert TestClient(app).get("/").json() == ["Request", "Response", "BackgroundTasks"]


def test_a_websocket_is_injected_under_any_name_and_request_can_be_a_parameter() -> None:
    app = App()

    @app.websocket("/socket")
    async def socket(request: int, response: WebSocket) -> None:
        await response.accept()
        await response.send_json(request)
        await response.close()

    with TestClient(app).websocket_connect("/socket?request=7") as session:
        assert session.receive_json() == 7


def test_a_name_of_the_path_with_another_declaration_is_refused_not_guessed() -> None:
    app = App()

    with pytest.raises(Exception, match="item_id"):

        @app.get("/items/{item_id}")
        async def read(item_id: Annotated[int, Query()]) -> None: ...


def test_names_in_dependencies_mean_nothing_either() -> None:
    async def reads(request: int, response: str = "none") -> list[object]:
        return [request, response]

    app = App()

    @app.get("/")
    async def read(got: Annotated[list[object], Depends(reads)]) -> list[object]:
        return got

    assert TestClient(app).get("/?request=1&response=yes").json() == [1, "yes"]


def test_names_in_the_constructor_of_a_view_mean_nothing_either() -> None:
    app = App()

    @app.view("/view")
    class View:
        def __init__(self, request: int, data: Request) -> None:
            self.seen = [request, data.method]

        async def get(self) -> list[object]:
            return self.seen

    assert TestClient(app).get("/view?request=1").json() == [1, "GET"]


def test_two_bodies_are_told_apart_by_annotation_not_by_name() -> None:
    app = App()

    @app.post("/")
    async def create(query: Item, body: Annotated[int, Body()]) -> list[object]:
        return [query.name, body]

    reply = TestClient(app).post("/", json={"query": {"name": "ada"}, "body": 3})

    assert reply.json() == ["ada", 3]
