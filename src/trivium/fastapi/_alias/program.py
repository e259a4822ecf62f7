"""``python -m trivium.fastapi``: runs a program in which ``fastapi`` means Trivium."""

import os
import runpy
import sys
from pathlib import Path

from trivium.fastapi._alias.finder import install

__all__ = ["run"]

USAGE = """\
usage: python -m trivium.fastapi FILE [ARGUMENT ...]
       python -m trivium.fastapi -m MODULE [ARGUMENT ...]

Runs a Python program as `python` does, with `fastapi` meaning Trivium in it and in the Python
processes that it starts. For example:

  python -m trivium.fastapi main.py
  python -m trivium.fastapi -m uvicorn main:app --reload
"""

STARTUP = str(Path(__file__).with_name("startup"))


def run(arguments: list[str]) -> None:
    """Runs the program that ``arguments`` name, those after ``python -m trivium.fastapi``.

    Raises ``SystemExit`` when there is none, and whatever the program raises.
    """
    match arguments:
        case ["-m", module, *_]:
            _prepare(arguments[1:])
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        case ["-h" | "--help"]:
            sys.stdout.write(USAGE)
        case [file, *_] if not file.startswith("-"):
            _prepare(arguments)
            # As `python FILE` does; `python -m` has put the current directory there instead.
            if not sys.flags.safe_path:
                sys.path[0] = str(Path(file).resolve().parent)
            runpy.run_path(file, run_name="__main__")
        case _:
            raise SystemExit(USAGE)


def _prepare(argv: list[str]) -> None:
    install()
    sys.argv = argv
    inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if STARTUP not in inherited:
        os.environ["PYTHONPATH"] = os.pathsep.join([STARTUP, *filter(None, inherited)])
