"""Both engines have to answer alike, or there is nothing to compare."""

import http.client
import json
from dataclasses import dataclass
from typing import Any

from trivium.cli.benchmark.errors import NotServing
from trivium.cli.benchmark.requests import Request

PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    content_type: str
    body: bytes

    @property
    def value(self) -> Any:
        """The JSON value, so that spaces and the order of keys do not count; else the bytes."""
        if self.content_type.partition(";")[0].endswith("json"):
            try:
                return json.loads(self.body)
            except ValueError:
                return self.body
        return self.body


def ask(request: Request, port: int, times: int = 1) -> Reply:
    """The reply to the last of `times` requests on one connection.

    Raises NotServing when there is none.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        for _ in range(times - 1):
            _exchange(request, connection)
        return _exchange(request, connection)
    except (OSError, http.client.HTTPException) as error:
        raise NotServing(f"{request.title}: {type(error).__name__}: {error}") from error
    finally:
        connection.close()


def _exchange(request: Request, connection: http.client.HTTPConnection) -> Reply:
    connection.request(request.method, request.target, request.body or None, dict(request.headers))
    response = connection.getresponse()
    body = response.read()
    return Reply(response.status, response.getheader("content-type", ""), body)


def difference(ours: Reply, theirs: Reply, *, values: bool = True) -> str | None:
    """The first thing in which two replies differ, or None. `values`: bodies count too."""
    if ours.status != theirs.status:
        return f"status {ours.status} != {theirs.status}"
    if ours.content_type != theirs.content_type:
        return f"content type {ours.content_type!r} != {theirs.content_type!r}"
    if values and ours.value != theirs.value:
        return f"body {_short(ours.body)} != {_short(theirs.body)}"
    return None


def _short(body: bytes) -> str:
    text = body.decode("utf-8", "replace")
    return text if len(text) <= 80 else f"{text[:77]}..."
