"""Exporters from the variables of the environment: OTLP over HTTP, one for each signal.

Providers that are there keep what they have; an exporter is added to them. Where a global one is
missing it is made. What was made here, and only that, is flushed when the application stops and
shut down when the process ends.
"""

import atexit
import logging
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import anyio.to_thread
from opentelemetry import _logs, metrics, trace

from trivium.errors import TriviumError
from trivium.stages.telemetry.server import is_placeholder
from trivium.stages.telemetry.settings import Settings

__all__ = ["exporting"]

_logger = logging.getLogger("fastapi")


@asynccontextmanager
async def exporting(settings: Settings) -> AsyncIterator[None]:
    """Sets the exporters up on the way in, flushes them on the way out.

    What cannot be set up is logged as a warning: an application starts without its telemetry.
    """
    try:
        _process.set_up(settings)
    except Exception as error:
        _logger.warning("Telemetry could not be configured from the environment: %s", error)
    try:
        yield
    finally:
        await anyio.to_thread.run_sync(_process.flush)


@dataclass(frozen=True)
class _Signal:
    """One of the three signals: how its provider is found, made and given an exporter."""

    name: str
    get_global: Callable[[], Any]
    set_global: Callable[[Any], None]
    make_exporter: Callable[[str], Any]
    """Makes what a provider takes, for an endpoint."""
    make_provider: Callable[[Any], Any]
    """Makes a provider with an exporter in it."""
    register: str
    """The provider's method that takes one exporter more."""


class _Process:
    """What this process has made. Providers are global, so this has to be."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._made: list[Any] = []
        self._served: list[tuple[str, Any]] = []

    def set_up(self, settings: Settings) -> None:
        """Gives each provider its exporter, unless it was given one before.

        Raises TriviumError for a variable that cannot be followed, or a missing package.
        """
        if os.getenv("OTEL_SDK_DISABLED", "").lower() == "true":
            return
        asked = [
            ("TRACES", settings.tracing, settings.tracer_provider),
            ("METRICS", settings.metrics, settings.meter_provider),
            ("LOGS", settings.logs, settings.logger_provider),
        ]
        wanted = [
            (name, given, endpoint)
            for name, is_on, given in asked
            if is_on and (endpoint := _endpoint(name)) is not None
        ]
        if not wanted:
            return
        signals = _signals()
        with self._lock:
            for name, given, endpoint in wanted:
                self._export(signals[name], given, endpoint)

    def _export(self, signal: _Signal, given: Any, endpoint: str) -> None:
        provider = _unwrapped(given if given is not None else signal.get_global())
        if any(name == signal.name and known is provider for name, known in self._served):
            return
        if given is None and is_placeholder(provider):
            made = signal.make_provider(signal.make_exporter(endpoint))
            signal.set_global(made)
            provider = _unwrapped(signal.get_global())
            if provider is made:
                self._note(signal, provider, made)
                return
            # somebody else was faster: theirs counts
            made.shutdown()
        register = getattr(provider, signal.register, None)
        if not callable(register):
            raise TriviumError(
                f"The provider of {signal.name.lower()}, {type(provider).__name__}, does not"
                f" support adding an OTLP exporter: it has no {signal.register}().\n"
                "    instead:  configure the provider, and telemetry={'auto_configure': False}"
            )
        exporter = signal.make_exporter(endpoint)
        try:
            register(exporter)
        except Exception:
            exporter.shutdown()
            raise
        self._note(signal, provider, exporter)

    def _note(self, signal: _Signal, provider: Any, made: Any) -> None:
        if not self._made:
            atexit.register(self.shut_down)
        self._served.append((signal.name, provider))
        self._made.append(made)

    def flush(self) -> None:
        """Has everything exported that waits; a failure is logged."""
        for made in tuple(self._made):
            _carefully(made.force_flush)

    def shut_down(self) -> None:
        """Flushes and closes what was made here."""
        with self._lock:
            made, self._made = self._made, []
        for each in made:
            _carefully(each.shutdown)


_process = _Process()


def _carefully(work: Callable[[], Any]) -> None:
    try:
        work()
    except Exception:
        _logger.exception("Telemetry could not be exported")


def _endpoint(signal: str) -> str | None:
    """Where a signal is exported to; None where the environment does not ask for it."""
    exporter = (os.getenv(f"OTEL_{signal}_EXPORTER") or "otlp").strip().lower()
    endpoint = os.getenv(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")
    if not endpoint and (base := os.getenv("OTEL_EXPORTER_OTLP_ENDPOINT")):
        endpoint = f"{base.removesuffix('/')}/v1/{signal.lower()}"
    if not endpoint or exporter == "none":
        return None
    if exporter != "otlp":
        raise TriviumError(f"OTEL_{signal}_EXPORTER={exporter} is not supported: otlp or none is.")
    protocol = (
        os.getenv(f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL")
        or os.getenv("OTEL_EXPORTER_OTLP_PROTOCOL")
        or "http/protobuf"
    )
    if protocol != "http/protobuf":
        raise TriviumError(f"The OTLP protocol {protocol} is not supported: http/protobuf is.")
    url = urlsplit(endpoint)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise TriviumError(f"The OTLP endpoint of {signal.lower()} is no HTTP address: {endpoint}")
    return endpoint


def _unwrapped(provider: Any) -> Any:
    """The provider itself, where older releases of Logfire wrap it without a way to add to it."""
    cls = type(provider)
    is_wrapper = (cls.__module__, cls.__name__) == (
        "logfire._internal.metrics",
        "ProxyMeterProvider",
    )
    if is_wrapper and not hasattr(provider, "add_metric_reader"):
        return provider.provider
    return provider


def _signals() -> dict[str, _Signal]:
    try:
        from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk._logs import LoggerProvider
        from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise TriviumError(
            "Exporting needs opentelemetry-sdk and opentelemetry-exporter-otlp-proto-http.\n"
            "    instead:  pip install opentelemetry-exporter-otlp-proto-http, or"
            " telemetry={'auto_configure': False}"
        ) from error

    def with_spans(processor: Any) -> Any:
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(processor)
        return provider

    def with_logs(processor: Any) -> Any:
        provider = LoggerProvider(shutdown_on_exit=False)
        provider.add_log_record_processor(processor)
        return provider

    signals = (
        _Signal(
            "TRACES",
            trace.get_tracer_provider,
            trace.set_tracer_provider,
            lambda endpoint: BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)),
            with_spans,
            "add_span_processor",
        ),
        _Signal(
            "METRICS",
            metrics.get_meter_provider,
            metrics.set_meter_provider,
            lambda endpoint: PeriodicExportingMetricReader(OTLPMetricExporter(endpoint=endpoint)),
            lambda reader: MeterProvider(metric_readers=[reader], shutdown_on_exit=False),
            "add_metric_reader",
        ),
        _Signal(
            "LOGS",
            _logs.get_logger_provider,
            _logs.set_logger_provider,
            lambda endpoint: BatchLogRecordProcessor(OTLPLogExporter(endpoint=endpoint)),
            with_logs,
            "add_log_record_processor",
        ),
    )
    return {signal.name: signal for signal in signals}
