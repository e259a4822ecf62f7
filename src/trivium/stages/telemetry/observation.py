"""What is known of one request or connection while it is observed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from time import time_ns
from typing import Any

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry._logs import Logger, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.trace import Span, StatusCode, Tracer
from starlette.exceptions import HTTPException, WebSocketException
from starlette.requests import Request
from starlette.websockets import WebSocket, WebSocketDisconnect

from trivium.errors import (
    RequestValidationError,
    ValidationException,
    WebSocketRequestValidationError,
)

__all__ = [
    "KEY",
    "Observation",
    "Stage",
    "TelemetryData",
    "current",
    "get_telemetry_data",
    "is_normal_end",
    "type_name",
]

KEY = contexts.create_key("trivium.observation")

# What a handler raises to answer with: no failure of the operation.
_ANSWERS = (
    HTTPException,
    WebSocketException,
    RequestValidationError,
    WebSocketRequestValidationError,
)


@dataclass(kw_only=True)
class TelemetryData:
    """What processors of spans and logs may look at while the request is served.

    It is for reading only, is exported by nobody, and holds what the client sent as it came: what
    may leave the process is the processor's to decide.
    """

    request: Request | None = None
    websocket: WebSocket | None = None
    body: Any = None
    """As it was read, before it was validated."""
    values: dict[str, Any] | None = None
    """The handler's arguments, once its dependencies have been called."""
    errors: Sequence[Any] | None = None
    """What did not validate, with the values that the client sent."""


@dataclass
class Observation:
    """One request or connection, the same for the applications mounted below."""

    kind: str
    """What its span is called by: the method, HTTP for an unknown one, or WS."""
    span: Span | None
    tracer: Tracer | None
    """Makes the spans of operations; None where they are off."""
    logger: Logger | None
    is_websocket: bool
    mounted_at: str = ""
    route: str | None = None
    """The template of the full path, once a route was found."""
    status: int | None = None
    data: TelemetryData | None = field(default_factory=TelemetryData)
    failures: list[BaseException] = field(default_factory=list)

    def select(self, path: str | None, *, is_mount: bool = False) -> None:
        """Notes the template of the route, or the mount, that takes the request."""
        if path is None:
            return
        self.route = self.mounted_at + path
        if is_mount:
            self.mounted_at = self.route
            self.route += "/{path}"
        if self.span is not None:
            self.span.set_attribute("http.route", self.route)
            self.span.update_name(f"{self.kind} {self.route}")

    def refused(self, error: ValidationException) -> None:
        """Notes that the request did not validate."""
        errors = error.errors()
        if self.data is not None:
            self.data.errors = errors
            self.data.body = getattr(error, "body", None)
        self._log(
            "fastapi.validation.failed",
            "Request validation failed",
            SeverityNumber.WARN,
            {"fastapi.validation.error_count": len(errors)},
        )

    def failed(self, error: BaseException) -> None:
        """Notes an error that nothing handled, once, on whichever way out it is seen first."""
        if any(error is known for known in self.failures):
            return
        if self.is_websocket and is_normal_end(error):
            return
        self.failures.append(error)
        if not isinstance(error, Exception):
            return
        kind, event = "request", "http.server.request.exception"
        if self.is_websocket:
            kind, event = "WebSocket connection", "fastapi.websocket.exception"
        text = f"Unhandled exception in FastAPI {kind}"
        self._log(event, text, SeverityNumber.ERROR, {}, error)

    def _log(
        self,
        event: str,
        text: str,
        severity: SeverityNumber,
        attributes: Mapping[str, Any],
        error: Exception | None = None,
    ) -> None:
        if self.logger is None:
            return
        if self.route is not None:
            attributes = {**attributes, "http.route": self.route}
        self.logger.emit(
            exception=error,
            event_name=event,
            timestamp=time_ns(),
            severity_number=severity,
            severity_text=severity.name,
            body=text,
            attributes=dict(attributes) or None,
        )

    def operation(
        self, name: str, function: Any = None, *, answers_fail: bool = False
    ) -> AbstractContextManager[None]:
        """A span around one operation."""
        return self.begin(name, function, answers_fail=answers_fail).within(ends=True)

    def begin(self, name: str, function: Any = None, *, answers_fail: bool = False) -> "Stage":
        """The span of an operation that goes on in another thread."""
        if self.tracer is None:
            return _NO_STAGE
        attributes = {} if function is None else {"code.function.name": _full_name(function)}
        span = self.tracer.start_span(f"fastapi.{name}", attributes=attributes)
        return Stage(span, answers_fail)

    def over(self) -> None:
        """Lets go of what the client sent, also where somebody keeps the context."""
        self.data = None
        self.failures.clear()


class Stage:
    """The span of one operation; it may be entered in one thread after another."""

    def __init__(self, span: Span | None, answers_fail: bool = False) -> None:
        self._span = span
        self._answers_fail = answers_fail

    def within(self, *, ends: bool = False) -> AbstractContextManager[None]:
        """Makes the span the current one; ends it on the way out, or with an error."""
        return nullcontext() if self._span is None else self._within(self._span, ends)

    @contextmanager
    def _within(self, span: Span, ends: bool) -> Iterator[None]:
        token = contexts.attach(trace.set_span_in_context(span))
        try:
            yield
        except BaseException as error:
            ends = True
            if isinstance(error, Exception) and (self._answers_fail or _is_failure(error)):
                span.set_attribute("error.type", type_name(error))
                span.set_status(StatusCode.ERROR)
            raise
        finally:
            contexts.detach(token)
            if ends:
                span.end()


_NO_STAGE = Stage(None)


def current(context: Context | None = None) -> Observation | None:
    """The observation that a context belongs to; by default, the current one."""
    found = contexts.get_value(KEY, context)
    return found if isinstance(found, Observation) else None


def get_telemetry_data(context: Context | None = None) -> TelemetryData | None:
    """What is known of the request that a context belongs to; by default, the current one.

    A processor of logs passes ``record.context``. None outside of requests and after their end.
    """
    observation = current(context)
    return None if observation is None else observation.data


def type_name(error: BaseException) -> str:
    """The name of an error's type as the conventions have it: with its module, unless built in."""
    cls = type(error)
    return cls.__qualname__ if cls.__module__ == "builtins" else _full_name(cls)


def is_normal_end(error: BaseException) -> bool:
    """Whether a client has closed its WebSocket in the ordinary way."""
    return isinstance(error, WebSocketDisconnect) and error.code in (1000, 1001)


def _is_failure(error: Exception) -> bool:
    return not isinstance(error, _ANSWERS) and not is_normal_end(error)


def _full_name(function: Callable[..., Any]) -> str:
    # an instance with __call__ goes by its class, a partial too
    named: Any = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}.{named.__qualname__}"
