"""Which database of the app a command is about, and where its files are."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from trivium.app import App
from trivium.errors import TriviumError
from trivium.server.location import locate, project_tools

if TYPE_CHECKING:
    from trivium.db.database import Database


class NoDatabase(TriviumError):
    """The app has no such database. The message names those it has."""


class UsageMistake(TriviumError):
    """Options that do not go together, or one that is missing."""


def refuse_without_sqlalchemy() -> None:
    """Raises NoDatabase where the packages of the data layer are not installed."""
    if importlib.util.find_spec("sqlalchemy") is None:
        raise NoDatabase(
            "The data layer is not installed.\n  Install it:  pip install 'trivium[db]'"
        )


def database_of(app: App, name: str | None) -> Database:
    """The database of the app with this name, or its only or first one. Raises NoDatabase."""
    refuse_without_sqlalchemy()
    from trivium.db.database import Database

    installed = [battery for battery in app.batteries if isinstance(battery, Database)]
    found = {each.name: each for battery in installed for each in battery.databases.values()}
    if not found:
        raise NoDatabase("The app has no database.\n  Give it one:  app.install(Database(url))")
    if name is None:
        return next(iter(found.values()))
    if name not in found:
        raise NoDatabase(f"The app has no database {name!r}. It has: {', '.join(found)}")
    return found[name]


def migrations_directory(app: str | None, database: str, cwd: Path | None = None) -> Path:
    """Where the migrations of a database are: what pyproject.toml says, or beside the app.

    Those of a database that is not the default one are in a directory of its name in there.
    """
    cwd = cwd or Path.cwd()
    directory = _configured(cwd) or _beside(app, cwd)
    return directory if database == "default" else directory / database


def _configured(cwd: Path) -> Path | None:
    ours = project_tools(cwd).get("trivium")
    named = ours.get("migrations") if isinstance(ours, dict) else None
    if named is not None and not isinstance(named, str):
        raise NoDatabase(f"migrations of [tool.trivium] in pyproject.toml is {named!r}, no text.")
    return None if named is None else cwd / named


def _beside(app: str | None, cwd: Path) -> Path:
    location = locate(app, cwd)
    package = location.directory.joinpath(*location.module.split("."))
    return (package if package.is_dir() else package.parent) / "migrations"
