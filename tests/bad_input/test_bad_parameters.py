"""A parameter that cannot work is refused when its route is registered, with one that would."""

from collections.abc import Callable
from typing import Annotated, Any

import pytest
from pydantic import BaseModel

from trivium import App, Body, Cookie, Depends, Form, Header, Path, Query, Request

from .declarations import (
    APPS,
    assert_names,
    assert_names_here,
    assert_parameter_works,
    assert_shows,
    refusal,
    suggestion,
)

pytestmark = pytest.mark.parametrize("app_type", APPS, ids=lambda cls: cls.__name__)


class Flight(BaseModel):
    number: int


class Thing:
    """A class that is no type of data."""

    def __init__(self, parts: int = 1) -> None:
        self.parts = parts


def register(app_type: type[App], path: str, function: Callable[..., Any]) -> Callable[[], object]:
    return lambda: app_type().post(path)(function)


def test_a_default_on_a_path_parameter_beside_its_annotation(app_type: type[App]) -> None:
    def read_flight(
        flight_id: Annotated[int, Path()] = 3,
    ) -> None: ...

    error = refusal(register(app_type, "/flights/{flight_id}", read_flight))

    assert_names(error, read_flight)
    assert_shows(error, "flight_id: Annotated[int, Path()] = 3")
    assert_parameter_works(app_type, "/flights/{flight_id}", suggestion(error))


def test_a_default_inside_path(app_type: type[App]) -> None:
    def declare() -> None:
        def read_flight(flight_id: int = Path(3)) -> None: ...

        app_type().get("/flights/{flight_id}")(read_flight)

    error = refusal(declare)

    assert_names_here(error)
    assert_shows(error, "Path(3)")
    assert "Path()" in suggestion(error)


def test_a_default_inside_an_annotation(app_type: type[App]) -> None:
    def list_flights(
        limit: Annotated[int, Query(10)],
    ) -> None: ...

    error = refusal(register(app_type, "/flights", list_flights))

    assert_names(error, list_flights)
    assert_shows(error, "limit: Annotated[int, Query(10)]")
    assert_parameter_works(app_type, "/flights", suggestion(error))


@pytest.mark.parametrize("declared", [Query, Header, Cookie, Body, Form])
def test_a_path_parameter_that_is_declared_as_something_else(
    app_type: type[App], declared: Callable[[], Any]
) -> None:
    def read_flight(
        flight_id: Annotated[int, declared()],
    ) -> None: ...

    error = refusal(register(app_type, "/flights/{flight_id}", read_flight))

    assert_names(error, read_flight)
    assert_shows(error, "flight_id: Annotated[int, declared()]")
    assert_parameter_works(app_type, "/flights/{flight_id}", suggestion(error))


@pytest.mark.parametrize(
    "kind", [list[int], dict[str, int], set[str], tuple[int, int], Flight, list, dict], ids=str
)
def test_a_path_parameter_of_a_type_that_no_segment_can_hold(
    app_type: type[App], kind: Any
) -> None:
    def read_flight(
        flight_id: kind,
    ) -> None: ...

    error = refusal(register(app_type, "/flights/{flight_id}", read_flight))

    assert_names(error, read_flight)
    assert_shows(error, "flight_id: kind")
    assert_parameter_works(app_type, "/flights/{flight_id}", suggestion(error))


@pytest.mark.parametrize("kind", [dict[str, int], list[Flight], tuple[Flight, int], list[list]])
def test_a_query_parameter_of_a_type_that_no_query_can_hold(app_type: type[App], kind: Any) -> None:
    def list_flights(
        chosen: Annotated[kind, Query()],
    ) -> None: ...

    error = refusal(register(app_type, "/flights", list_flights))

    assert_names(error, list_flights)
    assert_shows(error, "chosen: Annotated[kind, Query()]")
    assert_parameter_works(app_type, "/flights", suggestion(error), {**globals(), "kind": kind})


