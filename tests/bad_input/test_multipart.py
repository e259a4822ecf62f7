"""Multipart bodies that are malformed are refused in words; none makes the server fail."""

import pytest

from .application import make_app as make_app
from .entrances import Send
from .messages import FORM, content, detail, errors, post
from .multipart import BOUNDARY, END, MULTIPART, opened, part

WHOLE = part("upload", b"content", "f.txt")


@pytest.mark.parametrize(
    "header",
    [
        b"multipart/form-data",
        b"multipart/form-data; boundary=",
        b"multipart/form-data; boundary=other",
        b"multipart/form-data; boundary=" + b"b" * 300,
        b"multipart/form-data; boundary=\xff",
        b'multipart/form-data; boundary="unclosed',
        b"multipart/form-data; bound=frontier",
    ],
    ids=lambda raw: raw[:50],
)
def test_a_boundary_that_does_not_fit_the_body_is_a_400(send: Send, header: bytes) -> None:
    reply = send(post("/upload", WHOLE, headers=((b"content-type", header),)))
    assert reply.status == 400
    assert "multipart" in detail(reply)


@pytest.mark.parametrize(
    "body",
    [
        WHOLE.replace(b"\r\n", b"\n"),
        WHOLE.replace(b"; name=", b"; nom="),
        WHOLE.replace(b"Content-Disposition", b"Content-Disposal"),
        WHOLE.replace(b"form-data; ", b""),
        WHOLE.replace(b"--" + BOUNDARY, b"-" + BOUNDARY),
        b"\x00\xff" * 100,
        b"--" + BOUNDARY + b"\r\n\xff\xfe: x\r\n\r\nx\r\n" + END,
        b"--" + BOUNDARY + b"\r\nno colon\r\n\r\nx\r\n" + END,
    ],
    ids=lambda raw: repr(raw[:60]),
)
def test_a_malformed_part_is_a_400(send: Send, body: bytes) -> None:
    reply = send(post("/upload", body, headers=(MULTIPART,)))
    assert reply.status == 400
    assert detail(reply)


@pytest.mark.parametrize("kept", [10, 30, 60, 70], ids=str)
def test_a_multipart_body_that_ends_early_lacks_its_last_part(send: Send, kept: int) -> None:
    reply = send(post("/upload", WHOLE[:kept], headers=(MULTIPART,)))
    assert errors(reply)[0]["loc"] == ["body", "upload"]


@pytest.mark.parametrize(
    ("body", "header"),
    [
        (b"".join(opened(f"f{n}", b"1") for n in range(1_001)) + END, MULTIPART),
        (b"".join(opened(f"f{n}", b"1", "f") for n in range(1_001)) + END, MULTIPART),
        (part("n", b"1" * (1024 * 1024 + 1)), MULTIPART),
        (b"&".join(b"f%d=1" % n for n in range(1_001)), FORM),
        (b"n=" + b"1" * (2 * 1024 * 1024), FORM),
    ],
    ids=["fields", "files", "large field", "urlencoded fields", "large urlencoded field"],
)
def test_a_form_beyond_its_limits_is_a_400_that_names_the_limit(
    send: Send, body: bytes, header: tuple[bytes, bytes]
) -> None:
    reply = send(post("/form", body, headers=(header,)))
    assert reply.status == 400
    assert "aximum" in detail(reply)


def test_a_quoted_boundary_is_read(send: Send) -> None:
    header = (b"content-type", b'multipart/form-data; boundary="frontier"')
    assert content(send(post("/upload", WHOLE, headers=(header,))))["size"] == 7


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "\x7f", "é", "a\x00b"], ids=repr)
def test_a_filename_is_passed_on_as_it_was_sent(send: Send, name: str) -> None:
    reply = send(post("/upload", part("upload", b"x", name), headers=(MULTIPART,)))
    assert content(reply)["filename"] == repr(name)
