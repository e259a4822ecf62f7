"""The tree of errors: what is caught by what, and what the texts tell."""

import functools
import pickle

import fastapi.exceptions as reference
import pytest
import starlette.exceptions

from trivium import errors
from trivium.errors import (
    DeclarationError,
    HTTPException,
    RequestValidationError,
    ResponseValidationError,
    ValidationException,
    WebSocketException,
    WebSocketRequestValidationError,
    caller_frame,
    place_of,
    place_of_frame,
    written_at,
)

MISSING = {"type": "missing", "loc": ("body", "name"), "msg": "Field required"}
CONTEXTS = [
    None,
    {},
    {"path": "GET /items"},
    {"function": "read", "file": "app.py"},
    {"function": "read", "file": "app.py", "line": 3},
    {"function": "read", "file": "app.py", "line": 3, "path": "GET /items"},
]


@pytest.mark.parametrize(
    ("error", "caught_as"),
    [
        (HTTPException(404), starlette.exceptions.HTTPException),
        (WebSocketException(1008), starlette.exceptions.WebSocketException),
        (RequestValidationError([]), ValidationException),
        (ResponseValidationError([]), ValidationException),
        (WebSocketRequestValidationError([]), ValidationException),
        (DeclarationError("wrong"), errors.TriviumError),
        (DeclarationError("wrong"), AssertionError),
        (errors.DependencyScopeError("wrong"), DeclarationError),
        (errors.PydanticV1NotSupportedError("wrong"), DeclarationError),
    ],
)
def test_an_error_is_caught_by_what_the_tree_draws_above_it(error, caught_as):
    with pytest.raises(caught_as):
        raise error


def test_every_class_of_the_module_is_drawn_in_its_docstring():
    classes = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type)
        and issubclass(value, BaseException)
        and value.__module__ == errors.__name__
    }

    assert classes
    assert {name for name in classes if f" {name} " not in errors.__doc__} == set()


def test_an_http_exception_carries_any_detail_and_defaults_to_the_phrase_of_its_status():
    assert HTTPException(404).detail == "Not Found"
    assert HTTPException(409, {"taken": ["a"]}, {"x-y": "z"}).detail == {"taken": ["a"]}
    assert HTTPException(409, headers={"x-y": "z"}).headers == {"x-y": "z"}


@pytest.mark.parametrize("name", ["RequestValidationError", "ResponseValidationError"])
def test_a_validation_error_keeps_the_errors_and_the_body(name):
    error = getattr(errors, name)([MISSING], body={"nam": 1})

    assert error.errors() == [MISSING]
    assert error.body == {"nam": 1}
    assert error.endpoint_ctx is None


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("count", [0, 1, 2])
@pytest.mark.parametrize(
    "name",
    [
        "ValidationException",
        "RequestValidationError",
        "WebSocketRequestValidationError",
        "ResponseValidationError",
    ],
)
def test_a_validation_error_reads_as_the_one_of_fastapi(name, count, context):
    ours = getattr(errors, name)([MISSING] * count, endpoint_ctx=context)
    theirs = getattr(reference, name)([MISSING] * count, endpoint_ctx=context)

    assert str(ours) == str(theirs)
    assert ours.args == theirs.args
    for attribute in ("function", "path", "file", "line"):
        assert getattr(ours, f"endpoint_{attribute}") == getattr(theirs, f"endpoint_{attribute}")


def test_a_declaration_error_shows_the_place_the_line_and_the_line_that_would_work():
    error = DeclarationError(
        "Path parameters cannot have a default value",
        where='File "app.py", line 12, in read',
        written="id: int = Path(3)",
        instead="id: int = Path()",
    )

    assert str(error).splitlines() == [
        "Path parameters cannot have a default value",
        '  File "app.py", line 12, in read',
        "    written:  id: int = Path(3)",
        "    instead:  id: int = Path()",
    ]


def test_a_declaration_error_with_nothing_but_a_message_is_that_message():
    assert str(DeclarationError("wrong")) == "wrong"


@pytest.mark.parametrize(
    "error",
    [
        DeclarationError("wrong", where="here", written="x", instead="y"),
        RequestValidationError([MISSING], body=b"x", endpoint_ctx={"path": "GET /"}),
        HTTPException(404, "gone"),
    ],
)
def test_an_error_survives_pickling(error):
    copy = pickle.loads(pickle.dumps(error))

    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


def plain():
    pass


def _decorated(function):
    @functools.wraps(function)
    def wrapper():
        pass

    return wrapper


@_decorated
def wrapped():
    pass


class Callable:
    def __call__(self):
        pass

    def method(self):
        pass


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (plain, "plain"),
        (functools.partial(functools.partial(plain)), "plain"),
        (wrapped, "wrapped"),
        (Callable(), "__call__"),
        (Callable().method, "method"),
        (Callable, "Callable"),
    ],
)
def test_a_callable_is_placed_at_its_definition_in_the_users_program(call, name):
    place = place_of(call)

    assert place is not None
    assert place.startswith(f'File "{__file__}", line ')
    assert place.endswith(f", in {name}")


@pytest.mark.parametrize("call", [None, len, 3])
def test_a_callable_without_source_has_no_place(call):
    assert place_of(call) is None


def test_the_callers_frame_is_where_the_program_called_trivium():
    assert written_at(caller_frame()).startswith("assert written_at(caller_frame())")
    assert place_of_frame(caller_frame()).endswith(
        "in test_the_callers_frame_is_where_the_program_called_trivium"
    )


def test_nothing_is_told_of_a_frame_that_is_not_there():
    assert written_at(None) is None
    assert place_of_frame(None) is None