@pytest.mark.parametrize("declared", [Query, Header, Cookie, Body])
def test_two_parameters_of_one_name_in_one_place(
    app_type: type[App], declared: Callable[..., Any]
) -> None:
    def list_flights(
        origin: Annotated[str, declared(alias="airport")],
        destination: Annotated[str, declared(alias="airport")],
    ) -> None: ...

    error = refusal(register(app_type, "/flights", list_flights))

    assert_names(error, list_flights)
    assert "origin" in str(error)
    assert_shows(error, 'destination: Annotated[str, declared(alias="airport")]')
    assert_parameter_works(
        app_type,
        "/flights",
        f'origin: Annotated[str, declared(alias="airport")], {suggestion(error)}',
        {"declared": declared},
    )


def test_two_headers_of_one_name_in_different_case(app_type: type[App]) -> None:
    def list_flights(
        token: Annotated[str, Header(alias="X-Token")],
        x_token: Annotated[str, Header()],
    ) -> None: ...

    error = refusal(register(app_type, "/flights", list_flights))

    assert_names(error, list_flights)
    assert_shows(error, "x_token: Annotated[str, Header()]")
    assert_parameter_works(
        app_type,
        "/flights",
        f'token: Annotated[str, Header(alias="X-Token")], {suggestion(error)}',
    )


def test_the_same_name_in_two_places_is_no_mistake(app_type: type[App]) -> None:
    app = app_type()

    @app.get("/flights/{name}")
    def read_flight(
        name: str,
        in_query: Annotated[str, Query(alias="name")],
        in_header: Annotated[str, Header(alias="name")],
        in_cookie: Annotated[str, Cookie(alias="name")],
    ) -> None: ...


def test_a_type_that_is_no_type_of_data(app_type: type[App]) -> None:
    def list_flights(
        thing: Thing,
    ) -> None: ...

    error = refusal(register(app_type, "/flights", list_flights))

    assert_names(error, list_flights)
    assert_shows(error, "thing: Thing")
    assert_parameter_works(
        app_type, "/flights", suggestion(error), {"Thing": Thing, "get_thing": Thing}
    )


def test_a_type_that_is_not_defined(app_type: type[App]) -> None:
    def list_flights(
        thing: "Missing",  # type: ignore[name-defined]  # noqa: F821  # the mistake
    ) -> None: ...

    error = refusal(register(app_type, "/flights", list_flights))

    assert_names(error, list_flights)
    assert "Missing" in str(error)


def test_a_declaration_for_what_is_injected(app_type: type[App]) -> None:
    def list_flights(
        request: Annotated[Request, Query()],
    ) -> None: ...

    error = refusal(register(app_type, "/flights", list_flights))

    assert_names(error, list_flights)
    assert_shows(error, "request: Annotated[Request, Query()]")
    assert_parameter_works(app_type, "/flights", suggestion(error))


def test_a_declaration_in_the_annotation_and_in_the_default(app_type: type[App]) -> None:
    def list_flights(
        limit: Annotated[int, Query(le=100)] = Query(10),
    ) -> None: ...

    error = refusal(register(app_type, "/flights", list_flights))

    assert_names(error, list_flights)
    assert_shows(error, "limit: Annotated[int, Query(le=100)] = Query(10)")
    assert_parameter_works(app_type, "/flights", suggestion(error))


def needed() -> int:
    return 1


def test_a_dependency_in_the_annotation_and_in_the_default(app_type: type[App]) -> None:
    def list_flights(
        given: Annotated[int, Depends(needed)] = Depends(needed),
    ) -> None: ...

    error = refusal(register(app_type, "/flights", list_flights))

    assert_names(error, list_flights)
    assert_shows(error, "given: Annotated[int, Depends(needed)] = Depends(needed)")
    assert_parameter_works(app_type, "/flights", suggestion(error), {"needed": needed})


def test_a_query_parameter_with_a_dependency_as_its_default(app_type: type[App]) -> None:
    def list_flights(
        limit: Annotated[int, Query()] = Depends(needed),
    ) -> None: ...

    error = refusal(register(app_type, "/flights", list_flights))

    assert_names(error, list_flights)
    assert_shows(error, "limit: Annotated[int, Query()] = Depends(needed)")
    assert_parameter_works(app_type, "/flights", suggestion(error), {"needed": needed})
