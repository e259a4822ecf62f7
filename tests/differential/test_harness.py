"""The harness sees a difference where there is one, and prints the program that shows it."""

from __future__ import annotations

from typing import Any

import pytest

from . import compare, sides
from .compare import Difference, assert_same, compare_replies
from .driver import Call, Reply

PROGRAM = """app = FastAPI()

@app.get("/")
def handler(response: Response):
    TRACE.append("handler")
    response.headers["x-side"] = "same"
    return {"side": "same"}
"""


def replies(**changed: Any) -> tuple[Reply, Reply]:
    given: dict[str, Any] = {
        "status": 200,
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"2")],
        "pieces": [b"{}"],
        "complete": True,
    }
    return Reply(**given), Reply(**given | changed)


@pytest.mark.parametrize(
    "changed",
    [
        {"status": 201},
        {"headers": [(b"content-type", b"text/plain"), (b"content-length", b"2")]},
        {"headers": [(b"content-length", b"2")]},
        {"pieces": [b"[]"]},
        {"pieces": [b"{} "]},
        {"pieces": [b"{", b"}"]},
        {"complete": False},
        {"escaped": ValueError("escaped")},
    ],
    ids=str,
)
def test_a_reply_that_differs_in_one_way_is_reported(changed: dict[str, Any]) -> None:
    left, right = replies(**changed)
    assert list(compare_replies(Call(), left, right, pieces=True))
    assert not list(compare_replies(Call(), left, left, pieces=True))


def test_a_program_that_differs_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    built = sides.build

    def differing(source: str, root: str) -> sides.Built:
        return built(source.replace('"same"', f'"{root}"'), root)

    monkeypatch.setattr(compare, "build", differing)
    monkeypatch.setattr(compare, "RIGHT", "trivium.fastapi")
    if compare.LEFT == sides.RIGHT:
        pytest.skip("one framework stands in for both sides")
    with pytest.raises(Difference) as raised:
        assert_same(PROGRAM, [Call()])
    assert "def handler" in str(raised.value)


def test_both_sides_run_the_framework_that_they_name() -> None:
    for root in (sides.LEFT, sides.RIGHT):
        built = sides.build(PROGRAM, root)
        assert built.refused is None
        package = type(built.app).__module__.partition(".")[0]
        assert package == root.partition(".")[0]
