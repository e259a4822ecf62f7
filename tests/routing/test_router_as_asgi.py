"""A router alone: an ASGI application that can be asked what it takes."""

import inspect

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Match

from trivium import APIRouter, App
from trivium.testing import TestClient


def scope_of(method, path):
    return {"type": "http", "method": method, "path": path, "root_path": "", "headers": []}


@pytest.fixture
def router():
    router = APIRouter(prefix="/v1")
    inner = APIRouter()

    @inner.get("/{item_id}")
    def read_item(item_id: int):
        return item_id

    router.include_router(inner, prefix="/items")
    return router


@pytest.mark.parametrize(
    ("method", "path", "match"),
    [
        ("GET", "/v1/items/3", Match.FULL),
        ("POST", "/v1/items/3", Match.PARTIAL),
        ("GET", "/items/3", Match.NONE),
    ],
)
def test_a_router_tells_whether_one_of_its_routes_takes_a_request(router, method, path, match):
    assert router.matches(scope_of(method, path))[0] is match


@pytest.mark.parametrize("name", ["handle", "app", "middleware_stack"])
def test_a_router_serves_its_routes_under_each_of_starlettes_names(router, name):
    client = TestClient(getattr(router, name))

    assert client.get("/v1/items/3").json() == 3
    assert client.get("/items/3").status_code == 404


def test_starlette_routes_of_a_router_are_served_alone():
    router = APIRouter()

    @router.route("/hello")
    def hello(request: Request):
        return PlainTextResponse("hello")

    assert TestClient(router.handle).get("/hello").text == "hello"


@pytest.mark.parametrize("verb", ["get", "put", "post", "delete", "options", "head", "patch"])
def test_a_verb_has_the_same_signature_on_applications_and_routers(verb):
    of_router = inspect.signature(getattr(APIRouter, verb))

    assert list(of_router.parameters) == ["owner", "path", "options"]
    assert of_router == inspect.signature(getattr(App, verb))
