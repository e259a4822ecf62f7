"""Load on the other core: wrk for requests, `client` for streams and sockets."""

import sys
from pathlib import Path

from bench.serving.endpoints import Endpoint
from trivium.cli.benchmark import load
from trivium.cli.benchmark.load import Load
from trivium.cli.benchmark.requests import Request

ROOT = Path(__file__).parents[2]
HOW_TO_GET_WRK = (
    "wrk is not installed, and the load comes from it.\n"
    "  Debian, Ubuntu:  apt-get install wrk\n"
    "  macOS:           brew install wrk"
)


def wrk_missing() -> str | None:
    """How to get wrk, where it is missing."""
    return None if load.has_wrk() else HOW_TO_GET_WRK


def apply(endpoint: Endpoint, port: int, *, seconds: float, core: int) -> Load:
    """Loads one endpoint for `seconds`. Raises LoadFailed when a reply was an error."""
    connections = endpoint.connections
    if endpoint.kind == "http":
        request = Request(endpoint.method, endpoint.path, endpoint.headers, endpoint.body)
        return load.load_by_wrk(request, port, connections=connections, seconds=seconds, core=core)
    job = [endpoint.kind, str(port), endpoint.path, str(connections), str(seconds)]
    command = [sys.executable, "-m", "bench.serving.client", *job]
    return load.from_client(*load.run_client(command, core=core, directory=ROOT))
