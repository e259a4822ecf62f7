"""The span, the metrics and the error log of each request, by OpenTelemetry's conventions for HTTP.

https://opentelemetry.io/docs/specs/semconv/http/
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from opentelemetry import _logs, metrics, propagate, trace
from opentelemetry import context as contexts
from opentelemetry._logs import Logger
from opentelemetry.metrics import Histogram, UpDownCounter
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trivium.stages.telemetry.observation import KEY, Observation, is_normal_end, type_name
from trivium.stages.telemetry.settings import Settings

__all__ = ["TelemetryServer", "is_placeholder"]

_LIBRARY = ("fastapi", "0.165.0")
"""What spans, metrics and logs name as their maker: FastAPI, whose they are like one for one."""
_SCHEMA = "https://opentelemetry.io/schemas/1.44.0"
_SCOPE_KEY = "trivium.telemetry"
_METHODS = "CONNECT DELETE GET HEAD OPTIONS PATCH POST PUT QUERY TRACE"
_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}

# In seconds, as the conventions for http.server.request.duration have them.
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)

# The query parameters that the conventions want redacted: signatures and credentials of clouds.
_SECRET = frozenset(
    ("X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token", "X-Goog-Signature", "sig")
)

# What stands in for a global provider until one is set. The API has no way to ask.
_PLACEHOLDERS = frozenset(
    {
        ("opentelemetry.trace", "ProxyTracerProvider"),
        ("opentelemetry.metrics._internal", "_ProxyMeterProvider"),
        ("opentelemetry._logs._internal", "ProxyLoggerProvider"),
    }
)
_SILENT = (trace.NoOpTracerProvider, metrics.NoOpMeterProvider, _logs.NoOpLoggerProvider)


class TelemetryServer:
    """An ASGI application around another one, whose requests it observes."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.settings = settings
        self._makers = _Makers(settings)
        named = os.getenv("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", "").strip()
        names = named.split(",") if named else _METHODS.split()
        self._methods = frozenset(name.strip() for name in names if name.strip())

    def has_providers(self) -> bool:
        """Whether there is a provider for any of the signals that are on."""
        makers = self._makers
        return any((makers.tracer(), makers.logger(), makers.instruments()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or _SCOPE_KEY in scope:
            # what is mounted belongs to the request that the outer application observes
            await self.app(scope, receive, send)
            return
        exclude = self.settings.exclude
        if exclude is not None and exclude(scope):
            await self._serve(None, scope, receive, send)
            return
        await self._observe(scope, receive, send)

    async def _serve(
        self, observation: Observation | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        scope[_SCOPE_KEY] = observation
        # without an observation too: a request made within another one must not take part in that
        token = contexts.attach(contexts.set_value(KEY, observation))
        try:
            await self.app(scope, receive, send)
        finally:
            contexts.detach(token)
            scope.pop(_SCOPE_KEY, None)

    async def _observe(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_websocket = scope["type"] == "websocket"
        tracer, logger = self._makers.tracer(), self._makers.logger()
        instruments = None if is_websocket else self._makers.instruments()
        if not (tracer or logger or instruments):
            await self._serve(None, scope, receive, send)
            return
        method = scope.get("method", "")
        attributes = self._attributes(scope)
        known = method in self._methods
        kind = "WS" if is_websocket else method if known else "HTTP"
        with _parent(scope, tracer):
            exchange = _Observed(scope, kind, attributes, instruments)
            if tracer is not None:
                exchange.start_span(tracer, None if known or is_websocket else method)
            root = scope.get("app_root_path", scope.get("root_path", ""))
            observation = exchange.observation = Observation(
                kind=kind,
                span=exchange.span,
                tracer=tracer if self.settings.operation_spans else None,
                logger=logger,
                is_websocket=is_websocket,
                mounted_at=root.rstrip("/"),
            )
            try:
                with _current(exchange.span):
                    await self._serve_to_the_end(exchange, scope, receive, send)
            finally:
                observation.over()

    async def _serve_to_the_end(
        self, exchange: "_Observed", scope: Scope, receive: Receive, send: Send
    ) -> None:
        observation = exchange.observation
        if not observation.is_websocket:
            receive, send = exchange.receiving(receive), exchange.sending(send)
        try:
            await self._serve(observation, scope, receive, send)
        except BaseException as error:
            observation.failed(error)
            is_failure = not (observation.is_websocket and is_normal_end(error))
            exchange.finish(error if is_failure else None)
            raise
        finally:
            if observation.is_websocket:
                exchange.finish()
            elif exchange.client_left:
                exchange.finish(ConnectionError("Client disconnected"))
            else:
                exchange.finish(RuntimeError("Incomplete ASGI response"))

    def _attributes(self, scope: Scope) -> dict[str, Any]:
        """What spans and metrics have in common: nothing that a client can vary at will."""
        if scope["type"] == "websocket":
            return {
                "url.scheme": scope.get("scheme", "ws"),
                "network.protocol.name": "websocket",
            }
        method = scope.get("method", "")
        attributes = {
            "url.scheme": scope.get("scheme", "http"),
            "http.request.method": method if method in self._methods else "_OTHER",
        }
        if version := scope.get("http_version"):
            attributes["network.protocol.version"] = version
        return attributes


class _Observed:
    """One request or connection from its start to the end of its reply."""

    observation: Observation

    def __init__(
        self,
        scope: Scope,
        kind: str,
        attributes: dict[str, Any],
        instruments: "tuple[Histogram, UpDownCounter] | None",
    ) -> None:
        self.scope = scope
        self.kind = kind
        self.attributes = attributes
        self.span: Span | None = None
        self.client_left = False
        self._finished = False
        self._trailers = False
        self._started = perf_counter()
        self._duration: Histogram | None = None
        self._active: UpDownCounter | None = None
        if instruments is not None:
            self._duration, self._active = instruments
        self._of_active = {k: v for k, v in attributes.items() if not k.startswith("network.")}
        if self._active is not None:
            self._active.add(1, self._of_active)

    def start_span(self, tracer: Tracer, unknown_method: str | None) -> None:
        """Starts the span, with what is known from the request's first line and headers."""
        attributes = {**self.attributes, **_server_attributes(self.scope)}
        if self.scope["type"] == "http":
            attributes["url.path"] = self.scope["path"]
            if query := self.scope.get("query_string"):
                attributes["url.query"] = _redacted(query.decode("latin-1"))
            if unknown_method is not None:
                attributes["http.request.method_original"] = unknown_method
        self.span = tracer.start_span(self.kind, kind=SpanKind.SERVER, attributes=attributes)

    def finish(self, error: BaseException | None = None) -> None:
        """Ends the span and measures; the first call counts."""
        if self._finished:
            return
        self._finished = True
        observation, attributes = self.observation, self.attributes
        if observation.route is not None:
            attributes["http.route"] = observation.route
        if (status := observation.status) is not None:
            attributes["http.response.status_code"] = status
        is_http = not observation.is_websocket
        failed = error is not None or (is_http and (status is None or status >= 500))
        if failed:
            if error is None and observation.failures:
                error = observation.failures[-1]
            attributes["error.type"] = str(status) if error is None else type_name(error)
        if self.span is not None:
            self.span.set_attributes(attributes)
            if failed:
                self.span.set_status(StatusCode.ERROR)
        if self._duration is not None:
            # while the span is current, so that an exemplar can point to it
            self._duration.record(max(0.0, perf_counter() - self._started), attributes)
        if self._active is not None:
            self._active.add(-1, self._of_active)
        if self.span is not None:
            self.span.end()

    def sending(self, send: Send) -> Send:
        """``send``, with the reply's status and end noted."""

        async def noting_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.observation.status = message["status"]
                self._trailers = message.get("trailers", False)
            await send(message)
            if self._is_last(message):
                self.finish()

        return noting_send

    def receiving(self, receive: Receive) -> Receive:
        """``receive``, with a disconnect noted."""

        async def noting_receive() -> Message:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.client_left = True
            return message

        return noting_receive

    def _is_last(self, message: Message) -> bool:
        match message["type"]:
            case "http.response.body":
                return not message.get("more_body", False) and not self._trailers
            case "http.response.trailers":
                return not message.get("more_trailers", False)
            case kind:
                return bool(kind == "http.response.pathsend")


class _Makers:
    """Makes spans, logs and measurements, or nothing where a signal is off or nobody listens.

    A global provider may be replaced while the application runs; then the makers are made anew.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tracer: tuple[Any, Tracer] | None = None
        self._logger: tuple[Any, Logger] | None = None
        self._instruments: tuple[Any, tuple[Histogram, UpDownCounter]] | None = None

    def tracer(self) -> Tracer | None:
        if not self._settings.tracing:
            return None
        provider = self._settings.tracer_provider or trace.get_tracer_provider()
        if _is_silent(provider):
            return None
        if self._tracer is None or self._tracer[0] is not provider:
            self._tracer = (provider, provider.get_tracer(*_LIBRARY, schema_url=_SCHEMA))
        return self._tracer[1]

    def logger(self) -> Logger | None:
        if not self._settings.logs:
            return None
        provider = self._settings.logger_provider or _logs.get_logger_provider()
        if _is_silent(provider):
            return None
        if self._logger is None or self._logger[0] is not provider:
            self._logger = (provider, provider.get_logger(*_LIBRARY, schema_url=_SCHEMA))
        return self._logger[1]

    def instruments(self) -> tuple[Histogram, UpDownCounter] | None:
        """The duration of requests, and how many there are at a time."""
        if not self._settings.metrics:
            return None
        provider = self._settings.meter_provider or metrics.get_meter_provider()
        if _is_silent(provider):
            return None
        if self._instruments is None or self._instruments[0] is not provider:
            meter = provider.get_meter(*_LIBRARY, schema_url=_SCHEMA)
            duration = meter.create_histogram(
                "http.server.request.duration",
                unit="s",
                description="Duration of HTTP server requests.",
                explicit_bucket_boundaries_advisory=_BUCKETS,
            )
            active = meter.create_up_down_counter(
                "http.server.active_requests",
                unit="{request}",
                description="Number of active HTTP server requests.",
            )
            self._instruments = (provider, (duration, active))
        return self._instruments[1]


def is_placeholder(provider: Any) -> bool:
    """Whether nobody has set this global provider yet."""
    cls = type(provider)
    return (cls.__module__, cls.__name__) in _PLACEHOLDERS


def _is_silent(provider: Any) -> bool:
    return isinstance(provider, _SILENT) or is_placeholder(provider)


@contextmanager
def _parent(scope: Scope, tracer: Tracer | None) -> Iterator[None]:
    """The context that the caller sent along: its trace, its baggage."""
    if tracer is None:
        yield
        return
    token = contexts.attach(propagate.extract(Headers(scope=scope), getter=_GETTER))
    try:
        yield
    finally:
        contexts.detach(token)


@contextmanager
def _current(span: Span | None) -> Iterator[None]:
    if span is None:
        yield
        return
    token = contexts.attach(trace.set_span_in_context(span))
    try:
        yield
    finally:
        contexts.detach(token)


class _HeadersGetter(Getter[Headers]):
    def get(self, carrier: Headers, key: str) -> list[str] | None:
        values = carrier.getlist(key)
        if key.lower() == "baggage" and values:
            # its propagator looks at the first value only
            return [",".join(values)]
        return values or None

    def keys(self, carrier: Headers) -> list[str]:
        return list(carrier.keys())


_GETTER = _HeadersGetter()


def _server_attributes(scope: Scope) -> dict[str, Any]:
    """The address and port that the client asked for, or else that the server listens on."""
    host = Headers(scope=scope).get("host")
    port: int | None
    if host is None:
        address, port = scope.get("server") or (None, None)
    else:
        try:
            url = urlsplit(f"//{host}")
            address, port = url.hostname, url.port
        except ValueError:
            return {}
        if url.username is not None or url.path or url.query or url.fragment:
            return {}
        port = port or _PORTS.get(scope.get("scheme", "http"))
    if not address:
        return {}
    found = {"server.address": address, "server.port": port}
    return {name: value for name, value in found.items() if value is not None}


def _redacted(query: str) -> str:
    pairs = parse_qsl(query, keep_blank_values=True)
    return urlencode([(name, "REDACTED" if name in _SECRET else value) for name, value in pairs])
