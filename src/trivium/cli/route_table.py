"""The routes of an app, as rows of a table and as JSON."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from trivium.binding.callables import name_of
from trivium.binding.plan import endpoint_context
from trivium.routing.flat import FlatRoute
from trivium.routing.frontend import Frontend

_METHOD_ORDER = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


@dataclass(frozen=True, slots=True)
class Handler:
    """The function or class that answers; what is not known of it is None."""

    name: str
    file: str | None
    line: int | None

    def place(self, cwd: Path) -> str:
        """`file:line`, relative to `cwd` where it is below it, as editors and terminals link it."""
        if self.file is None:
            return self.name
        path = Path(self.file)
        shown = path.relative_to(cwd) if path.is_relative_to(cwd) else path
        return f"{shown}:{self.line}"


@dataclass(frozen=True, slots=True)
class Row:
    """A route, described without the objects behind it.

    dependencies: how many a request runs at most, those of routers and dependencies included.
    builtin: the route serves the documentation, and no line of the app declares it.
    """

    methods: tuple[str, ...]
    path: str
    name: str | None
    kind: str
    handler: Handler | None
    dependencies: int
    tags: tuple[str, ...]
    builtin: bool

    def as_json(self) -> dict[str, Any]:
        """The row as JSON-able data."""
        return asdict(self)


def rows(routes: Iterable[FlatRoute]) -> list[Row]:
    """One row for each route, in the order in which they are tried."""
    return [_row(flat) for flat in routes]


def table(all_rows: Iterable[Row], cwd: Path) -> Table:
    """The rows for people to read; files are shown relative to `cwd`."""
    shown = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for heading in ("METHODS", "PATH", "NAME", "HANDLER", "KIND"):
        shown.add_column(heading, no_wrap=True, overflow="fold")
    shown.add_column("DEPS", justify="right")
    shown.add_column("TAGS")
    for row in all_rows:
        shown.add_row(
            Text(" ".join(row.methods) or "-", style="green"),
            Text(row.path or "/", style="cyan"),
            Text(row.name or "-"),
            Text(row.handler.place(cwd) if row.handler else "-"),
            Text(row.kind, style="dim"),
            Text(str(row.dependencies) if row.dependencies else "-"),
            Text(", ".join(row.tags) or "-"),
        )
    return shown


def _row(flat: FlatRoute) -> Row:
    dependant = getattr(flat.route, "dependant", None)
    return Row(
        methods=_ordered(flat.methods),
        path=flat.path,
        name=flat.name or None,
        kind=flat.kind,
        handler=None if flat.endpoint is None else _handler(flat.endpoint),
        dependencies=0 if dependant is None else sum(1 for _ in dependant.walk()) - 1,
        tags=tuple(_tag(tag) for tag in getattr(flat.route, "tags", None) or ()),
        builtin=getattr(flat.endpoint, "__module__", "").startswith("trivium.openapi."),
    )


def _ordered(methods: Iterable[str]) -> tuple[str, ...]:
    known = {method: place for place, method in enumerate(_METHOD_ORDER)}
    return tuple(sorted(methods, key=lambda method: (known.get(method, len(known)), method)))


def _handler(endpoint: Any) -> Handler:
    frontend = getattr(endpoint, "__self__", None)
    if isinstance(frontend, Frontend):
        return Handler(f"files of {frontend.directory}", None, None)
    context = endpoint_context(endpoint)
    name = context.get("function") or name_of(endpoint)
    return Handler(name, context.get("file"), context.get("line"))


def _tag(tag: Any) -> str:
    return str(tag.value if isinstance(tag, Enum) else tag)
