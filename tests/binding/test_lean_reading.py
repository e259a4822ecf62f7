"""What is declared is read from the exchange: a Request is made only for a handler that asks."""

from typing import Annotated, Any

import pytest
from pydantic import BaseModel

import trivium.exchange
from trivium import App, Cookie, Form, Header, Query
from trivium.testing import TestClient


class Page(BaseModel):
    limit: int = 10
    tags: list[str] = []


class Agent(BaseModel):
    user_agent: str
    x_tag: list[str] = []


app = App()


@app.get("/items/{item_id}")
async def scalars(
    item_id: int,
    q: str,
    x_token: Annotated[str, Header()],
    session: Annotated[str, Cookie()],
) -> Any:
    return [item_id, q, x_token, session]


@app.get("/lists")
async def lists(tag: Annotated[list[str], Query()], x_tag: Annotated[list[str], Header()]) -> Any:
    return [tag, x_tag]


@app.get("/models")
async def models(page: Annotated[Page, Query()], agent: Annotated[Agent, Header()]) -> Any:
    return [page.limit, page.tags, agent.x_tag]


@app.post("/body")
async def body(page: Page) -> Any:
    return page.limit


@app.post("/form")
async def form(name: Annotated[str, Form()]) -> Any:
    return name


@pytest.mark.parametrize(
    ("method", "target", "options", "expected"),
    [
        (
            "GET",
            "/items/7?q=word",
            {"headers": {"x-token": "t", "cookie": "session=s"}},
            [7, "word", "t", "s"],
        ),
        (
            "GET",
            "/lists?tag=a&tag=b&tag=%C3%A9",
            {"headers": [("x-tag", "1"), ("X-Tag", "2")]},
            [["a", "b", "é"], ["1", "2"]],
        ),
        (
            "GET",
            "/models?limit=3&tags=a&tags=b",
            {"headers": [("x-tag", "1"), ("x-tag", "2")]},
            [3, ["a", "b"], ["1", "2"]],
        ),
        ("POST", "/body", {"json": {"limit": 3}}, 3),
        ("POST", "/form", {"data": {"name": "Ada"}}, "Ada"),
    ],
)
def test_parameters_are_read_without_making_a_request(
    monkeypatch: pytest.MonkeyPatch, method: str, target: str, options: Any, expected: Any
) -> None:
    made: list[Any] = []

    class Counted(trivium.exchange.Request):
        def __init__(self, *arguments: Any) -> None:
            made.append(arguments)
            super().__init__(*arguments)

    monkeypatch.setattr(trivium.exchange, "Request", Counted)

    reply = TestClient(app).request(method, target, **options)

    assert reply.json() == expected
    assert made == []


def test_errors_stand_in_the_order_of_declaration_whether_a_field_takes_one_value_or_several() -> (
    None
):
    @app.get("/orders/{first}/{second}")
    async def orders(
        first: int,
        a: int,
        tags: Annotated[list[int], Query()],
        b: int,
        page: Annotated[Page, Header()],
        second: float,
        x_token: Annotated[int, Header()],
        session: Annotated[int, Cookie()],
    ) -> None: ...

    response = TestClient(app).get("/orders/x/y?a=z&tags=1&tags=w", headers={"limit": "many"})

    assert response.status_code == 422
    assert [error["loc"] for error in response.json()["detail"]] == [
        ["path", "first"],
        ["path", "second"],
        ["query", "a"],
        ["query", "tags", 1],
        ["query", "b"],
        ["header", "limit"],
        ["header", "x-token"],
        ["cookie", "session"],
    ]
