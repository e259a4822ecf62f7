"""A dependency that can never be made is refused when a route that needs it is registered."""

import re
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any

import pytest

from trivium import App, Depends, Security
from trivium.errors import DependencyScopeError

from .declarations import (
    APPS,
    assert_line_works,
    assert_names,
    assert_names_here,
    assert_parameter_works,
    assert_shows,
    refusal,
    suggestion,
)

pytestmark = pytest.mark.parametrize("app_type", APPS, ids=lambda cls: cls.__name__)


def register(app_type: type[App], function: Callable[..., Any]) -> Callable[[], object]:
    return lambda: app_type().get("/flights")(function)


def needs_itself(
    again: "Annotated[int, Depends(needs_itself)]",
) -> int:
    return again


def first(
    it: "Annotated[int, Depends(second)]",
) -> int:
    return it


def second(
    it: "Annotated[int, Depends(third)]",
) -> int:
    return it


def third(
    it: "Annotated[int, Depends(first)]",
) -> int:
    return it


def some_function() -> int:
    return 1


def test_a_dependency_that_needs_itself(app_type: type[App]) -> None:
    def list_flights(given: Annotated[int, Depends(needs_itself)]) -> None: ...

    error = refusal(register(app_type, list_flights))

    assert_names(error, needs_itself)
    assert "needs_itself -> needs_itself" in str(error)
    assert_shows(error, "Depends(needs_itself)")
    suggestion(error)


def test_dependencies_that_need_each_other_in_a_circle(app_type: type[App]) -> None:
    def list_flights(given: Annotated[int, Depends(first)]) -> None: ...

    error = refusal(register(app_type, list_flights))

    assert "first -> second -> third -> first" in str(error)
    assert_shows(error, "Depends(first)")
    suggestion(error)


def test_a_circle_among_the_dependencies_of_a_router_or_an_app(app_type: type[App]) -> None:
    def list_flights() -> None: ...

    def on_the_route() -> None:
        app_type().get("/flights", dependencies=[Depends(first)])(list_flights)

    def on_the_app() -> None:
        app_type(dependencies=[Depends(first)]).get("/flights")(list_flights)

    for declare in (on_the_route, on_the_app):
        assert "first -> second -> third -> first" in str(refusal(declare))


def test_a_dependency_that_is_needed_twice_is_no_circle(app_type: type[App]) -> None:
    app = app_type()

    def between(one: Annotated[int, Depends(some_function)]) -> int:
        return one

    @app.get("/flights")
    def list_flights(
        one: Annotated[int, Depends(some_function)], two: Annotated[int, Depends(between)]
    ) -> None: ...


@pytest.mark.parametrize("dependency", [5, "some_function", [some_function], {}], ids=repr)
@pytest.mark.parametrize("declared", [Depends, Security])
def test_a_dependency_that_cannot_be_called(
    app_type: type[App], declared: Callable[..., Any], dependency: Any
) -> None:
    def list_flights(
        given: Annotated[int, declared(dependency)],
    ) -> None: ...

    error = refusal(register(app_type, list_flights))

    assert_names(error, list_flights)
    assert repr(dependency) in str(error)
    assert_shows(error, "given: Annotated[int, declared(dependency)]")
    assert_parameter_works(
        app_type, "/flights", suggestion(error), {"some_function": some_function}
    )


def test_a_listed_dependency_that_cannot_be_called(app_type: type[App]) -> None:
    def list_flights() -> None: ...

    def declare() -> None:
        app_type().get("/flights", dependencies=[Depends(5)])(list_flights)  # type: ignore[arg-type]  # the mistake

    error = refusal(declare)

    assert_names(error, list_flights)
    assert_shows(error, "dependencies=[Depends(5)]")
    assert_line_works(
        app_type,
        f"@app.get('/flights', {suggestion(error)})\ndef fixed(): ...",
        {"some_function": some_function},
    )


