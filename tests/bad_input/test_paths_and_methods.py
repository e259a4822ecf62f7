"""Null bytes, traversal, duplicates and methods that nobody declared."""

from urllib.parse import quote

import pytest

from tests.differential.driver import Call

from .application import make_app as make_app
from .entrances import Send
from .messages import FORM, content, detail, errors, get, only_error, post


def test_a_null_byte_in_a_path_is_a_character_like_any_other(send: Send) -> None:
    assert content(send(get("/text/a%00b"))) == "str: 'a\\x00b'"
    assert only_error(send(get("/path/%00"))) == ("int_parsing", ["path", "n"])


@pytest.mark.parametrize(
    "path",
    [
        "/static/%00",
        "/static/application.py%00",
        "/static/..%2f..%2fetc%2fpasswd",
        "/static/%2fetc/passwd",
        "/static/" + "a" * 5_000,
        "/static/%ED%A0%80",
        "/no%00where",
    ],
    ids=lambda path: path[:40],
)
def test_a_file_that_cannot_exist_is_a_404(send: Send, path: str) -> None:
    assert send(get(path)).status == 404


def test_an_integer_beyond_the_digit_limit_is_a_422(send: Send) -> None:
    digits = "9" * 5_000
    assert only_error(send(get(f"/path/{digits}"))) == ("int_parsing_size", ["path", "n"])
    assert only_error(send(get("/query", f"n={digits}"))) == ("int_parsing_size", ["query", "n"])
    in_header = send(get("/header", "", (b"x-n", digits.encode())))
    assert only_error(in_header) == ("int_parsing_size", ["header", "x-n"])
    in_form = send(post("/form", b"n=" + digits.encode(), headers=(FORM,)))
    assert only_error(in_form) == ("int_parsing_size", ["body", "n"])


@pytest.mark.parametrize("text", ["nan", "inf", "1.5", "1e3", "0x1", "١٢", "1_000_", "--1", "+"])
def test_what_is_no_integer_is_a_422(send: Send, text: str) -> None:
    (error,) = errors(send(get("/query", "n=" + quote(text))))
    assert error["loc"] == ["query", "n"]


def test_duplicate_parameters_keep_the_last_value_or_collect_them_all(send: Send) -> None:
    reply = send(get("/query", "n=1&n=2&many=3&many=4&many=3"))
    assert content(reply)["list"] == ["int: 2", {"list": ["int: 3", "int: 4", "int: 3"]}]


def test_of_duplicate_headers_the_first_counts(send: Send) -> None:
    reply = send(get("/header", "", (b"x-n", b"1"), (b"x-n", b"2")))
    assert content(reply) == "int: 1"


def test_of_duplicate_cookies_the_last_counts(send: Send) -> None:
    assert content(send(get("/cookie", "", (b"cookie", b"n=1; n=2")))) == "int: 2"


def test_of_duplicate_form_fields_the_last_counts(send: Send) -> None:
    reply = send(post("/form", b"n=1&n=2", headers=(FORM,)))
    assert content(reply)["list"][0] == "int: 2"


@pytest.mark.parametrize("query", ["&", "&&&", "=", "=1", "n", "%", "n%3D1", "#"], ids=repr)
def test_a_query_without_the_parameter_is_a_422(send: Send, query: str) -> None:
    assert errors(send(get("/query", query)))[0]["loc"] == ["query", "n"]


@pytest.mark.parametrize("method", ["POST", "PROPFIND", "PURGE", "TRACE", "DELETE"])
def test_a_method_that_is_not_declared_is_a_405_that_names_those_that_are(
    send: Send, method: str
) -> None:
    reply = send(Call(method, b"/query"))
    assert (reply.status, detail(reply)) == (405, "Method Not Allowed")
    assert dict(reply.headers)[b"allow"] == b"GET"


@pytest.mark.parametrize(
    "method", ["FOO", "get", "", "É", "GET POST", "A" * 10_000], ids=lambda m: m[:9]
)
def test_a_method_that_no_standard_knows_is_a_405(send_in_process: Send, method: str) -> None:
    reply = send_in_process(Call(method, b"/query"))
    assert reply.status == 405
    assert dict(reply.headers)[b"allow"] == b"GET"


def test_an_unknown_path_is_a_404_whatever_the_method(send: Send) -> None:
    for method in ("GET", "POST", "PURGE"):
        assert send(Call(method, b"/nowhere")).status == 404


@pytest.mark.parametrize(
    "cookie",
    [b"", b";", b"=", b"n", b"novalue; n", b'n="', b"\xff=1", b"N=1", b"; ; ;", b"n=; n="],
    ids=repr,
)
def test_a_malformed_cookie_header_is_a_422_and_not_a_failure(send: Send, cookie: bytes) -> None:
    reply = send(get("/cookie", "", (b"cookie", cookie)))
    assert errors(reply)[0]["loc"] == ["cookie", "n"]
