"""The HTTP client library that Starlette's test client stands on, found once for this room.

Starlette prefers `httpx2` and still takes `httpx`. Whichever it took is taken here too: the
classes of the two libraries do not mix, and one test must be able to use both clients.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx2 as httpx
else:
    try:
        from starlette.testclient import httpx
    except RuntimeError as missing:  # what Starlette raises where neither library is installed
        raise ModuleNotFoundError(
            "trivium.testing needs an HTTP client library, and none is installed.\n"
            "Install one with:\n    pip install httpx2"
        ) from missing

__all__ = ["httpx"]
