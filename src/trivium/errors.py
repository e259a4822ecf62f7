"""The tree of errors.

Everything that Trivium raises on purpose stands here, drawn once::

    Exception
    ├── starlette.exceptions.HTTPException
    │   └── HTTPException                       a handler's answer: this status
    ├── starlette.exceptions.WebSocketException
    │   └── WebSocketException                  a handler's answer: closed with this code
    ├── ValidationException                     data does not fit its declaration
    │   ├── RequestValidationError              ... sent by the client of an HTTP route: 422
    │   ├── WebSocketRequestValidationError     ... sent by the client of a WebSocket: 1008
    │   └── ResponseValidationError             ... returned by the handler itself: 500
    └── RuntimeError
        └── TriviumError                        the program asks for something that cannot be done
            └── DeclarationError                a declaration is wrong; found when it is registered
                ├── DependencyScopeError        a dependency needs one that is closed before it
                └── PydanticV1NotSupportedError a model of ``pydantic.v1`` is declared

    UserWarning
    └── TriviumDeprecationWarning               a spelling that still works and will not always

The first two branches are answers to a client, the ``TriviumError`` branch speaks to the author of
the program. ``DeclarationError`` is an ``AssertionError`` too, because that is what FastAPI raises
for such mistakes and what existing tests expect; it is never raised by an ``assert`` statement.
"""

import inspect
import linecache
import sys
from collections.abc import Callable, Mapping, Sequence
from types import FrameType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any, TypedDict

from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.exceptions import WebSocketException as StarletteWebSocketException

if TYPE_CHECKING:
    from pydantic import BaseModel

    RequestErrorModel: type[BaseModel]
    WebSocketErrorModel: type[BaseModel]

__all__ = [
    "DeclarationError",
    "DependencyScopeError",
    "EndpointContext",
    "HTTPException",
    "PydanticV1NotSupportedError",
    "RequestErrorModel",
    "RequestValidationError",
    "ResponseValidationError",
    "TriviumDeprecationWarning",
    "TriviumError",
    "ValidationException",
    "WebSocketErrorModel",
    "WebSocketException",
    "WebSocketRequestValidationError",
    "caller_frame",
    "place_of",
    "place_of_frame",
    "stack_level_of_caller",
    "written_at",
]


class EndpointContext(TypedDict, total=False):
    """Which handler a validation error belongs to; what is not known is left out."""

    function: str
    """Name of the handler."""
    path: str
    """Method and path template, ``"GET /items/{item_id}"``."""
    file: str
    """File in which the handler is defined."""
    line: int
    """Line of its definition, counted from 1."""


class HTTPException(StarletteHTTPException):
    """Ends the request with an error reply.

    Raise it anywhere below a handler. The reply has the given status and headers, and
    ``{"detail": detail}`` as its JSON body; ``detail`` may be anything that JSON can hold and
    defaults to the phrase of the status code.
    """

    def __init__(
        self,
        status_code: int,
        detail: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status_code=status_code, detail=detail, headers=headers)


class WebSocketException(StarletteWebSocketException):
    """Closes the WebSocket with a code of RFC 6455, section 7.4, and an optional UTF-8 reason."""

    def __init__(self, code: int, reason: str | None = None) -> None:
        super().__init__(code=code, reason=reason)


