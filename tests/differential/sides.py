"""The two sides: one source text, executed once with each framework's names."""

from __future__ import annotations

import importlib
import linecache
import os
import sys
import types
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from . import prelude

LEFT = "fastapi"
RIGHT = os.environ.get("TRIVIUM_DIFFERENTIAL_RIGHT", "trivium.fastapi")

# Submodule -> the names that a program takes from it. The framework's own `__init__` comes first.
NAMES = {
    "": (
        "APIRouter BackgroundTasks Body Cookie Depends FastAPI File Form HTTPException Header "
        "Path Query Request Response Security UploadFile WebSocket status"
    ),
    ".responses": (
        "FileResponse HTMLResponse JSONResponse PlainTextResponse RedirectResponse "
        "StreamingResponse"
    ),
    ".requests": "HTTPConnection",
    ".routing": "APIRoute",
    ".exceptions": "RequestValidationError ResponseValidationError WebSocketException",
    ".encoders": "jsonable_encoder",
    ".sse": "EventSourceResponse ServerSentEvent",
    ".security": (
        "APIKeyCookie APIKeyHeader APIKeyQuery HTTPAuthorizationCredentials HTTPBasic "
        "HTTPBasicCredentials HTTPBearer HTTPDigest OAuth2AuthorizationCodeBearer "
        "OAuth2PasswordBearer OAuth2PasswordRequestForm OAuth2PasswordRequestFormStrict "
        "OpenIdConnect SecurityScopes"
    ),
    ".staticfiles": "StaticFiles",
    ".websockets": "WebSocketDisconnect",
    ".middleware": "Middleware",
    ".middleware.cors": "CORSMiddleware",
    ".middleware.gzip": "GZipMiddleware",
    ".middleware.trustedhost": "TrustedHostMiddleware",
}


def namespace(root: str) -> dict[str, Any]:
    """The names of a program's globals under one framework."""
    names = {name: getattr(prelude, name) for name in prelude.__all__}
    for submodule, listed in NAMES.items():
        module = importlib.import_module(root + submodule)
        names |= {name: getattr(module, name) for name in listed.split()}
    return names


@dataclass
class Built:
    """A program under one framework: its `app`, or the error that refused it."""

    module: types.ModuleType = field(default_factory=lambda: types.ModuleType("program"))
    app: Any = None
    trace: list[str] = field(default_factory=list)
    refused: Exception | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        """While the program runs: Pydantic finds names for late references in its module."""
        sys.modules["program"] = self.module
        try:
            yield
        finally:
            del sys.modules["program"]


def build(source: str, root: str) -> Built:
    """Executes a program, which leaves its application in the name `app`.

    The source is registered with `linecache`, so error messages that quote it can.
    """
    filename = f"<program {abs(hash(source)):x}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    built = Built()
    built.module.__dict__.update(namespace(root), TRACE=built.trace)
    try:
        with warnings.catch_warnings(), built.running():
            warnings.simplefilter("ignore")
            exec(compile(source, filename, "exec"), built.module.__dict__)
    except Exception as error:
        built.refused = error
    else:
        built.app = built.module.__dict__["app"]
    finally:
        linecache.cache.pop(filename, None)
    return built
