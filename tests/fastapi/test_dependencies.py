"""What libraries do with ``fastapi.dependencies.utils``: resolve parameters by themselves."""

from contextlib import AsyncExitStack
from typing import Annotated

import pytest
from starlette.datastructures import FormData, Headers, QueryParams
from starlette.requests import Request
from starlette.responses import Response

from trivium.fastapi import APIRouter, BackgroundTasks, Body, Depends, FastAPI, Form, Header, Query
from trivium.fastapi.dependencies import utils
from trivium.testing import TestClient


def request_to(path="/", query=b"", headers=()):
    return Request(
        {"type": "http", "method": "GET", "path": path, "query_string": query, "headers": headers}
    )


def test_parameters_of_one_place_are_read_from_what_was_received():
    def endpoint(limit: int, x_token: Annotated[str, Header()], tag: list[str] = Query([])): ...

    dependant = utils.get_dependant(path="/", call=endpoint)

    assert utils.request_params_to_args(
        dependant.query_params, QueryParams("limit=5&tag=a&tag=b")
    ) == ({"limit": 5, "tag": ["a", "b"]}, [])
    assert utils.request_params_to_args(
        dependant.header_params, Headers({"x-token": "secret"})
    ) == ({"x_token": "secret"}, [])


def test_a_parameter_that_does_not_validate_is_an_error_with_its_place():
    def endpoint(limit: int): ...

    dependant = utils.get_dependant(path="/", call=endpoint)

    values, errors = utils.request_params_to_args(dependant.query_params, QueryParams("limit=x"))

    assert values == {}
    assert [error["loc"] for error in errors] == [("query", "limit")]


async def test_the_fields_of_a_body_are_read_from_json_and_from_a_form():
    def json_endpoint(a: Annotated[int, Body()], b: Annotated[int, Body()]): ...
    def form_endpoint(a: Annotated[int, Form()], b: Annotated[int, Form()]): ...

    json = utils.get_dependant(path="/", call=json_endpoint).body_params
    form = utils.get_dependant(path="/", call=form_endpoint).body_params

    assert await utils.request_body_to_args(json, {"a": 1, "b": 2}, True) == ({"a": 1, "b": 2}, [])
    values, errors = await utils.request_body_to_args(form, FormData({"a": "1"}), False)
    assert values == {"a": 1}
    assert [(error["type"], error["loc"]) for error in errors] == [("missing", ("body", "b"))]


async def test_solved_dependencies_are_the_arguments_of_a_handler_that_is_not_called():
    closed = []

    def connection():
        yield "connection"
        closed.append("connection")

    def session(response: Response, connection: str = Depends(connection)):
        response.headers["x-session"] = "1"
        return f"session on {connection}"

    def endpoint(tasks: BackgroundTasks, session: str = Depends(session), limit: int = 3):
        raise NotImplementedError

    dependant = utils.get_dependant(path="/", call=endpoint)
    given = Response()
    async with AsyncExitStack() as stack:
        solved = await utils.solve_dependencies(
            request=request_to(query=b"limit=7"),
            dependant=dependant,
            response=given,
            async_exit_stack=stack,
            embed_body_fields=False,
        )

        assert closed == []
    assert solved.values == {
        "session": "session on connection",
        "limit": 7,
        "tasks": solved.background_tasks,
    }
    assert solved.errors == []
    assert given.headers["x-session"] == "1"
    assert closed == ["connection"]


async def test_overrides_of_an_application_count_where_dependencies_are_solved():
    def user():
        return "real"

    def endpoint(user: str = Depends(user)): ...

    app = FastAPI()
    app.dependency_overrides[user] = lambda: "fake"
    async with AsyncExitStack() as stack:
        solved = await utils.solve_dependencies(
            request=request_to(),
            dependant=utils.get_dependant(path="/", call=endpoint),
            dependency_overrides_provider=app,
            async_exit_stack=stack,
            embed_body_fields=False,
        )

    assert solved.values == {"user": "fake"}


@pytest.mark.parametrize("version", ["0.0.12", "0.0.9"])
def test_a_form_parameter_is_refused_at_registration_without_python_multipart(monkeypatch, version):
    monkeypatch.setattr("python_multipart.__version__", version)
    monkeypatch.setattr("trivium.binding.multipart.import_module", only_the_old_name(version))
    app = FastAPI()

    with pytest.raises(RuntimeError, match="pip install python-multipart"):

        @app.post("/")
        def login(name: str = Form()): ...


def only_the_old_name(version):
    def import_module(name):
        import python_multipart

        if name == "python_multipart":
            return python_multipart
        raise ModuleNotFoundError(name)

    return import_module


@pytest.mark.parametrize("nested", [False, True], ids=["direct", "included"])
def test_a_dependency_inserted_after_registration_is_called(nested):
    app = FastAPI()
    router = APIRouter() if nested else app.router
    seen = []

    @router.get("/items/{item_id}")
    def read_item(item_id: int):
        return item_id

    def authenticate(item_id: int):
        seen.append(item_id)

    for route in router.routes:
        if getattr(route, "path", None) == "/items/{item_id}":
            added = utils.get_parameterless_sub_dependant(
                depends=Depends(authenticate), path=route.path_format
            )
            route.dependant.dependencies.insert(0, added)
    if nested:
        app.include_router(router, prefix="/api")

    assert TestClient(app).get(f"{'/api' if nested else ''}/items/4").json() == 4
    assert seen == [4]


def test_a_dependency_inserted_after_inclusion_is_called():
    app = FastAPI()
    router = APIRouter()
    seen = []

    @router.get("/items")
    def read_items():
        return []

    def authenticate():
        seen.append("called")

    app.include_router(router, prefix="/api")
    added = utils.get_parameterless_sub_dependant(depends=Depends(authenticate), path="/items")
    router.routes[0].dependant.dependencies.insert(0, added)

    assert TestClient(app).get("/api/items").status_code == 200
    assert seen == ["called"]
