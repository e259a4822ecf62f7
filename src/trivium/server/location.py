"""Where the app is: what the user wrote, what pyproject.toml says, or the usual places."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trivium.server.errors import AppNotFound

USUAL_FILES = ("main.py", "app.py", "api.py", "app/main.py", "app/app.py", "app/api.py")
_TABLES = ("trivium", "fastapi")

_FORMS = (
    "An app is named as module:attribute (flights.main:app), as a file (src/main.py), or as both "
    "(src/main.py:app)."
)


@dataclass(frozen=True, slots=True)
class Location:
    """Where the app is to be found.

    module: the dotted name to import.
    directory: what has to be on `sys.path` for that.
    attribute: the name in the module, dots allowed; None to look for the app there.
    source: who said so, for messages.
    """

    module: str
    directory: Path
    attribute: str | None
    source: str


def locate(spec: str | None, cwd: Path) -> Location:
    """Where `spec` says the app is; without one, where the project says, or where apps usually are.

    Raises AppNotFound for a specification that cannot be meant and for one that is nowhere.
    """
    if spec is not None:
        return _parsed(spec, cwd, "the command line")
    if configured := _configured(cwd):
        return configured
    for name in USUAL_FILES:
        if (cwd / name).is_file():
            return _of_file(cwd / name, None, f"the usual place {name}")
    raise AppNotFound(
        f"No app was named, and none is in the usual places.\n"
        f"  directory:  {cwd}\n"
        f"  looked for: {', '.join(USUAL_FILES)}\n"
        f"  and for:    entrypoint under [tool.trivium] or [tool.fastapi] in pyproject.toml\n"
        f"{_FORMS}"
    )


def project_tools(directory: Path) -> dict[str, Any]:
    """What pyproject.toml says under ``[tool]``; nothing where there is no such file or table.

    Raises ValueError for a file that cannot be read. That each tool has a table is for the caller
    to see.
    """
    file = directory / "pyproject.toml"
    if not file.is_file():
        return {}
    import tomllib

    tools = tomllib.loads(file.read_text("utf-8")).get("tool")
    return tools if isinstance(tools, dict) else {}


def _configured(cwd: Path) -> Location | None:
    file = cwd / "pyproject.toml"
    try:
        tools = project_tools(cwd)
    except ValueError as error:
        raise AppNotFound(f"{file} cannot be read: {error}") from error
    for table in _TABLES:
        source = f"[tool.{table}] entrypoint in {file}"
        found = tools.get(table)
        entrypoint = found.get("entrypoint") if isinstance(found, dict) else None
        if isinstance(entrypoint, str):
            return _parsed(entrypoint, cwd, source)
        if entrypoint is not None:
            raise AppNotFound(f"{source} is {entrypoint!r}, which is no text.\n{_FORMS}")
    return None


def _parsed(spec: str, cwd: Path, source: str) -> Location:
    place, attribute = _split(spec)
    if not place or attribute == "":
        raise AppNotFound(f"{spec!r} (from {source}) names no app.\n{_FORMS}")
    if place.endswith(".py") or "/" in place or "\\" in place:
        return _of_file(cwd / place, attribute, source)
    if not all(part.isidentifier() for part in place.split(".")):
        raise AppNotFound(f"{place!r} (from {source}) is no module's name.\n{_FORMS}")
    return Location(place, cwd, attribute, source)


def _split(spec: str) -> tuple[str, str | None]:
    """Place and attribute. A colon before a slash is a drive's letter."""
    place, colon, attribute = spec.rpartition(":")
    if not colon or "/" in attribute or "\\" in attribute:
        return spec, None
    return place, attribute


def _of_file(path: Path, attribute: str | None, source: str) -> Location:
    """A file or a package's directory, imported by the name its package gives it."""
    if not path.exists():
        raise AppNotFound(f"There is no {path} (from {source}).")
    path = path.resolve()
    if path.name == "__init__.py":
        path = path.parent
    names = [path.stem]
    directory = path.parent
    while (directory / "__init__.py").is_file():
        names.insert(0, directory.name)
        directory = directory.parent
    return Location(".".join(names), directory, attribute, source)
