"""Text in the wrong encoding is read where its meaning is plain, and refused where it is not."""

import pytest

from .application import make_app as make_app
from .entrances import Send
from .messages import FORM, JSON, content, detail, errors, get, post
from .multipart import MULTIPART, part

TEXT = '{"name": "é"}'


@pytest.mark.parametrize(
    "body",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        TEXT.encode("utf-16-be"),
        TEXT.encode("utf-32"),
    ],
    ids=["utf-8", "utf-8 with a BOM", "utf-16", "utf-16-be", "utf-32"],
)
def test_json_in_a_unicode_encoding_is_read(send: Send, body: bytes) -> None:
    assert content(send(post("/item", body)))["name"] == "é"


@pytest.mark.parametrize(
    "body",
    [
        TEXT.encode("latin-1"),
        b'{"name": "\xff"}',
        b'{"name": "\xc3"}',
        b'{"name": "\xc0\xaf"}',
        TEXT.encode("utf-16")[:-1],
        b"\xff\xfe",
        b"\xfe\xff\x00",
    ],
    ids=repr,
)
def test_json_in_no_unicode_encoding_is_refused(send: Send, body: bytes) -> None:
    reply = send(post("/item", body))
    assert reply.status in (400, 422)
    if reply.status == 400:
        assert "body" in detail(reply)


def test_the_charset_of_a_json_content_type_means_nothing(send: Send) -> None:
    """RFC 8259, section 11: no charset parameter is defined for application/json."""
    header = (b"content-type", b"application/json; charset=latin-1")
    assert content(send(post("/item", TEXT.encode(), headers=(header,))))["name"] == "é"


@pytest.mark.improves(500)
@pytest.mark.parametrize("header", [(b"content-type", b"text/plain"), (b"x-other", b"none")])
@pytest.mark.parametrize("body", [b"\xff\xfe", b"\x80", b"text \xe9"], ids=repr)
def test_bytes_that_are_no_text_are_a_422_where_json_is_due(
    send: Send, header: tuple[bytes, bytes], body: bytes
) -> None:
    """FastAPI decodes the bytes to show them in its 422, cannot, and answers 500."""
    assert errors(send(post("/item", body, headers=(header,))))[0]["loc"] == ["body"]


SURROGATES = (b'"\\ud800"', b'"\\udfff"', b'"\\ud800\\ud800"', b'"a\\uDBFFb"', b'"\xed\xa0\x80"')


@pytest.mark.improves(500)
@pytest.mark.parametrize("text", SURROGATES, ids=repr)
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/number", b"%b"),
        ("/closed", b"{%b: 1}"),
        ("/closed", b'{"n": [%b]}'),
    ],
)
def test_a_lone_surrogate_that_does_not_fit_is_a_4xx(
    send: Send, path: str, body: bytes, text: bytes
) -> None:
    """FastAPI cannot write the surrogate back into its 422, and answers 500."""
    reply = send(post(path, body % text))
    assert reply.status in (400, 422)
    assert reply.body.decode()


@pytest.mark.parametrize("text", SURROGATES, ids=repr)
def test_a_lone_surrogate_in_a_key_is_a_4xx(send: Send, text: bytes) -> None:
    assert send(post("/counts", b"{%b: []}" % text)).status in (400, 422)


@pytest.mark.improves(500)
@pytest.mark.parametrize("text", SURROGATES, ids=repr)
def test_a_lone_surrogate_cannot_make_a_handler_fail(send: Send, text: bytes) -> None:
    """FastAPI lets it through, and answers 500 when the handler returns what it was given."""
    reply = send(post("/item", b'{"name": %b}' % text))
    assert reply.status in (400, 422)


def test_a_pair_of_surrogates_is_one_character(send: Send) -> None:
    reply = send(post("/item", b'{"name": "\\ud83d\\ude00"}'))
    assert content(reply)["name"] == "\U0001f600"


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("n=1&many=%ff", "\ufffd"),
        ("n=1&many=%ED%A0%80", "\ufffd\ufffd\ufffd"),
        ("n=1&many=%zz", "%zz"),
    ],
)
def test_a_query_that_is_not_utf_8_is_read_with_replacements(
    send: Send, query: str, shown: str
) -> None:
    assert errors(send(get("/query", query)))[0]["input"] == shown


def test_a_path_that_is_not_utf_8_is_read_with_replacements(send: Send) -> None:
    assert content(send(get("/text/%ff"))) == "str: '\ufffd'"


@pytest.mark.parametrize("value", [b"\xff", b"\xe9\x80", b"\xc3\xa9"], ids=repr)
def test_headers_and_cookies_that_are_not_ascii_are_read_as_latin_1(
    send: Send, value: bytes
) -> None:
    expected = value.decode("latin-1")
    in_header = send(get("/header", "", (b"x-n", value)))
    in_cookie = send(get("/cookie", "", (b"cookie", b"n=" + value)))
    assert errors(in_header)[0]["input"] == expected
    assert errors(in_cookie)[0]["input"] == expected


@pytest.mark.parametrize(
    ("body", "name"),
    [(b"n=1&name=%ff", "\ufffd"), (b"n=1&name=\xff", "ÿ"), (b"n=1&name=%zz", "%zz")],
    ids=repr,
)
def test_a_form_that_is_not_utf_8_is_read(send: Send, body: bytes, name: str) -> None:
    assert content(send(post("/form", body, headers=(FORM,))))["list"][1] == f"str: {name!r}"


@pytest.mark.parametrize("charset", [b"", b"; charset=latin-1", b"; charset=nonsense"])
def test_a_part_that_is_not_in_its_charset_is_read_as_latin_1(send: Send, charset: bytes) -> None:
    header = (MULTIPART[0], MULTIPART[1] + charset)
    reply = send(post("/form", part("n", b"\xe9"), headers=(header,)))
    assert errors(reply)[0]["input"] == "é"


@pytest.mark.parametrize(
    "value",
    [
        b"application/json;;;=",
        b'application/json; charset="',
        b" application/json ",
        b"application/JSON",
    ],
    ids=repr,
)
def test_a_careless_json_content_type_is_still_json(send: Send, value: bytes) -> None:
    reply = send(post("/item", TEXT.encode(), headers=((JSON[0], value),)))
    assert reply.status == 200


@pytest.mark.parametrize(
    "value", [b"", b"/", b"\xff/\xfe", b";", b"application", b"json"], ids=repr
)
def test_a_meaningless_content_type_is_not_json(send: Send, value: bytes) -> None:
    reply = send(post("/item", TEXT.encode(), headers=((JSON[0], value),)))
    assert errors(reply)[0]["loc"] == ["body"]
