"""The compiled table finds what trying every route in order would find, at a cost of its own."""

import sys
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.routing import Match, Route

from trivium import App
from trivium.errors import DeclarationError
from trivium.routing.dispatch import Dispatcher
from trivium.routing.router import APIRouter
from trivium.routing.template import parsed
from trivium.testing import TestClient

SEGMENTS = ["a", "b", "a.b", "", "{x}", "{y}", "{x:int}", "{x:float}", "{x:uuid}", "{x:path}"]
SEGMENTS += ["a{x}", "{x}.{y}", "v{x:int}", "{x}-{y:int}"]
PIECES = ["a", "b", "a.b", "", "1", "-1", "1.5", "v7", "a-2", "1e3", "é", "a\nb", "." * 3]
PIECES += ["7ad9a9a5-6c11-4f4f-9d8c-2f4f1f3d6c11"]


@st.composite
def templates(draw: st.DrawFn) -> str:
    segments = draw(st.lists(st.sampled_from(SEGMENTS), min_size=1, max_size=4))
    # each name once in a template
    for name, other in (("{x", "{p"), ("{y", "{q")):
        segments = [
            segment.replace(name, f"{other}{index}") for index, segment in enumerate(segments)
        ]
    return "/" + "/".join(segments)


paths = st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map(lambda p: "/" + "/".join(p))
methods = st.sampled_from(["GET", "POST", "PUT"])
declared = st.lists(
    st.tuples(templates(), st.sets(methods, min_size=1, max_size=2)), min_size=1, max_size=12
)


async def endpoint(request: Any) -> None:
    """Never called: only found."""


def dispatcher(routes: Sequence[Route]) -> Dispatcher:
    return APIRouter(routes=list(routes)).dispatcher


def one_by_one(
    routes: Sequence[Route], path: str, method: str
) -> tuple[Route | None, dict[str, Any], bool]:
    """The first route that matches fully, its values, and whether any matches but the method."""
    scope = {"type": "http", "path": path, "method": method, "root_path": ""}
    partial = False
    for route in routes:
        match, child_scope = route.matches(scope)
        if match is Match.FULL:
            return route, child_scope["path_params"], False
        partial = partial or match is Match.PARTIAL
    return None, {}, partial


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(routes=declared, path=paths, method=methods)
def test_the_first_declared_route_wins_as_if_all_were_tried_in_order(
    routes: list[tuple[str, set[str]]], path: str, method: str
) -> None:
    made = [Route(template, endpoint, methods=list(taken)) for template, taken in routes]
    expected, values, is_other_method = one_by_one(made, path, method)

    table = dispatcher(made).http
    found = table.find(path, method)

    if expected is None:
        assert found is None
        candidates = [e for e, v in table.candidates(path) if e.path_params(v) is not None]
        assert bool(candidates) is is_other_method
    else:
        assert found is not None
        assert found[0].route is expected
        assert found[1] == values


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["/x", "/{rest:path}", "/x-{after}"])
def test_a_match_takes_as_many_steps_with_ten_thousand_routes_as_with_ten(suffix: str) -> None:
    def steps(count: int) -> int:
        routes = [Route(f"/r{i}/{{name}}{suffix}", endpoint, methods=["GET"]) for i in range(count)]
        table = dispatcher(routes).http
        taken = 0

        def counting(frame: Any, event: str, argument: Any) -> None:
            nonlocal taken
            taken += 1

        sys.setprofile(counting)
        try:
            found = table.find(f"/r{count - 1}/me/x-1", "GET")
            found = found or table.find(f"/r{count - 1}/me/x", "GET")
        finally:
            sys.setprofile(None)
        assert found is not None
        return taken

    assert steps(10) == steps(10_000)


def test_an_integer_too_long_for_python_is_no_match() -> None:
    app = App()

    @app.get("/items/{number:int}")
    async def read(number: int) -> int:
        return number

    client = TestClient(app)

    assert client.get("/items/" + "9" * 5000).status_code == 404
    assert client.get("/items/12").json() == 12


def test_all_methods_of_a_path_are_allowed_for_when_another_is_asked_for() -> None:
    app = App()

    @app.get("/items")
    async def read() -> None: ...

    @app.post("/items")
    async def create() -> None: ...

    reply = TestClient(app).put("/items")

    assert reply.status_code == 405
    assert reply.headers["allow"] == "GET, POST"


def test_an_unknown_convertor_is_refused_with_the_known_ones() -> None:
    with pytest.raises(DeclarationError, match=r"Unknown path convertor 'integer'.*int, path"):
        parsed("/items/{number:integer}")


def test_a_name_that_stands_twice_in_a_path_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Duplicated param name item at path /\{item\}"):
        parsed("/{item}/{item}")
