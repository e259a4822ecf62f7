"""What the error about a bad declaration owes its reader, as assertions."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest

import trivium
from trivium import App, DeclarationError
from trivium.fastapi import FastAPI

# A declaration is refused alike by the app of either style.
APPS = [App, FastAPI]

_PLACE = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<name>[\w.<>]+)')


def refusal(declare: Callable[[], object]) -> DeclarationError:
    """The error that a declaration raises: at once, before any request."""
    with pytest.raises(DeclarationError) as raised:
        declare()
    return raised.value


def assert_names(error: DeclarationError, function: Callable[..., Any]) -> None:
    """The text says in which file and line the function is, and what it is called."""
    found = _PLACE.search(str(error))
    assert found, f"no place in {error}"
    lines, first = inspect.getsourcelines(function)
    assert found["file"] == inspect.getsourcefile(function)
    assert first <= int(found["line"]) < first + len(lines)
    assert found["name"].rpartition(".")[2] == function.__name__


def assert_names_here(error: DeclarationError) -> None:
    """The text says which line of the calling test made the mistake."""
    caller = inspect.stack()[1].frame
    lines, first = inspect.getsourcelines(caller.f_code)
    places = [place.groupdict() for place in _PLACE.finditer(str(error))]
    assert any(
        place["file"] == caller.f_code.co_filename
        and first <= int(place["line"]) < first + len(lines)
        for place in places
    ), f"no line of this test in {error}"


def assert_shows(error: DeclarationError, written: str) -> None:
    """The text holds the line as it is written."""
    assert error.written is not None
    assert written in error.written
    assert error.written in str(error)


def suggestion(error: DeclarationError) -> str:
    """The line that would work, as the text shows it."""
    assert error.instead
    assert error.instead in str(error)
    assert error.instead != error.written
    return error.instead


def assert_parameter_works(
    app_type: type[App], path: str, parameter: str, names: dict[str, Any] | None = None
) -> None:
    """A handler at the path can be declared with the suggested parameter."""
    _run(f"@app.post({path!r})\ndef fixed({parameter}):\n    pass", app_type, names)


def assert_line_works(app_type: type[App], lines: str, names: dict[str, Any] | None = None) -> None:
    """The suggested line, with what it needs around it, registers."""
    _run(lines, app_type, names)


def _run(source: str, app_type: type[App], names: dict[str, Any] | None) -> None:
    given = {name: getattr(trivium, name) for name in trivium.__all__ if name != "action"}
    known: dict[str, Any] = {"Annotated": __import__("typing").Annotated, **given, **(names or {})}
    known["app"] = app_type()
    try:
        # Not with the `from __future__ import annotations` of this file.
        exec(compile(source, "<suggestion>", "exec", dont_inherit=True), known)
    except Exception as error:
        pytest.fail(f"the suggestion does not work: {error!r}\n{source}")
