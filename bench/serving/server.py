"""A peer's server, from its own environment."""

from pathlib import Path

from bench.serving.peers import Peer
from trivium.cli.benchmark.server import ServerProcess, free_port

PROGRAMS = Path(__file__).parent / "programs"


def serve(
    peer: Peer, *, python: str, core: int, one_route: bool = False, production: bool = False
) -> ServerProcess:
    """Starts one of the peer's programs. Raises NotServing; the caller stops it."""
    port = free_port()
    environment = {**peer.environment, "PORT": str(port)}
    if production:
        environment["PRODUCTION"] = "1"
    return ServerProcess(
        [python, *peer.arguments(port, one_route=one_route)],
        port,
        core=core,
        environment=environment,
        directory=PROGRAMS,
        probe="/json",
    )