def __getattr__(name: str) -> Any:
    # FastAPI has these. No program needs them, and the first model of a process takes a megabyte.
    if name not in ("RequestErrorModel", "WebSocketErrorModel"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pydantic import create_model

    model = globals()[name] = create_model(name.removesuffix("ErrorModel"))
    return model


class ValidationException(Exception):
    """Data that does not fit its declaration; ``errors()`` lists where and why.

    Each error is a mapping as Pydantic makes it (``type``, ``loc``, ``msg``, ``input``, ``ctx``).
    The ``endpoint_*`` attributes name the handler, each ``None`` where it is not known.
    """

    endpoint_ctx: EndpointContext | None
    endpoint_function: str | None
    endpoint_path: str | None
    endpoint_file: str | None
    endpoint_line: int | None

    def __init__(
        self, errors: Sequence[Any], *, endpoint_ctx: EndpointContext | None = None
    ) -> None:
        super().__init__(errors)
        self._errors = errors
        self.endpoint_ctx = endpoint_ctx
        known = endpoint_ctx or EndpointContext()
        self.endpoint_function = known.get("function")
        self.endpoint_path = known.get("path")
        self.endpoint_file = known.get("file")
        self.endpoint_line = known.get("line")

    def errors(self) -> Sequence[Any]:
        """The errors in the order in which they were found."""
        return self._errors

    def _endpoint_lines(self) -> list[str]:
        if self.endpoint_file and self.endpoint_line and self.endpoint_function:
            lines = [_place(self.endpoint_file, self.endpoint_line, self.endpoint_function)]
            return [*lines, f"  {self.endpoint_path}"] if self.endpoint_path else lines
        return [f"Endpoint: {self.endpoint_path}"] if self.endpoint_path else []

    def __str__(self) -> str:
        count = len(self._errors)
        lines = [f"{count} validation error{'' if count == 1 else 's'}:"]
        lines += [f"  {error}" for error in self._errors]
        if place := self._endpoint_lines():
            lines += ["", *(f"  {line}" for line in place)]
        return "\n".join(lines)


class RequestValidationError(ValidationException):
    """The request does not fit the handler's parameters. ``body`` is the parsed body, if any."""

    body: Any

    def __init__(
        self,
        errors: Sequence[Any],
        *,
        body: Any = None,
        endpoint_ctx: EndpointContext | None = None,
    ) -> None:
        super().__init__(errors, endpoint_ctx=endpoint_ctx)
        self.body = body


class WebSocketRequestValidationError(ValidationException):
    """The opening handshake of a WebSocket does not fit the handler's parameters."""


class ResponseValidationError(ValidationException):
    """What the handler returned, kept in ``body``, does not fit its response model."""

    body: Any

    def __init__(
        self,
        errors: Sequence[Any],
        *,
        body: Any = None,
        endpoint_ctx: EndpointContext | None = None,
    ) -> None:
        super().__init__(errors, endpoint_ctx=endpoint_ctx)
        self.body = body


class TriviumError(RuntimeError):
    """The program asks Trivium for something that cannot be done."""


class DeclarationError(TriviumError, AssertionError):
    """A mistake in a declaration, found when it is registered and before any request is served.

    ``message`` is one sentence that says what is wrong. ``where`` is the place as ``place_of()``
    writes it, ``written`` the line that stands there and ``instead`` the line that would work.
    Without a ``where``, Trivium's own errors name the line of the program that is running, which
    is the declaration::

        Path parameters cannot have a default value
          File "flights.py", line 12, in read_flight
            written:  flight_id: int = Path(3)
            instead:  flight_id: int = Path()
    """

    def __init__(
        self,
        message: str,
        *,
        written: str | None = None,
        instead: str | None = None,
        where: str | None = None,
    ) -> None:
        if where is None and _is_own(sys._getframe(1)):
            caller = caller_frame()
            where = place_of_frame(caller)
            written = written or written_at(caller)
        self.message = message
        self.written = written
        self.instead = instead
        self.where = where
        lines = [message]
        if where:
            lines.append(f"  {where}")
        if written:
            lines.append(f"    written:  {written}")
        if instead:
            lines.append(f"    instead:  {instead}")
        super().__init__("\n".join(lines))


class DependencyScopeError(DeclarationError):
    """A dependency needs another one whose scope is narrower, so that it is closed first."""


class PydanticV1NotSupportedError(DeclarationError):
    """A model of ``pydantic.v1`` is declared; only Pydantic 2 models are understood."""


class TriviumDeprecationWarning(UserWarning):
    """A spelling that still works and will be removed.

    It is a ``UserWarning`` because Python hides ``DeprecationWarning`` outside of ``__main__``,
    which is where applications live.
    """


def place_of(call: Callable[..., Any] | None) -> str | None:
    """Where a callable is defined, as a traceback writes it; ``None`` where nothing is known.

    Wrappers and partials are followed to what they wrap, instances to their ``__call__``.
    """
    target: Any = call
    while (inner := getattr(target, "func", None)) is not None and callable(inner):
        target = inner
    target = inspect.unwrap(target) if callable(target) else target
    if inspect.isclass(target):
        return _place_of_class(target)
    if not isinstance(target, FunctionType | MethodType):
        target = type(target).__call__ if callable(target) else None
    code = getattr(target, "__code__", None)
    if code is None:
        return None
    return _place(code.co_filename, code.co_firstlineno, code.co_name)


def caller_frame() -> FrameType | None:
    """The nearest frame that is not Trivium's own: the line of the user's program.

    ``None`` when every frame on the stack belongs to Trivium.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _is_own(frame):
        frame = frame.f_back
    return frame


def stack_level_of_caller() -> int:
    """The ``stacklevel`` with which the function that asks warns at the line of the program."""
    level, frame = 1, sys._getframe(1)
    while _is_own(frame) and frame.f_back is not None:
        level, frame = level + 1, frame.f_back
    return level


def place_of_frame(frame: FrameType | None) -> str | None:
    """Where a frame stands now, as a traceback writes it."""
    if frame is None:
        return None
    return _place(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)


def written_at(frame: FrameType | None) -> str | None:
    """The source line at which a frame stands, stripped; ``None`` where there is no source."""
    if frame is None:
        return None
    line = linecache.getline(frame.f_code.co_filename, frame.f_lineno, frame.f_globals).strip()
    return line.rstrip(",") or None


def _is_own(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] == "trivium"


def _place(file: str, line: int, function: str) -> str:
    return f'File "{file}", line {line}, in {function}'


def _place_of_class(target: type) -> str | None:
    try:
        file = inspect.getsourcefile(target)
        line = inspect.getsourcelines(target)[1]
    except (OSError, TypeError):
        return None
    return _place(file, line, target.__qualname__) if file else None
