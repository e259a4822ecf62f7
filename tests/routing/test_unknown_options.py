"""An option that does not exist is refused where it is written, as it would be in a signature."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from trivium import APIRouter, App, action

# Misspelled on purpose, which is what the type checker says too.
OPTIONS: Any = {"respons_model": None}


def with_view(app: App) -> None:
    @app.view("/flights")
    class Flights:
        @action.get(**OPTIONS)
        async def read(self) -> None: ...


@pytest.mark.parametrize(
    "declare",
    [
        pytest.param(lambda app: app.get("/", **OPTIONS)(lambda: None), id="a verb"),
        pytest.param(lambda app: app.api_route("/", **OPTIONS)(lambda: None), id="api_route"),
        pytest.param(
            lambda app: app.add_api_route("/", lambda: None, **OPTIONS), id="add_api_route"
        ),
        pytest.param(with_view, id="a method of a view"),
    ],
)
def test_a_misspelled_option_of_a_route_is_refused_with_the_nearest_name(
    declare: Callable[[App], None],
) -> None:
    with pytest.raises(TypeError, match=r"'respons_model'; did you mean 'response_model'\?"):
        declare(App())


def test_a_misspelled_option_of_an_application_is_refused() -> None:
    options: Any = {"titel": "Flights"}

    with pytest.raises(TypeError, match=r"App\(\) .* 'titel'; did you mean 'title'\?"):
        App(**options)


def test_a_misspelled_option_of_a_router_is_refused() -> None:
    options: Any = {"prefx": "/flights"}

    with pytest.raises(TypeError, match=r"APIRouter\(\) .* 'prefx'; did you mean 'prefix'\?"):
        APIRouter(**options)


def test_a_misspelled_option_of_an_inclusion_is_refused() -> None:
    options: Any = {"prefx": "/flights"}

    with pytest.raises(TypeError, match=r"include_router\(\) .* did you mean 'prefix'\?"):
        App().include_router(APIRouter(), **options)


def test_an_option_unlike_any_is_refused_without_a_guess() -> None:
    options: Any = {"xyzzy": 1}

    with pytest.raises(TypeError, match=r"unexpected keyword argument 'xyzzy'$"):
        APIRouter(**options)
