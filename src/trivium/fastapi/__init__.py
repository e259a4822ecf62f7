"""FastAPI's names, module for module, on Trivium.

A program moves by changing its import line: ``from trivium.fastapi import FastAPI``. A package that
imports ``fastapi`` itself runs on Trivium after ``trivium.fastapi.install()``, and a whole program
under ``python -m trivium.fastapi main.py``, without any change.

The modules hold no logic. What FastAPI keeps to itself (names with an underscore, what its modules
import for their own use) is mirrored only where other packages use it.
"""

from starlette import status
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from trivium.app import FastAPI
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
from trivium.errors import HTTPException, WebSocketException
from trivium.exchange import BackgroundTasks
from trivium.fastapi._alias.finder import install
from trivium.routing import APIRouter

__version__ = "0.165.0"
"""The version of FastAPI whose API this is; libraries ask for it."""

__all__ = [
    "APIRouter",
    "BackgroundTasks",
    "Body",
    "Cookie",
    "Depends",
    "FastAPI",
    "File",
    "Form",
    "HTTPException",
    "Header",
    "Path",
    "Query",
    "Request",
    "Response",
    "Security",
    "UploadFile",
    "WebSocket",
    "WebSocketDisconnect",
    "WebSocketException",
    "install",
    "status",
]
