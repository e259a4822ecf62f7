"""How one program is served by each of the two."""

import importlib.util
import os
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from trivium.cli.benchmark.errors import CannotMeasure
from trivium.cli.benchmark.server import ServerProcess, free_port
from trivium.fastapi._alias.program import STARTUP

LAUNCHER = Path(__file__).with_name("as_fastapi.py")


@dataclass(frozen=True, slots=True)
class Program:
    """The app: `name` is module:attribute, `directory` has to be on `sys.path` for it."""

    name: str
    directory: Path
    is_factory: bool

    def arguments(self, port: int) -> list[str]:
        """What a server's command is given."""
        named = [self.name, "--host", "127.0.0.1", "--port", str(port)]
        return [*named, "--factory"] if self.is_factory else named


@dataclass(frozen=True, slots=True)
class Engine:
    """One of the sides.

    command: what Python is given before the program.
    path: what comes first on its path.
    """

    name: str
    title: str
    command: tuple[str, ...]
    path: tuple[str, ...] = ()

    def serve(self, program: Program, *, core: int, probe: str) -> ServerProcess:
        """Starts a server that the caller has to stop. Raises NotServing."""
        port = free_port()
        inherited = os.environ.get("PYTHONPATH")
        path = [*self.path, str(program.directory), *([inherited] if inherited else [])]
        return ServerProcess(
            [sys.executable, *self.command, *program.arguments(port)],
            port,
            core=core,
            environment={"PYTHONPATH": os.pathsep.join(path)},
            probe=probe,
        )


_QUIET = ("--log-level", "warning", "--no-access-log")


def trivium() -> Engine:
    """Trivium on its direct protocol: `fastapi` means it, whatever the program imports."""
    return Engine(
        "trivium",
        f"Trivium {version('trivium')}",
        ("-m", "trivium", "run", "--quiet", *_QUIET),
        # As `python -m trivium.fastapi` has it, which starts Python twice.
        path=(STARTUP,),
    )


def fastapi() -> Engine:
    """The fastapi package under uvicorn. Raises CannotMeasure where it is not installed.

    Ask before `trivium.fastapi.install()`, after which `fastapi` is always found.
    """
    if importlib.util.find_spec("fastapi") is None:
        raise CannotMeasure(
            "The fastapi package is not installed here, and it is what the app is to be measured "
            "against.\n  pip install fastapi"
        )
    return Engine(
        "fastapi",
        f"FastAPI {version('fastapi')}",
        (str(LAUNCHER), "uvicorn", *_QUIET),
    )
