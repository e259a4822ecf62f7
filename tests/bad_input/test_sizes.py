"""Bodies that are too large, shorter than promised, or never finished."""

import pytest

from tests.differential.driver import Call

from .application import make_app as make_app
from .entrances import Send, in_process
from .messages import FORM, JSON, content, get, post
from .multipart import MULTIPART, part


@pytest.mark.parametrize(
    "call",
    [
        post("/limited", b'"%b"' % (b"a" * 30)),
        post("/limited", b'"aaaaaaaaaa', b"aaaaaaaaaaaaaaaaaaaa", b'"'),
        post("/limited", b"[" * 100_000),
        post("/limited-form", b"n=" + b"a" * 90, headers=(FORM,)),
        post("/limited-form", part("n", b"a" * 90), headers=(MULTIPART,)),
    ],
    ids=["one piece", "chunked", "malformed as well", "urlencoded", "multipart"],
)
def test_a_body_beyond_its_limit_is_a_413(send: Send, call: Call) -> None:
    reply = send(call)
    assert reply.status == 413
    assert b"Content Too Large" in reply.body


def test_a_body_at_its_limit_is_read(send: Send) -> None:
    assert send(post("/limited", b'"%b"' % (b"a" * 18))).status == 200
    assert send(post("/limited", b'"%b"' % (b"a" * 19))).status == 413


def test_a_body_that_is_declared_too_large_is_refused_before_it_is_read(
    send_in_process: Send,
) -> None:
    headers = (JSON, (b"content-length", b"1000"))
    assert send_in_process(post("/limited", b"1", headers=headers)).status == 413


@pytest.mark.parametrize(
    "length", [b"x", b"-1", b"", b"1.5", b"9" * 5_000], ids=lambda raw: raw[:9]
)
def test_a_declared_length_that_is_no_number_is_not_believed(
    send_in_process: Send, length: bytes
) -> None:
    headers = (JSON, (b"content-length", length))
    assert send_in_process(post("/limited", b"1", headers=headers)).status == 200
    assert send_in_process(post("/limited", b"1" * 30, headers=headers)).status == 413


@pytest.mark.parametrize(
    "call",
    [
        Call("POST", b"/item", headers=(JSON,), body=(b'{"name": "a"}',), cut=True),
        Call("POST", b"/item", headers=(JSON,), body=(b'{"na',), cut=True),
        Call("POST", b"/form", headers=(FORM,), body=(b"n=1",), cut=True),
        Call(
            "POST",
            b"/upload",
            headers=(MULTIPART,),
            body=(part("upload", b"x", "f")[:60],),
            cut=True,
        ),
        Call("POST", b"/upload", headers=(MULTIPART,), body=(), cut=True),
    ],
    ids=["whole json", "half json", "urlencoded", "multipart", "nothing"],
)
def test_a_client_that_leaves_before_its_body_is_complete_harms_nobody(
    send: Send, call: Call
) -> None:
    reply = send(call)
    assert reply.status in (None, 400)
    assert send(get("/query", "n=1")).status == 200


@pytest.mark.parametrize("body", [b'{"name"', b'{"name": "a', b'{"name": "a"'], ids=repr)
def test_a_truncated_body_of_the_declared_length_is_a_422(send: Send, body: bytes) -> None:
    assert send(post("/item", body)).status == 422


def test_a_body_in_many_small_pieces_is_put_together(send: Send) -> None:
    pieces = [bytes([byte]) for byte in b'{"name": "in pieces"}']
    assert content(send(post("/item", *pieces)))["name"] == "in pieces"


def test_a_limit_of_the_whole_app_holds_for_each_route(framework: object) -> None:
    app = framework.FastAPI(max_body_size=10)  # type: ignore[attr-defined]  # a module

    @app.post("/")
    def echo(value: dict[str, int]) -> dict[str, int]:
        return value

    with in_process(app) as send:
        assert send(post("/", b'{"a": 1}')).status == 200
        assert send(post("/", b'{"a": 1000000}')).status == 413
