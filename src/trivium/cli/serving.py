"""What the commands that serve an app do: ``run`` and ``dev``. No typer here; see ``arguments``."""

import sys
from collections.abc import Mapping
from typing import Any

from trivium.cli.arguments import Line, plain, spelled
from trivium.errors import TriviumError
from trivium.server.settings import settings_from

__all__ = ["NOT_OF_RUN", "dev", "run", "served"]

NOT_OF_RUN = ("reload", "reload_dir", "reload_include")
"""The settings that only ``dev`` has."""

DEV_DEFAULTS = {
    "reload": True,
    # An event stream that a browser holds open must not hold up the next start.
    "graceful_timeout": 1.0,
}
INTERRUPTED = 130  # what a shell expects of a program that Ctrl+C has stopped


def run(line: Line) -> int:
    """Serves as ``trivium run``; returns the status of the process."""
    return _serve(line, mode="production", may_become=True, always={"reload": False})


def dev(line: Line) -> int:
    """Serves as ``trivium dev``; returns the status of the process."""
    # The project and the environment say how many there are in production.
    always = {"workers": 1} if line.given.get("workers") is None else {}
    return _serve(line, mode="development", debug=True, defaults=DEV_DEFAULTS, always=always)


def served(arguments: list[str]) -> int | None:
    """Serves where that is what the arguments say, plainly; returns the status, or None."""
    if arguments[:1] not in (["run"], ["dev"]):
        return None
    is_run = arguments[0] == "run"
    line = plain(arguments[1:], without=NOT_OF_RUN if is_run else ())
    if line is None:
        return None
    try:
        return run(line) if is_run else dev(line)
    except KeyboardInterrupt:
        return INTERRUPTED


def _serve(
    line: Line,
    *,
    always: Mapping[str, Any],
    defaults: Mapping[str, Any] | None = None,
    **how: Any,
) -> int:
    try:
        from trivium.server.run import serve

        settings = settings_from({**line.given, **always}, spelled=spelled(), defaults=defaults)
        return serve(line.app, settings, factory=line.factory, **how)
    except TriviumError as error:
        from trivium.server.loading import written

        sys.stderr.write(f"{written(error)}\n")
        return 1
