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

# As in FastAPI, `import fastapi` is enough to reach `fastapi.routing` and most others.
import trivium.fastapi.applications
import trivium.fastapi.background
import trivium.fastapi.concurrency
import trivium.fastapi.datastructures
import trivium.fastapi.dependencies.models
import trivium.fastapi.dependencies.utils
import trivium.fastapi.encoders
import trivium.fastapi.exception_handlers
import trivium.fastapi.exceptions
import trivium.fastapi.logger
import trivium.fastapi.middleware
import trivium.fastapi.openapi.constants
import trivium.fastapi.openapi.docs
import trivium.fastapi.openapi.models
import trivium.fastapi.openapi.utils
import trivium.fastapi.param_functions
import trivium.fastapi.params
import trivium.fastapi.requests
import trivium.fastapi.responses
import trivium.fastapi.routing
import trivium.fastapi.security
import trivium.fastapi.sse
import trivium.fastapi.types
import trivium.fastapi.utils
import trivium.fastapi.websockets  # noqa: F401  # loaded for the attribute
from trivium.app import FastAPI
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
from trivium.errors import HTTPException, WebSocketException
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
