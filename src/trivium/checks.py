"""What may be wrong with an application that runs: found by looking, before a client finds it.

``App.checks`` asks the application itself, its stages and its batteries, and functions given to
``App.add_check``. A stage or battery takes part by having a method ``checks``.
"""

import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

__all__ = ["Check", "Checker", "Level", "gathered"]

Level: TypeAlias = Literal["error", "warning", "info"]
_GRAVITY: dict[str, int] = {"error": 0, "warning": 1, "info": 2}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was found.

    level: an error fails ``trivium check``; a warning should be looked at; an info is to be known.
    id: ``who.what``, for programs and for leaving it out: ``core.debug``.
    message: what is the case. hint: what to do about it.
    """

    level: Level
    id: str
    message: str
    hint: str = ""


@runtime_checkable
class Checker(Protocol):
    """What a stage or a battery implements to take part."""

    def checks(self, app: Any, /, *, deploy: bool) -> Iterable[Check]:
        """What is to be said of it in this application.

        deploy: also what matters only where strangers are served.
        """
        ...


def gathered(app: Any, checkers: Iterable[Any], *, deploy: bool) -> list[Check]:
    """Everything that is found in an ``App``, the gravest first; see ``App.checks``."""
    found = [*_of_routes(app), *_of_document(app)]
    if deploy:
        found += _of_deployment(app)
    for checker in checkers:
        if isinstance(checker, Checker):
            found += checker.checks(app, deploy=deploy)
    return sorted(found, key=lambda check: _GRAVITY[check.level])


def _of_routes(app: Any) -> Iterator[Check]:
    """Routes that cannot be reached, because one before has the same method and path."""
    declared = Counter(
        (flat.kind, method, flat.path)
        for flat in app.routes_flat()
        if flat.kind in ("http", "websocket")
        for method in (flat.methods or ("WS",))
    )
    for (_, method, path), times in declared.items():
        if times > 1:
            yield Check(
                "warning",
                "core.shadowed",
                f"{method} {path} is declared {times} times; the first declaration answers.",
                "Give the others another path or method, or remove them.",
            )


def _of_document(app: Any) -> Iterator[Check]:
    """Whether the OpenAPI document can be made, and its operations told apart."""
    if not app.openapi_url:
        return
    try:
        with warnings.catch_warnings():
            # It warns of what is found below.
            warnings.simplefilter("ignore")
            document = app.openapi()
    except Exception as error:
        yield Check(
            "error",
            "core.openapi",
            f"The OpenAPI document cannot be made: {type(error).__name__}: {error}",
            "trivium routes lists the routes; include_in_schema=False leaves one out.",
        )
        return
    names = Counter(
        operation["operationId"]
        for path in document.get("paths", {}).values()
        for operation in path.values()
        if isinstance(operation, dict) and "operationId" in operation
    )
    for name, times in names.items():
        if times > 1:
            yield Check(
                "warning",
                "core.operation_id",
                f"{times} operations have the id {name!r}; clients made of the document mix them.",
                "Give them an operation_id, or functions of different names.",
            )


def _of_deployment(app: Any) -> Iterator[Check]:
    if app.debug:
        yield Check(
            "error",
            "core.debug",
            "debug is on: clients see tracebacks, with the code and its values.",
            "App(debug=False), which is the default; trivium dev turns it on by itself.",
        )
    if app.openapi_url and (app.docs_url or app.redoc_url):
        pages = ", ".join(page for page in (app.docs_url, app.redoc_url) if page)
        yield Check(
            "info",
            "core.docs",
            f"The documentation is open to everyone: {pages}.",
            "App(openapi_url=None) turns it off.",
        )
    if not app.stages:
        yield Check(
            "warning",
            "core.stages",
            "No stages are on: no trusted hosts, security headers, limits or request ids.",
            'app.production(allowed_hosts=["example.com"]) switches on what most need.',
        )
    else:
        yield from _of_missing_stages(app)


_EXPECTED = {
    "TrustedHosts": "Any host is answered, so links and redirects may be made of a client's word.",
    "SecurityHeaders": "Browsers are told nothing: pages may be framed, and types guessed.",
    "BodyLimit": "Bodies of any size are read.",
    "Deadline": "A request may take for ever.",
    "CORS": "Pages of any origin may open the WebSockets.",
}


def _of_missing_stages(app: Any) -> Iterator[Check]:
    present = {kind.__name__ for stage in app.stages for kind in type(stage).__mro__}
    has_sockets = any(flat.kind == "websocket" for flat in app.routes_flat())
    for name, message in _EXPECTED.items():
        if name in present or (name == "CORS" and not has_sockets):
            continue
        if name == "BodyLimit" and app.max_body_size is not None:
            continue
        hint = f"Add the stage {name}, as app.production() does, if no proxy sees to it."
        yield Check("warning", f"stages.no_{_snake(name)}", message, hint)


def _snake(name: str) -> str:
    parts = re.findall(r"[A-Z]+(?=[A-Z][a-z]|$)|[A-Z][a-z]+", name)
    return "_".join(parts).lower()
