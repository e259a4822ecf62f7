"""The command line of what serves, read without typer where it is plain.

A process that serves keeps all that it has imported, and would have no more use for typer. A line
that is not plain (``--help``, a mistake) is typer's, which says what there is to say about it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from trivium.server.settings import SETTINGS

__all__ = ["Line", "flag_of", "plain", "spelled"]


@dataclass(frozen=True, slots=True)
class Line:
    """What was said: the application's name, and settings as texts, or as what a flag means."""

    app: str | None
    factory: bool
    given: dict[str, str | bool]


def flag_of(name: str) -> str:
    """How a setting is called on the command line."""
    return f"--{name.replace('_', '-')}"


def spelled() -> dict[str, str]:
    """How each setting is called on the command line."""
    return {name: flag_of(name) for name in SETTINGS}


def plain(arguments: Sequence[str], *, without: Collection[str] = ()) -> Line | None:
    """What the arguments say; None where they are not plain.

    without: settings that the command does not take.
    """
    names = {flag_of(name): name for name in SETTINGS if name not in without}
    app: str | None = None
    factory = False
    given: dict[str, str | bool] = {}
    rest = iter(arguments)
    for argument in rest:
        flag, has_value, value = argument.partition("=")
        if flag in names and not SETTINGS[names[flag]].is_flag:
            if not has_value:
                value = next(rest, "-")
                if value.startswith("-"):
                    return None
            given[names[flag]] = value
        elif argument == "--factory":
            factory = True
        elif argument in names:
            given[names[argument]] = True
        elif argument.startswith("--no-") and _is_flag(positive := f"--{argument[5:]}", names):
            given[names[positive]] = False
        elif argument.startswith("-") or app is not None:
            return None
        else:
            app = argument
    return Line(app, factory, given)


def _is_flag(flag: str, names: dict[str, str]) -> bool:
    return flag in names and SETTINGS[names[flag]].is_flag
