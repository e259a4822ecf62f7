"""The app that is measured: where it is, and what it offers."""

import importlib
from pathlib import Path
from typing import Any

from trivium.app import App
from trivium.cli.benchmark.engines import Program
from trivium.cli.errors import AppNotFound
from trivium.cli.loading import load_app
from trivium.cli.location import locate
from trivium.fastapi._alias.finder import install


def find(spec: str | None, *, factory: bool) -> tuple[Program, dict[str, Any]]:
    """The program that `spec` names, and its OpenAPI document.

    The app is imported into this process, with `fastapi` meaning Trivium; the servers import it
    themselves. Raises AppNotFound, and AppFailed from what the app's own code raised.
    """
    install()
    location = locate(spec, Path.cwd())
    app = load_app(spec, factory=factory)
    module = importlib.import_module(location.module)
    if location.attribute is not None:
        attribute, made = location.attribute, _reached(module, location.attribute) is not app
    else:
        named = [name for name, value in vars(module).items() if value is app]
        if not named:
            raise AppNotFound(
                f"{location.module} makes its app by a function; name it: {location.module}:NAME"
            )
        attribute, made = named[0], False
    program = Program(f"{location.module}:{attribute}", location.directory, made)
    return program, _document(app)


def _reached(module: Any, dotted: str) -> Any:
    for name in dotted.split("."):
        module = getattr(module, name)
    return module


def _document(app: App) -> dict[str, Any]:
    document: dict[str, Any] = app.openapi()
    return document
