"""The response classes: Starlette's, event streams, and two deprecated JSON writers."""

import importlib
from typing import TYPE_CHECKING, Any

from starlette.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from typing_extensions import deprecated

from trivium.errors import DeclarationError, TriviumDeprecationWarning

__all__ = [
    "EventSourceResponse",
    "FileResponse",
    "HTMLResponse",
    "JSONResponse",
    "ORJSONResponse",
    "PlainTextResponse",
    "RedirectResponse",
    "Response",
    "StreamingResponse",
    "UJSONResponse",
    "orjson",
    "ujson",
]


class EventSourceResponse(StreamingResponse):
    """A stream with the media type of Server-Sent Events.

    As the ``response_class`` of a handler that yields, it makes an event of every item, for any
    HTTP method. Made by hand, it sends the given chunks as they are.
    """

    media_type = "text/event-stream"


if TYPE_CHECKING:
    orjson: Any
    """The package, or ``None`` where it is not installed."""
    ujson: Any
    """The package, or ``None`` where it is not installed."""


def __getattr__(name: str) -> Any:
    if name not in ("orjson", "ujson"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _installed(name)


def _installed(package: str) -> Any:
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError:
        return None


def _missing(package: str, response_class: str) -> DeclarationError:
    return DeclarationError(
        f"{response_class} writes JSON with {package}, which is not installed",
        written=f"response_class={response_class}",
        instead=f"response_class=JSONResponse, or: pip install {package}",
    )


@deprecated(
    "UJSONResponse is deprecated: declare a return type or a response model instead, which "
    "Pydantic writes as JSON directly and faster.",
    category=TriviumDeprecationWarning,
)
class UJSONResponse(JSONResponse):
    """JSON written by ``ujson``. Deprecated: a declared return type is written faster.

    Raises ``DeclarationError`` where the package is not installed.
    """

    def render(self, content: Any) -> bytes:
        ujson = _installed("ujson")
        if ujson is None:
            raise _missing("ujson", "UJSONResponse")
        text: str = ujson.dumps(content, ensure_ascii=False)
        return text.encode()


@deprecated(
    "ORJSONResponse is deprecated: declare a return type or a response model instead, which "
    "Pydantic writes as JSON directly and faster.",
    category=TriviumDeprecationWarning,
)
class ORJSONResponse(JSONResponse):
    """JSON written by ``orjson``, which takes keys of any type and NumPy's arrays as well.

    Deprecated: a declared return type is written faster. Raises ``DeclarationError`` where the
    package is not installed.
    """

    def render(self, content: Any) -> bytes:
        orjson = _installed("orjson")
        if orjson is None:
            raise _missing("orjson", "ORJSONResponse")
        options = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY
        body: bytes = orjson.dumps(content, option=options)
        return body
