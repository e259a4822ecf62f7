"""Short spellings of requests and of what is read from a reply."""

from __future__ import annotations

import json
from typing import Any

from tests.differential.driver import Call, Reply

JSON = (b"content-type", b"application/json")
FORM = (b"content-type", b"application/x-www-form-urlencoded")


def get(path: str, query: str = "", *headers: tuple[bytes, bytes]) -> Call:
    return Call("GET", path.encode(), query.encode(), headers)


def post(path: str, *body: bytes, headers: tuple[tuple[bytes, bytes], ...] = (JSON,)) -> Call:
    return Call("POST", path.encode(), headers=headers, body=body)


def content(reply: Reply) -> Any:
    return json.loads(reply.body)


def errors(reply: Reply) -> list[dict[str, Any]]:
    """The list of errors of a 422, which must be one."""
    assert reply.status == 422, str(reply)
    listed: list[dict[str, Any]] = content(reply)["detail"]
    assert listed
    assert all({"type", "loc", "msg"} <= error.keys() for error in listed)
    return listed


def only_error(reply: Reply) -> tuple[str, list[Any]]:
    """The type and the location of the one error of a 422."""
    (error,) = errors(reply)
    return error["type"], error["loc"]


def detail(reply: Reply) -> str:
    """The detail of an error reply, which must be a sentence for people."""
    text = content(reply)["detail"]
    assert isinstance(text, str)
    assert text
    return text
