"""What can be chosen about telemetry. Needs nothing installed."""

import importlib.util
import os
import sys
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, cast

from typing_extensions import TypedDict

from trivium.errors import DeclarationError, TriviumError

if TYPE_CHECKING:
    from opentelemetry._logs import LoggerProvider
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

__all__ = ["Settings", "TelemetryConfig", "settings_of"]

_PROVIDERS = ("TRACER", "METER", "LOGGER")


class TelemetryConfig(TypedDict, total=False):
    """The option ``telemetry`` of an application. Providers that are given stay their owner's."""

    tracer_provider: "TracerProvider | None"
    """In place of the global one."""
    meter_provider: "MeterProvider | None"
    """In place of the global one."""
    logger_provider: "LoggerProvider | None"
    """In place of the global one."""
    tracing: bool
    """Whether requests and WebSocket connections have spans. True by default."""
    metrics: bool
    """Whether requests are measured. True by default."""
    logs: bool
    """Whether refused requests and unhandled errors are logged. True by default."""
    operation_spans: bool
    """Whether dependencies, handlers, serialization and background tasks have spans of their own.
    True by default."""
    auto_configure: bool
    """Whether OTLP exporters are made from the variables of the environment at start-up. By
    default only where the variable FASTAPI_OTEL_AUTO_CONFIGURE is ``true``."""
    exclude: Callable[[MutableMapping[str, Any]], bool] | None
    """Called with the ASGI scope; what it returns True for is not observed."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The option with its defaults filled in."""

    tracer_provider: Any = None
    meter_provider: Any = None
    logger_provider: Any = None
    tracing: bool = True
    metrics: bool = True
    logs: bool = True
    operation_spans: bool = True
    auto_configure: bool = False
    exclude: Callable[[MutableMapping[str, Any]], bool] | None = None

    @property
    def is_on(self) -> bool:
        """Whether any signal is left on."""
        return self.tracing or self.metrics or self.logs

    def can_have_providers(self) -> bool:
        """Whether a provider can be there at all; found out without importing anything.

        One that nobody gave and no variable names has been set through the package's own modules.
        """
        given = (self.tracer_provider, self.meter_provider, self.logger_provider)
        return (
            "opentelemetry" in sys.modules
            or any(provider is not None for provider in given)
            or any(os.getenv(f"OTEL_PYTHON_{name}_PROVIDER") for name in _PROVIDERS)
        )


def settings_of(config: Mapping[str, Any] | None) -> Settings:
    """The settings of an application, from its option.

    Raises DeclarationError for a name that is no setting, TriviumError where telemetry is asked for
    and opentelemetry-api is not installed.
    """
    automatic = os.getenv("FASTAPI_OTEL_AUTO_CONFIGURE", "").lower() == "true"
    if config is None and not automatic:
        return Settings()
    known = [field.name for field in fields(Settings)]
    for name in config or ():
        if name not in known:
            from difflib import get_close_matches

            near = get_close_matches(name, known, 1) or known[:1]
            raise DeclarationError(
                f"There is no telemetry setting {name!r}",
                written=f"telemetry={{{name!r}: ...}}",
                instead=f"telemetry={{{near[0]!r}: ...}}",
            )
    settings = Settings(**cast(Any, {"auto_configure": automatic, **(config or {})}))
    if settings.is_on and importlib.util.find_spec("opentelemetry") is None:
        raise TriviumError(
            "Telemetry needs the package opentelemetry-api, which is not installed.\n"
            "    instead:  pip install 'trivium[observe]'"
        )
    return settings
