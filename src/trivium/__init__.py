"""Trivium: typed asynchronous APIs, batteries included, nothing forced.

The rooms of the package are described in ``docs/architecture.md``. What most programs need is
here; the rest is in the rooms by the name of what it is about.
"""

from starlette import status
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from trivium.app import App
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
from trivium.exchange import BackgroundTasks
from trivium.routing import APIRouter, action

__version__ = "0.1.0"

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
    "TriviumError",
    "UploadFile",
    "WebSocket",
    "WebSocketDisconnect",
    "WebSocketException",
    "action",
    "status",
]