def test_a_listed_dependency_without_its_depends(app_type: type[App]) -> None:
    def list_flights() -> None: ...

    def declare() -> None:
        app_type().get("/flights", dependencies=[some_function])(list_flights)  # type: ignore[list-item]  # the mistake

    error = refusal(declare)

    assert_names(error, list_flights)
    assert_shows(error, "some_function")
    assert_line_works(
        app_type,
        f"@app.get('/flights', {suggestion(error)})\ndef fixed(): ...",
        {"some_function": some_function},
    )


@pytest.mark.parametrize("scope", ["session", "Request", "", 5])
def test_a_scope_that_does_not_exist(app_type: type[App], scope: Any) -> None:
    def declare() -> None:
        def list_flights(given: Annotated[int, Depends(some_function, scope=scope)]) -> None: ...

        app_type().get("/flights")(list_flights)

    error = refusal(declare)

    assert_names_here(error)
    assert repr(scope) in str(error)
    assert_shows(error, "scope=")
    for suggested in re.findall(r'scope="\w+"', suggestion(error)):
        assert_parameter_works(
            app_type,
            "/flights",
            f"given=Depends(some_function, {suggested})",
            {"some_function": some_function},
        )


@pytest.mark.parametrize("most", [0, -1, True, 1.5, "2"], ids=repr)
def test_a_limit_of_concurrency_that_lets_nobody_in(app_type: type[App], most: Any) -> None:
    def declare() -> None:
        def list_flights(given: Annotated[int, Depends(some_function, max_concurrency=most)]): ...

        app_type().get("/flights")(list_flights)

    error = refusal(declare)

    assert isinstance(error, ValueError)
    assert_names_here(error)
    assert_shows(error, "max_concurrency=")
    assert_parameter_works(
        app_type,
        "/flights",
        f"given=Depends(some_function, {suggestion(error)})",
        {"some_function": some_function},
    )


def narrow() -> Iterator[int]:
    yield 1


def wide(
    it: Annotated[int, Depends(narrow, scope="function")],
) -> Iterator[int]:
    yield it


async def wide_and_asynchronous(
    it: Annotated[int, Depends(narrow, scope="function")],
) -> AsyncIterator[int]:
    yield it


@pytest.mark.parametrize("dependency", [wide, wide_and_asynchronous])
def test_a_dependency_of_the_request_that_needs_one_of_the_function(
    app_type: type[App], dependency: Callable[..., Any]
) -> None:
    def list_flights(given: Annotated[int, Depends(dependency, scope="request")]) -> None: ...

    error = refusal(register(app_type, list_flights))

    assert isinstance(error, DependencyScopeError)
    assert_names(error, dependency)
    assert_shows(error, 'it: Annotated[int, Depends(narrow, scope="function")]')
    assert_line_works(
        app_type,
        f"def wide({suggestion(error)}):\n    yield it\n"
        "@app.get('/flights')\ndef fixed(given=Depends(wide)): ...",
        {"narrow": narrow},
    )


def reads_a_query(
    q: int,
) -> int:
    return q


def test_a_dependency_of_the_app_that_reads_a_request(app_type: type[App]) -> None:
    def list_flights(
        given: Annotated[int, Depends(reads_a_query, scope="app")],
    ) -> None: ...

    error = refusal(register(app_type, list_flights))

    assert isinstance(error, DependencyScopeError)
    assert_names(error, list_flights)
    assert "'q'" in str(error)
    assert_shows(error, 'given: Annotated[int, Depends(reads_a_query, scope="app")]')
    assert_parameter_works(
        app_type, "/flights", suggestion(error), {"reads_a_query": reads_a_query}
    )


class Unreadable:
    __call__ = next


def test_a_dependency_without_a_readable_signature(app_type: type[App]) -> None:
    def list_flights(given: Annotated[Any, Depends(Unreadable())]) -> None: ...

    error = refusal(register(app_type, list_flights))

    assert "Unreadable" in str(error)
    assert 'File "' in str(error)
    suggestion(error)
