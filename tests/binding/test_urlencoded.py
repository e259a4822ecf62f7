"""A small URL-encoded form is read as Starlette's parser reads it, to the last byte."""

from __future__ import annotations

from typing import Annotated, Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request

from trivium import App, Form
from trivium.binding.limits import FormLimits
from trivium.binding.urlencoded import MOST_BYTES, small_form
from trivium.exchange import Exchange
from trivium.testing import TestClient

TYPE = b"application/x-www-form-urlencoded"


def scope(body: bytes, content_type: bytes = TYPE, length: bytes | None = None) -> dict[str, Any]:
    size = str(len(body)).encode() if length is None else length
    headers = [(b"content-type", content_type), (b"content-length", size)]
    return {"type": "http", "method": "POST", "path": "/", "headers": headers, "app": None}


def reader(body: bytes) -> Any:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def nothing(message: Any) -> None: ...


def ours(body: bytes, limits: FormLimits) -> Any:
    return outcome(small_form, Exchange(scope(body), reader(body), nothing), limits)


def starlettes(body: bytes, limits: FormLimits) -> Any:
    async def form() -> FormData:
        return await Request(scope(body), reader(body)).form(**limits)

    return outcome(form)


def outcome(work: Any, *arguments: Any) -> Any:
    try:
        form = anyio.run(work, *arguments)
    except HTTPException as error:
        return error.status_code, error.detail
    return form.multi_items()


pieces = st.sampled_from(
    [b"a", b"name", b"=", b"&", b"&&", b"+", b"%20", b"%", b"%zz", b"%C3%A9", b"\xff", b";", b"=="]
)


@given(st.lists(pieces, max_size=12).map(b"".join))
def test_every_body_gives_what_it_gives_in_starlette(body: bytes) -> None:
    assert ours(body, {}) == starlettes(body, {})


@given(
    st.lists(pieces, max_size=12).map(b"".join),
    st.integers(min_value=0, max_value=4),
    st.integers(min_value=0, max_value=6),
)
def test_every_body_is_refused_where_starlette_refuses_it(
    body: bytes, fields: int, size: int
) -> None:
    limits = FormLimits(max_fields=fields, max_part_size=size)

    assert ours(body, limits) == starlettes(body, limits)


@pytest.mark.parametrize(
    "request_scope",
    [
        scope(b"a=1", b"multipart/form-data; boundary=x"),
        scope(b"a=1", b"text/plain"),
        scope(b"a=1", length=b"many"),
        scope(b"a=1", length=str(MOST_BYTES + 1).encode()),
        scope(b"a=1", length=b""),
    ],
)
async def test_what_is_no_small_form_is_left_alone(request_scope: dict[str, Any]) -> None:
    async def receive() -> dict[str, Any]:
        raise AssertionError("the body was read")

    assert await small_form(Exchange(request_scope, receive, nothing), {}) is None


async def test_the_type_may_have_parameters_and_any_case() -> None:
    content_type = b"Application/X-WWW-Form-URLEncoded ; charset=utf-8"
    body = b"a=1"

    form = await small_form(Exchange(scope(body, content_type), reader(body), nothing), {})

    assert form is not None
    assert form.multi_items() == [("a", "1")]


def test_a_form_in_chunks_without_a_length_is_read_as_well() -> None:
    app = App()

    @app.post("/")
    async def read(name: Annotated[str, Form()], town: Annotated[str, Form()]) -> list[str]:
        return [name, town]

    def chunks() -> Any:
        yield b"name=A"
        yield b"da&to"
        yield b"wn=London"

    headers = {"content-type": TYPE.decode()}
    client = TestClient(app)

    assert client.post("/", content=chunks(), headers=headers).json() == ["Ada", "London"]
    assert client.post("/", content=b"name=Ada&town=London", headers=headers).json() == [
        "Ada",
        "London",
    ]


async def test_a_body_that_comes_in_pieces_is_put_together() -> None:
    messages = [
        {"type": "http.request", "body": b"name=%C3", "more_body": True},
        {"type": "http.request", "body": b"%A9", "more_body": False},
    ]

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    ex = Exchange(scope(b"name=%C3%A9"), receive, nothing)

    form = await small_form(ex, {})

    assert form is not None
    assert form["name"] == "é"
    assert await ex.request.form() is form
