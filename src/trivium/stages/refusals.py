"""Replies that a stage makes instead of the application, in the form of ``HTTPException``'s."""

import json
from collections.abc import Iterable

from trivium.exchange import JSON_TYPE, Reply

__all__ = ["refusal"]


def refusal(status: int, detail: str, headers: Iterable[tuple[bytes, bytes]] = ()) -> Reply:
    """``{"detail": ...}`` with a status."""
    body = json.dumps({"detail": detail}, separators=(",", ":")).encode()
    return Reply(status, [(b"content-length", b"%d" % len(body)), JSON_TYPE, *headers], body)
