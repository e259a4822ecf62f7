"""Providers that keep what they are told, for the tests of telemetry."""

from __future__ import annotations

from dataclasses import dataclass, field

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind


@dataclass
class Observed:
    """The three signals of one test. ``config`` is the option of an application."""

    exporter: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)
    reader: InMemoryMetricReader = field(default_factory=InMemoryMetricReader)
    records: InMemoryLogRecordExporter = field(default_factory=InMemoryLogRecordExporter)

    def __post_init__(self):
        tracers = TracerProvider(shutdown_on_exit=False)
        tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        loggers = LoggerProvider(shutdown_on_exit=False)
        loggers.add_log_record_processor(SimpleLogRecordProcessor(self.records))
        meters = MeterProvider(metric_readers=[self.reader], shutdown_on_exit=False)
        self.config = {
            "tracer_provider": tracers,
            "meter_provider": meters,
            "logger_provider": loggers,
        }

    def close(self):
        for provider in self.config.values():
            provider.shutdown()

    @property
    def spans(self):
        """By name, in the order in which they ended."""
        return {span.name: span for span in self.exporter.get_finished_spans()}

    @property
    def server_spans(self):
        return [s for s in self.exporter.get_finished_spans() if s.kind is SpanKind.SERVER]

    @property
    def logs(self):
        return [data.log_record for data in self.records.get_finished_logs()]

    def points(self, name):
        data = self.reader.get_metrics_data()
        return [
            point
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]
