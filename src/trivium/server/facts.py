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
    http1 = "asgi" if server.settings.asgi else "direct"
    return {
        "version": VERSION,
        "mode": mode,
        "pid": os.getpid(),
        "app": server.served.name,
        "title": getattr(app, "title", None),
        "addresses": server.addresses,
        "docs": getattr(app, "docs_url", None) if getattr(app, "openapi_url", None) else None,
        "protocol": f"{http1} and HTTP/2" if server.settings.http2 else http1,
        "loop": "uvloop" if type(loop).__module__.startswith("uvloop") else "asyncio",
        "python": platform.python_version(),
        "debug": bool(getattr(app, "debug", False)),
    }
