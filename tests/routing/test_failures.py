"""Trivium's own handlers of errors answer without a request, and answer the same."""

from http import HTTPStatus

import pytest
from starlette.exceptions import HTTPException as StarletteHTTPException

from trivium import App, HTTPException
from trivium.errors import RequestValidationError
from trivium.exchange import Exchange
from trivium.routing.failures import (
    http_exception_handler,
    request_validation_exception_handler,
)
from trivium.testing import TestClient


class OwnError(HTTPException):
    pass


FAILURES = {
    "text": lambda: HTTPException(404, "ä"),
    "phrase": lambda: HTTPException(HTTPStatus.CONFLICT),
    "of Starlette": lambda: StarletteHTTPException(418),
    "headers": lambda: HTTPException(401, "no", headers={"WWW-Authenticate": "Bearer"}),
    "empty headers": lambda: HTTPException(401, "no", headers={}),
    "object": lambda: HTTPException(400, {"a": [1, None]}),
    "empty": lambda: HTTPException(400, ""),
    "without a body": lambda: HTTPException(304, "x"),
    "no content": lambda: HTTPException(204, "x"),
    "server": lambda: HTTPException(503, "x"),
    "derived": lambda: OwnError(409, "x"),
    "validation": lambda: RequestValidationError([{"type": "t", "loc": ("a",), "input": 1.5}]),
    "not JSON": lambda: RequestValidationError([{"type": "t", "input": float("nan")}]),
    "surrogate": lambda: RequestValidationError([{"type": "t", "input": "\ud800"}]),
}


def application(handlers=None):
    app = App(exception_handlers=handlers)

    @app.get("/{name}")
    async def fail(name: str):
        raise FAILURES[name]()

    return app


async def wrapped_http(request, error):
    return await http_exception_handler(request, error)


async def wrapped_validation(request, error):
    return await request_validation_exception_handler(request, error)


WRAPPED = {
    StarletteHTTPException: wrapped_http,
    RequestValidationError: wrapped_validation,
}


def answer(app, method, path):
    response = TestClient(app).request(method, path)
    return response.status_code, response.headers.multi_items(), response.content


@pytest.mark.parametrize("name", FAILURES)
def test_an_error_is_answered_as_the_handler_answers_it_when_it_is_called(name):
    assert answer(application(), "GET", f"/{name}") == answer(
        application(WRAPPED), "GET", f"/{name}"
    )


@pytest.mark.parametrize(("method", "path"), [("GET", "/a/b"), ("GET", "/text/"), ("PUT", "/a")])
def test_what_no_route_answers_is_answered_as_the_handler_answers_it(method, path):
    assert answer(application(), method, path) == answer(application(WRAPPED), method, path)


@pytest.mark.parametrize("name", ["text", "phrase", "of Starlette", "validation"])
def test_no_request_is_made_for_handlers_that_do_not_look_at_it(name, monkeypatch):
    monkeypatch.setattr(Exchange, "connection", property(lambda ex: pytest.fail("was made")))

    status, _, body = answer(application(), "GET", f"/{name}")

    assert 400 <= status < 500
    assert body.startswith(b'{"detail":')


def test_a_detail_that_cannot_be_encoded_is_an_error_of_the_server():
    app = App()

    @app.get("/")
    async def fail():
        raise HTTPException(400, "\ud800")

    assert TestClient(app, raise_server_exceptions=False).get("/").status_code == 500
