"""A route that can never answer is refused when it is registered, with one that would."""

from collections.abc import Callable, Iterable
from typing import Annotated, Any

import pytest
from pydantic import BaseModel

from trivium import APIRouter, App, Body
from trivium.fastapi import FastAPI

from .declarations import (
    APPS,
    assert_line_works,
    assert_names,
    assert_names_here,
    assert_shows,
    refusal,
    suggestion,
)

with_each_app = pytest.mark.parametrize("app_type", APPS, ids=lambda cls: cls.__name__)


class Flight(BaseModel):
    number: int


class Thing:
    """A class that is no type of data."""


def list_flights() -> None: ...


@with_each_app
@pytest.mark.parametrize("path", ["flights", "flights/{id}", " /flights"])
def test_a_path_that_does_not_start_with_a_slash(app_type: type[App], path: str) -> None:
    error = refusal(lambda: app_type().get(path)(list_flights))

    assert_names(error, list_flights)
    assert_shows(error, repr(path)[1:-1])
    assert_line_works(app_type, f"@app.get({suggestion(error)})\ndef fixed(): ...")


@with_each_app
def test_a_path_with_one_parameter_twice(app_type: type[App]) -> None:
    def read_flight(day: int) -> None: ...

    error = refusal(lambda: app_type().get("/flights/{day}/{day}")(read_flight))

    assert_names(error, read_flight)
    assert_shows(error, "/flights/{day}/{day}")
    assert_line_works(app_type, f"@app.get({suggestion(error)})\ndef fixed(day: int): ...")


@with_each_app
def test_a_parameter_that_the_prefix_of_an_including_router_repeats(app_type: type[App]) -> None:
    router = APIRouter()

    @router.get("/flights/{day}")
    def read_flight(day: int) -> None: ...

    error = refusal(lambda: app_type().include_router(router, prefix="/{day}"))

    assert_shows(error, "/{day}/flights/{day}")


@with_each_app
def test_a_path_with_an_unknown_convertor(app_type: type[App]) -> None:
    def read_flight(day: int) -> None: ...

    error = refusal(lambda: app_type().get("/{day:integer}")(read_flight))

    assert_names(error, read_flight)
    assert_shows(error, "/{day:integer}")
    assert_line_works(app_type, f"@app.get({suggestion(error)})\ndef fixed(day: int): ...")


@with_each_app
@pytest.mark.parametrize("prefix", ["flights", "/flights/"])
def test_a_prefix_with_its_slashes_in_the_wrong_place(app_type: type[App], prefix: str) -> None:
    def on_the_router() -> None:
        APIRouter(prefix=prefix)

    def at_its_inclusion() -> None:
        app_type().include_router(APIRouter(), prefix=prefix)

    for declare in (on_the_router, at_its_inclusion):
        error = refusal(declare)
        assert_names_here(error)
        assert_shows(error, prefix)
        assert "/flights" in suggestion(error)


@pytest.mark.parametrize("method", ["get", "head"])
def test_two_bodies_on_a_get(method: str) -> None:
    """`trivium.fastapi.FastAPI` allows them, as FastAPI does."""

    def find_flights(
        first: Flight,
        second: Flight,
    ) -> None: ...

    error = refusal(lambda: getattr(App(), method)("/flights")(find_flights))

    assert_names(error, find_flights)
    assert_shows(error, "second: Flight")
    assert_line_works(
        App, f"{suggestion(error)}\ndef fixed(first: Flight, second: Flight): ...", globals()
    )
    getattr(FastAPI(), method)("/flights")(find_flights)


@with_each_app
@pytest.mark.parametrize("method", ["get", "head", "delete"])
def test_one_body_on_a_get_is_no_mistake(app_type: type[App], method: str) -> None:
    @getattr(app_type(), method)("/flights")
    def find_flights(wanted: Annotated[Flight, Body()]) -> None: ...


def returns_a_thing() -> Thing:
    return Thing()


def returns_things() -> list[Thing]:
    return []


