"""The smallest app does what its docstring says."""

from __future__ import annotations

import pytest

from examples.hello.main import app
from trivium.testing import TestClient


def test_it_greets() -> None:
    client = TestClient(app)

    assert client.get("/").json() == {"message": "Hello, world"}
    assert client.get("/hello/Ada").json() == {"message": "Hello, Ada"}
    assert client.get("/hello/Ada?times=3").json() == {"message": "Hello, Hello, Hello, Ada"}


@pytest.mark.parametrize("times", ["often", "0", "1000"])
def test_it_does_not_greet_often_or_a_thousand_times(times: str) -> None:
    answer = TestClient(app).get(f"/hello/Ada?times={times}")

    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["query", "times"]
