"""What a server knows of itself once it serves, for the screen at start-up."""

import asyncio
import os
import platform
from typing import TYPE_CHECKING, Any

from trivium.version import VERSION

if TYPE_CHECKING:
    from trivium.server.serving import Server

__all__ = ["facts_of"]


def facts_of(server: "Server", mode: str) -> dict[str, Any]:
    """Facts as JSON-able data; to be called in the event loop of the server.

    mode: what the server was started for, as in "development".
    """
    app = server.served.app
    loop = asyncio.get_running_loop()
    protocol = server.config.http_protocol_class
    return {
        "version": VERSION,
        "mode": mode,
        "pid": os.getpid(),
        "app": server.served.name,
        "title": getattr(app, "title", None),
        "addresses": server.addresses,
        "docs": getattr(app, "docs_url", None) if getattr(app, "openapi_url", None) else None,
        "protocol": "direct" if protocol.__module__.startswith("trivium.") else "asgi",
        "loop": "uvloop" if type(loop).__module__.startswith("uvloop") else "asyncio",
        "python": platform.python_version(),
        "debug": bool(getattr(app, "debug", False)),
    }
