"""A program as data: parameters, functions and options, and the source text they make.

The text is what both sides execute and what a failing test prints.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain

from .kinds import Kind

# Where a parameter is read from -> the function that declares it. "plain" has none.
DECLARED_BY = {
    "path": "Path",
    "query": "Query",
    "header": "Header",
    "cookie": "Cookie",
    "body": "Body",
    "form": "Form",
    "file": "File",
}


@dataclass(frozen=True)
class Param:
    """One parameter of a signature.

    `place` is a key of DECLARED_BY or "plain"; `style` says whether the declaration stands in the
    annotation or in the default; `options` are its keyword arguments as source; `keys` are the
    names under which a client may send it; `converter` is the converter of a path parameter.
    """

    name: str
    kind: Kind
    place: str = "plain"
    style: str = "annotated"
    default: str | None = None
    options: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    converter: str = ""

    @property
    def source(self) -> str:
        options = ", ".join(self.options)
        default = "" if self.default is None else f" = {self.default}"
        if self.place == "plain":
            return f"{self.name}: {self.kind.annotation}{default}"
        function = DECLARED_BY[self.place]
        if self.style == "annotated":
            return f"{self.name}: Annotated[{self.kind.annotation}, {function}({options})]{default}"
        arguments = ", ".join(item for item in (self.default or "", options) if item)
        return f"{self.name}: {self.kind.annotation} = {function}({arguments})"

    @property
    def wire_names(self) -> tuple[str, ...]:
        return self.keys or (self.name,)


@dataclass(frozen=True)
class Function:
    """A handler or a dependency: its parameters and the lines of its body.

    Without lines it answers with what it was given. `extra` are parameters written out as source.
    """

    name: str
    params: tuple[Param, ...] = ()
    extra: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    asynchronous: bool = False
    returns: str = ""

    @property
    def source(self) -> str:
        params = [*(param.source for param in self.params), *self.extra]
        # Keyword-only, so that a parameter with a default may stand before one without.
        signature = f"*, {', '.join(params)}" if params else ""
        shown = ", ".join(f"{param.name!r}: {param.name}" for param in self.params)
        lines = self.lines or (f"return show({{{shown}}})",)
        returns = f" -> {self.returns}" if self.returns else ""
        head = f"{'async ' * self.asynchronous}def {self.name}({signature}){returns}:"
        return "\n    ".join([head, *lines])


@dataclass(frozen=True)
class Route:
    """A handler at a path. `options` are keyword arguments of the decorator, as source."""

    function: Function
    path: str = "/"
    method: str = "get"
    options: tuple[str, ...] = ()
    owner: str = "app"

    @property
    def source(self) -> str:
        arguments = ", ".join([repr(self.path), *self.options])
        return f"@{self.owner}.{self.method}({arguments})\n{self.function.source}"


@dataclass(frozen=True)
class Program:
    """Class definitions, then helpers, then the app and its routes, then whatever comes last.

    With `stringified`, its annotations are strings until the framework evaluates them.
    """

    routes: tuple[Route, ...] = ()
    app: str = "FastAPI()"
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    kinds: tuple[Kind, ...] = field(default=(), repr=False)
    stringified: bool = False

    @property
    def source(self) -> str:
        declared = [param.kind for route in self.routes for param in route.function.params]
        classes = chain.from_iterable(kind.sources for kind in (*self.kinds, *declared))
        parts = [
            *["from __future__ import annotations"] * self.stringified,
            *_once(classes),
            *self.before,
            f"app = {self.app}",
            *(route.source for route in self.routes),
            *self.after,
        ]
        return "\n\n".join(parts) + "\n"


def _once(items: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(items))
