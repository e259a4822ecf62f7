"""Trivium: typed asynchronous APIs, batteries included, nothing forced.

The rooms of the package are described in ``docs/architecture.md``. What most programs need is
here, imported when it is first asked for; the rest is in the rooms by the name of what it is about.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from trivium.version import VERSION

if TYPE_CHECKING:
    from starlette import status
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.websockets import WebSocket, WebSocketDisconnect

    from trivium.app import App
    from trivium.background import BackgroundTasks
    from trivium.binding.declare import (
        Body,
        Cookie,
        Depends,
        File,
        Form,
        Header,
        Path,
        Query,
        Security,
    )
    from trivium.binding.uploads import UploadFile
    from trivium.errors import DeclarationError, HTTPException, TriviumError, WebSocketException
    from trivium.routing import APIRouter, action
    from trivium.server.run import run
    from trivium.shutdown import Shutdown

__version__ = VERSION

__all__ = [
    "APIRouter",
    "App",
    "BackgroundTasks",
    "Body",
    "Cookie",
    "DeclarationError",
    "Depends",
    "File",
    "Form",
    "HTTPException",
    "Header",
    "Path",
    "Query",
    "Request",
    "Response",
    "Security",
    "Shutdown",
    "TriviumError",
    "UploadFile",
    "WebSocket",
    "WebSocketDisconnect",
    "WebSocketException",
    "action",
    "run",
    "status",
]

_HOMES = {
    "starlette.requests": ("Request",),
    "starlette.responses": ("Response",),
    "starlette.websockets": ("WebSocket", "WebSocketDisconnect"),
    "trivium.app": ("App",),
    "trivium.background": ("BackgroundTasks",),
    "trivium.binding.declare": (
        "Body",
        "Cookie",
        "Depends",
        "File",
        "Form",
        "Header",
        "Path",
        "Query",
        "Security",
    ),
    "trivium.binding.uploads": ("UploadFile",),
    "trivium.errors": ("DeclarationError", "HTTPException", "TriviumError", "WebSocketException"),
    "trivium.routing": ("APIRouter", "action"),
    "trivium.server.run": ("run",),
    "trivium.shutdown": ("Shutdown",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name == "status":
        value: Any = import_module("starlette.status")
    elif name in _HOME_OF:
        value = getattr(import_module(_HOME_OF[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
