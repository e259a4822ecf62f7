"""A value of the wrong type is a 422 that names the place, wherever the value was sent."""

import pytest

from tests.differential.driver import Call

from .application import make_app as make_app
from .entrances import Send
from .messages import FORM, errors, get, only_error, post
from .multipart import MULTIPART, part


@pytest.mark.parametrize(
    ("call", "kind", "place"),
    [
        (get("/path/x"), "int_parsing", ["path", "n"]),
        (get("/query", "n=x"), "int_parsing", ["query", "n"]),
        (get("/query", "n=1&many=1&many=x"), "int_parsing", ["query", "many", 1]),
        (get("/header", "", (b"x-n", b"x")), "int_parsing", ["header", "x-n"]),
        (get("/cookie", "", (b"cookie", b"n=x")), "int_parsing", ["cookie", "n"]),
        (post("/form", b"n=x", headers=(FORM,)), "int_parsing", ["body", "n"]),
        (post("/item", b'{"name": 1}'), "string_type", ["body", "name"]),
        (post("/item", b'{"name": "a", "size": "x"}'), "int_parsing", ["body", "size"]),
        (post("/number", b"{}"), "int_type", ["body"]),
        (post("/number", b"1.5"), "int_from_float", ["body"]),
        (post("/closed", b'{"m": 1}'), "extra_forbidden", ["body", "m"]),
        (
            post("/upload", part("upload", b"text"), headers=(MULTIPART,)),
            "value_error",
            ["body", "upload"],
        ),
    ],
    ids=str,
)
def test_a_value_of_the_wrong_type_is_refused_at_its_place(
    send: Send, call: Call, kind: str, place: list[str | int]
) -> None:
    assert only_error(send(call)) == (kind, place)


@pytest.mark.parametrize(
    ("call", "place"),
    [
        (get("/query"), ["query", "n"]),
        (get("/query", "n"), ["query", "n"]),
        (get("/header"), ["header", "x-n"]),
        (get("/header", "", (b"x_n", b"1")), ["header", "x-n"]),
        (get("/cookie"), ["cookie", "n"]),
        (post("/form", headers=(FORM,)), ["body", "n"]),
        (post("/form", b"n=", headers=(FORM,)), ["body", "n"]),
        (post("/item"), ["body"]),
        (post("/item", b"{}"), ["body", "name"]),
        (post("/upload", b"", headers=(MULTIPART,)), ["body", "upload"]),
        (post("/content", part("other", b"x", "f"), headers=(MULTIPART,)), ["body", "content"]),
    ],
    ids=str,
)
def test_a_value_that_is_not_sent_is_refused_at_its_place(
    send: Send, call: Call, place: list[str | int]
) -> None:
    (error,) = errors(send(call))
    assert error["loc"] == place
    assert error["type"] in ("missing", "int_parsing")


def test_everything_wrong_with_a_request_is_reported_at_once(send: Send) -> None:
    reply = send(post("/item", b'{"size": "x", "ratio": 11}'))
    found = {(error["type"], error["loc"][-1]) for error in errors(reply)}
    assert found == {("missing", "name"), ("int_parsing", "size"), ("less_than_equal", "ratio")}


@pytest.mark.parametrize(
    ("path", "body", "header"),
    [
        ("/item", b"name=a", FORM),
        ("/item", b'{"name": "a"}', (b"content-type", b"text/plain")),
        ("/item", b'{"name": "a"}', (b"content-type", b"application/jsonx")),
        ("/item", b'{"name": "a"}', (b"x-other", b"no content type at all")),
        ("/form", b'{"n": 1}', (b"content-type", b"application/json")),
        ("/upload", b"{}", (b"content-type", b"application/json")),
    ],
    ids=str,
)
def test_a_body_of_another_content_type_is_refused(
    send: Send, path: str, body: bytes, header: tuple[bytes, bytes]
) -> None:
    assert errors(send(post(path, body, headers=(header,))))[0]["loc"][0] == "body"
