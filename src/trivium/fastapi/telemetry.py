"""``fastapi.telemetry``; needs opentelemetry-api, as ``trivium[observe]`` brings it"""

from trivium.stages.telemetry.observation import TelemetryData, get_telemetry_data
from trivium.stages.telemetry.settings import TelemetryConfig

__all__ = ["TelemetryConfig", "TelemetryData", "get_telemetry_data"]
