"""``python -m trivium.fastapi``: runs a program in which ``fastapi`` means Trivium."""

import os
import subprocess
import sys
from pathlib import Path

__all__ = ["run"]

USAGE = """\
usage: python -m trivium.fastapi FILE [ARGUMENT ...]
       python -m trivium.fastapi -m MODULE [ARGUMENT ...]
       python -m trivium.fastapi -c CODE [ARGUMENT ...]

Runs a Python program as `python` does, with `fastapi` meaning Trivium in it and in the Python
processes that it starts. For example:

  python -m trivium.fastapi main.py
  python -m trivium.fastapi -m uvicorn main:app --reload
"""

STARTUP = str(Path(__file__).with_name("startup"))


def run(arguments: list[str]) -> None:
    """Becomes the program that ``arguments`` name, those after ``python -m trivium.fastapi``.

    Python is started anew, so that the program finds everything as it would without us: its
    ``__main__``, its path, and no module imported before it asks for it. What ``PYTHONPATH`` names
    first then installs the alias, in that process and in those that it starts.

    Raises ``SystemExit`` when there is no program or Python is told to ignore ``PYTHONPATH``.
    """
    if arguments in (["-h"], ["--help"]):
        sys.stdout.write(USAGE)
        return
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in ("-c", "-m")):
        raise SystemExit(USAGE)
    if sys.flags.ignore_environment:
        raise SystemExit(
            "python -m trivium.fastapi works by PYTHONPATH, which -E and -I tell Python to ignore."
        )
    inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    rest = [entry for entry in inherited if entry and entry != STARTUP]
    os.environ["PYTHONPATH"] = os.pathsep.join([STARTUP, *rest])
    _become([sys.executable, *_own_options(), *arguments])


def _own_options() -> list[str]:
    """The options that Python itself was started with: ``-W error``, ``-X dev``, ``-O``."""
    # Private by its name, and what multiprocessing starts its processes with.
    options: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # see above
    return options


def _become(command: list[str]) -> None:
    if sys.platform == "win32":
        # There, exec would leave the console to the shell while the program still runs.
        raise SystemExit(subprocess.call(command))
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(command[0], command)
