"""The interactive shell: ``await`` works, and what is typed is in one unit of work."""

from __future__ import annotations

import ast
import code
import inspect
import sys
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal

    from trivium.app import App
    from trivium.db.database import Database
    from trivium.db.units import Unit

__all__ = ["names_of", "run_shell"]


def names_of(app: App, database: Database | None) -> dict[str, Any]:
    """What a person finds in the shell: the app, the models, and what queries are made with."""
    names: dict[str, Any] = {"app": app}
    if database is None:
        return names
    from sqlalchemy import func, select, text

    from trivium.db import atomic, current_session, execute, wait

    for name, found in (
        ("database", database),
        ("select", select),
        ("func", func),
        ("text", text),
        ("atomic", atomic),
        ("current_session", current_session),
        ("execute", execute),
        ("wait", wait),
    ):
        names[name] = found
    for each in database.databases.values():
        names |= {model.__name__: model for model in _models_of(each)}
    return names


def _models_of(database: Database) -> list[type[Any]]:
    """The classes that are mapped to the tables of a database."""
    from sqlalchemy.orm import DeclarativeBase

    metadatas = database.metadatas
    found: list[type[Any]] = []
    waiting: list[type[Any]] = list(DeclarativeBase.__subclasses__())
    while waiting:
        base = waiting.pop()
        waiting += base.__subclasses__()
        metadata = getattr(base, "metadata", None)
        if hasattr(base, "__table__") and any(metadata is each for each in metadatas):
            found.append(base)
    return sorted(found, key=lambda model: model.__name__)


def run_shell(app: App, database: Database | None, source: str | None) -> int:
    """Runs ``source``, or what a person types; returns the exit status."""
    from anyio.from_thread import start_blocking_portal

    names = names_of(app, database)
    with start_blocking_portal("asyncio") as portal:
        if database is None:
            return _Shell(names, portal, None).run(source)
        from trivium.db.units import Unit, entered
        from trivium.db.waiting import loop_of_thread

        unit = Unit(database.databases)
        token = loop_of_thread.set(portal.call)
        try:
            with entered(unit):
                return _Shell(names, portal, unit).run(source)
        finally:
            loop_of_thread.reset(token)
            portal.call(unit.abandon)
            portal.call(database.close)


class _Shell(code.InteractiveConsole):
    """Python's console, which awaits what was typed, in the event loop of ``portal``."""

    def __init__(self, names: dict[str, Any], portal: BlockingPortal, unit: Unit | None) -> None:
        super().__init__({"__name__": "__console__", "__builtins__": __builtins__, **names})
        self.compile.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        self._names = names
        self._portal = portal
        self._unit = unit
        self._has_failed = False

    def run(self, source: str | None) -> int:
        if source is not None:
            self.runsource(source + "\n", "<command>", "exec")
            return 1 if self._has_failed else self._end()
        if not sys.stdin.isatty():
            self.runsource(sys.stdin.read() + "\n", "<stdin>", "exec")
            return 1 if self._has_failed else self._end()
        try:
            # the arrow keys and the history, where Python has them
            import readline
            import rlcompleter
        except ImportError:
            pass
        else:
            readline.set_completer(rlcompleter.Completer(self.locals).complete)
            readline.parse_and_bind("tab: complete")
        self.interact(banner=self._banner(), exitmsg="")
        return self._end()

    def runcode(self, code: CodeType) -> None:
        function = FunctionType(code, self.locals)
        try:
            result: Any = function()
            if inspect.iscoroutine(result):
                result = self._portal.call(_awaited, result)
        except SystemExit:
            raise
        except BaseException:
            self._has_failed = True
            self.showtraceback()
            self._forget()

    def showsyntaxerror(self, *arguments: Any, **options: Any) -> None:
        self._has_failed = True
        super().showsyntaxerror(*arguments, **options)

    def _forget(self) -> None:
        """Undoes what a failed line has left half done, so that the next one can go on."""
        for lane in self._unit.lanes if self._unit is not None else ():
            if lane.has_session and lane.depth == 0:
                self._portal.call(lane.session.rollback)

    def _end(self) -> int:
        waiting = [lane for lane in (self._unit.lanes if self._unit else ()) if lane.is_open]
        if waiting:
            names = ", ".join(lane.database.name for lane in waiting)
            sys.stderr.write(
                f"What was written to {names} was not committed, and is undone:"
                " await current_session().commit()\n"
            )
        return 1 if waiting else 0

    def _banner(self) -> str:
        listed = ", ".join(name for name in self._names)
        version = ".".join(map(str, sys.version_info[:3]))
        return f"Python {version}. `await` works. Here are: {listed}"


async def _awaited(work: Any) -> Any:
    return await work
