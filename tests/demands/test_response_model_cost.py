"""A validated instance of the response model is not validated again."""

from typing import Any

import pytest
from pydantic import BaseModel, field_validator, model_validator

from trivium import App
from trivium.testing import TestClient


class Counted(BaseModel):
    """Counts how often it is validated, from whatever it is made."""

    n: int

    @model_validator(mode="before")
    @classmethod
    def count(cls, value: Any) -> Any:
        COUNTS.append("model")
        return value

    @field_validator("n")
    @classmethod
    def count_field(cls, value: int) -> int:
        COUNTS.append("field")
        return value


COUNTS: list[str] = []


@pytest.fixture(autouse=True)
def _no_counts() -> None:
    COUNTS.clear()


def app_returning(make: Any, model: Any, *, in_thread: bool = False) -> TestClient:
    app = App()
    if in_thread:

        @app.get("/", response_model=model)
        def read_in_thread() -> Any:
            return make()
    else:

        @app.get("/", response_model=model)
        async def read() -> Any:
            return make()

    return TestClient(app)


@pytest.mark.parametrize("in_thread", [False, True])
def test_an_instance_is_validated_when_it_is_made_and_not_again(in_thread: bool) -> None:
    client = app_returning(lambda: Counted(n=1), Counted, in_thread=in_thread)

    reply = client.get("/")

    assert reply.json()["n"] == 1
    assert COUNTS == ["model", "field"]


def test_instances_in_a_list_are_not_validated_again() -> None:
    client = app_returning(lambda: [Counted(n=n) for n in range(3)], list[Counted])

    assert [item["n"] for item in client.get("/").json()] == [0, 1, 2]
    assert COUNTS == ["model", "field"] * 3


def test_an_instance_for_an_optional_model_is_not_validated_again() -> None:
    client = app_returning(lambda: Counted(n=1), Counted | None)

    assert client.get("/").json()["n"] == 1
    assert COUNTS == ["model", "field"]


def test_the_return_annotation_counts_as_the_response_model() -> None:
    app = App()

    @app.get("/")
    async def read() -> Counted:
        return Counted(n=1)

    assert TestClient(app).get("/").json()["n"] == 1
    assert COUNTS == ["model", "field"]


def test_a_dict_is_validated_once() -> None:
    client = app_returning(lambda: {"n": 1}, Counted)

    assert client.get("/").json()["n"] == 1
    assert COUNTS == ["model", "field"]


def test_a_subclass_instance_still_shows_only_the_fields_of_the_response_model() -> None:
    class Public(BaseModel):
        name: str

    class Private(Public):
        password: str

    client = app_returning(lambda: Private(name="ada", password="x"), Public)

    assert client.get("/").json() == {"name": "ada"}


def test_an_instance_of_another_model_is_validated() -> None:
    class Other(BaseModel):
        n: str = "not a number"

    app = App()

    @app.get("/", response_model=Counted)
    async def read() -> Any:
        return Other()

    assert TestClient(app, raise_server_exceptions=False).get("/").status_code == 500