def yields_things() -> Iterable[Thing]:
    yield Thing()


@with_each_app
@pytest.mark.parametrize("function", [returns_a_thing, returns_things, yields_things])
def test_a_return_annotation_of_which_no_response_model_can_be_built(
    app_type: type[App], function: Callable[..., Any]
) -> None:
    error = refusal(lambda: app_type().get("/flights")(function))

    assert_names(error, function)
    assert "Thing" in str(error)
    assert error.written is not None
    assert "response_model=None" in suggestion(error)


@with_each_app
@pytest.mark.parametrize("model", [Thing, list[Thing], dict[str, Thing]], ids=str)
def test_a_response_model_that_cannot_be_built(app_type: type[App], model: Any) -> None:
    error = refusal(lambda: app_type().get("/flights", response_model=model)(list_flights))

    assert_names(error, list_flights)
    assert_shows(error, "response_model=")
    assert "Thing" in str(error)
    suggestion(error)


@with_each_app
@pytest.mark.parametrize("model", [Thing, list[Thing]], ids=str)
def test_a_model_of_an_additional_response_that_cannot_be_built(
    app_type: type[App], model: Any
) -> None:
    error = refusal(
        lambda: app_type().get("/flights", responses={404: {"model": model}})(list_flights)
    )

    assert_names(error, list_flights)
    assert "404" in str(error)
    assert "Thing" in str(error)


@with_each_app
@pytest.mark.parametrize("status", [100, 204, 205, 304])
def test_a_response_model_for_a_status_without_a_body(app_type: type[App], status: int) -> None:
    def declare() -> None:
        app_type().get("/flights", status_code=status, response_model=Flight)(list_flights)

    error = refusal(declare)

    assert_names(error, list_flights)
    assert str(status) in str(error)
    assert_line_works(
        app_type, f"@app.get('/flights', {suggestion(error)})\ndef fixed(): ...", globals()
    )


@with_each_app
def test_an_additional_response_that_is_no_dict(app_type: type[App]) -> None:
    def declare() -> None:
        app_type().get("/flights", responses={404: "Not here"})(list_flights)  # type: ignore[dict-item]  # the mistake

    error = refusal(declare)

    assert_names(error, list_flights)
    assert_shows(error, "'Not here'")
    assert_line_works(app_type, f"@app.get('/flights', {suggestion(error)})\ndef fixed(): ...")


@with_each_app
@pytest.mark.parametrize("size", [-1, True, 1.5, "10"], ids=repr)
def test_a_limit_of_the_body_that_is_no_size(app_type: type[App], size: Any) -> None:
    def on_the_app() -> None:
        app_type(max_body_size=size)

    def on_a_router() -> None:
        APIRouter(max_body_size=size)

    def at_its_inclusion() -> None:
        app_type().include_router(APIRouter(), max_body_size=size)

    def on_a_route() -> None:
        app_type().get("/flights", max_body_size=size)(list_flights)

    for declare in (on_the_app, on_a_router, at_its_inclusion, on_a_route):
        error = refusal(declare)
        assert isinstance(error, ValueError)
        assert_names_here(error)
        assert_shows(error, f"max_body_size={size!r}")
        assert_line_works(app_type, f"app = App({suggestion(error)})")


@with_each_app
@pytest.mark.parametrize("endpoint", [5, "list_flights", None], ids=repr)
def test_a_handler_that_cannot_be_called(app_type: type[App], endpoint: Any) -> None:
    def declare() -> None:
        app_type().add_api_route("/flights", endpoint)

    error = refusal(declare)

    assert_names_here(error)
    assert repr(endpoint) in str(error)


@with_each_app
def test_a_router_that_includes_itself(app_type: type[App]) -> None:
    router = APIRouter()
    inner = APIRouter()
    router.include_router(inner)

    for declare in (
        lambda: router.include_router(router),
        lambda: inner.include_router(router),
    ):
        assert_names_here(refusal(declare))
