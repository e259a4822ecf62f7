"""Imports the module a location names, and finds or makes the app in it.

``load_app`` wants an ``App``, for tools that look into one. ``load_served`` takes any ASGI
application, because a server can run any.
"""

import importlib
import inspect
import sys
import traceback
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from starlette.applications import Starlette

from trivium.app import App
from trivium.errors import TriviumError
from trivium.server.errors import AppFailed, AppNotFound
from trivium.server.location import Location, locate

modules_in_import: list[str] = []
"""The names of the modules that are being imported for their apps just now."""

_PREFERRED = ("app", "api")
_FACTORIES = ("create_app", "make_app", "build_app", "get_app")


@dataclass(frozen=True, slots=True)
class Served:
    """An ASGI application and where it was found.

    name: ``module:attribute``, by which another process finds it too.
    directory: what has to be on ``sys.path`` for that.
    is_factory: the attribute is a function that makes the application.
    """

    app: Any
    name: str
    directory: Path
    is_factory: bool


def load_app(spec: str | None, *, factory: bool = False, cwd: Path | None = None) -> App:
    """The app that `spec` names, or the one of the project in `cwd`.

    factory: the name is that of a function that makes the app. Without it, a function that takes no
        arguments is called all the same, when the app was named by it or nothing else was found.

    What the app's code prints while it is imported goes to stderr: stdout is the command's.
    Raises AppNotFound, and AppFailed from what the app's own code raised.
    """
    location = locate(spec, cwd or Path.cwd())
    with redirect_stdout(sys.stderr):
        found, name = _found(location, App, factory=factory)
        if isinstance(found, App) and not factory:
            return found
        app = _made(_checked_factory(found, name), name)
        if not isinstance(app, App):
            raise AppNotFound(f"{name}() returns {_other_kind(app) or _kind(app)}.")
        return app


def load_served(spec: str | None, *, factory: bool = False, cwd: Path | None = None) -> Served:
    """The ASGI application that `spec` names, of whatever framework, as ``load_app`` finds an app.

    A function is taken for an application if it can be called with scope, receive and send.
    """
    location = locate(spec, cwd or Path.cwd())
    found, name = _found(location, Starlette, factory=factory)
    directory = location.directory
    if not factory and _is_asgi(found):
        return Served(found, name, directory, is_factory=False)
    if not factory and _takes(found, 2) and not _takes(found, 0):
        raise AppNotFound(
            f"{name} takes two arguments, as a WSGI application does; this server runs ASGI ones.\n"
            "  instead:  from a2wsgi import WSGIMiddleware; app = WSGIMiddleware(wsgi_app)"
        )
    app = _made(_checked_factory(found, name), name)
    if not _is_asgi(app):
        raise AppNotFound(f"{name}() returns {_kind(app)}, which is no ASGI application.")
    return Served(app, name, directory, is_factory=True)


def show_errors(served: Served) -> None:
    """Has the application show its errors to clients, if it is one that can."""
    if isinstance(served.app, Starlette):
        served.app.debug = True


def written(error: TriviumError) -> str:
    """An error as the command shows it; with the traceback of the app's own code."""
    message = f"Error: {error}"
    if isinstance(error, AppFailed) and error.__cause__ is not None:
        return f"{_own_traceback(error.__cause__)}\n{message}"
    return message


def _own_traceback(error: BaseException) -> str:
    """The traceback of the app's code, from its first line on: how it was reached is known."""
    told = traceback.TracebackException.from_exception(error)
    own = [
        frame
        for frame in told.stack
        if not frame.filename.startswith("<frozen importlib")
        and "importlib" not in Path(frame.filename).parts
        and Path(frame.filename) != Path(__file__)
    ]
    told.stack = traceback.StackSummary.from_list(own)
    return "".join(told.format()).rstrip()


def _is_asgi(value: Any) -> bool:
    return isinstance(value, Starlette) or (not isinstance(value, type) and _takes(value, 3))


def _takes(value: Any, count: int) -> bool:
    """Whether it can be called with so many arguments."""
    if not callable(value):
        return False
    try:
        inspect.signature(value).bind(*range(count))
    except (TypeError, ValueError):
        return False
    return True


def _found(location: Location, wanted: type[Any], *, factory: bool) -> tuple[Any, str]:
    """What is called the app in the module, and its name as ``module:attribute``."""
    module = _imported(location)
    if location.attribute is None:
        found, name = _searched(module, location, wanted, factory=factory)
    else:
        found, name = _named(module, location.attribute, location), location.attribute
    return found, f"{location.module}:{name}"


def _imported(location: Location) -> ModuleType:
    directory = str(location.directory)
    if directory not in sys.path:
        sys.path.insert(0, directory)
    modules_in_import.append(location.module)
    try:
        return importlib.import_module(location.module)
    except ModuleNotFoundError as error:
        if not f"{location.module}.".startswith(f"{error.name}."):
            raise AppFailed(f"{location.module} cannot be imported: {error}") from error
        raise AppNotFound(
            f"There is no module {location.module!r} (from {location.source}).\n"
            f"  looked in: {directory}, and the rest of sys.path"
        ) from None
    except (Exception, SystemExit) as error:
        raise AppFailed(f"{location.module} cannot be imported: {_said(error)}") from error
    finally:
        modules_in_import.pop()


def _searched(
    module: ModuleType, location: Location, wanted: type[Any], *, factory: bool
) -> tuple[Any, str]:
    """The app in a module that was named without an attribute, and its name there."""
    apps = {name: value for name, value in vars(module).items() if isinstance(value, wanted)}
    if wanted is not App and not apps:
        named = {name: getattr(module, name, None) for name in _PREFERRED}
        apps = {name: value for name, value in named.items() if _is_asgi(value)}
    factories = [name for name in _FACTORIES if callable(getattr(module, name, None))]
    if not factory:
        for name in _PREFERRED:
            if name in apps:
                return apps[name], name
        if len({id(app) for app in apps.values()}) == 1:
            name, app = next(iter(apps.items()))
            return app, name
        if apps:
            raise AppNotFound(
                f"{location.module} has several apps: {', '.join(sorted(apps))}.\n"
                f"  Name one: {location.module}:{min(apps)}"
            )
    if factories:
        return getattr(module, factories[0]), factories[0]
    sought = "" if factory else f"an App named {', '.join(_PREFERRED)} or otherwise, or "
    raise AppNotFound(
        f"There is no app in {location.module} ({_file_of(module)}, from {location.source}).\n"
        f"  looked for: {sought}a function named {', '.join(_FACTORIES)}\n"
        f"{_hint(module)}"
    )


def _hint(module: ModuleType) -> str:
    """What a module that has no app has instead, as far as that tells what went wrong."""
    for name, value in vars(module).items():
        if not name.startswith("_") and (reason := _other_kind(value)):
            return f"  {name} is {reason}"
    return f"  An app elsewhere is named by its place: {module.__name__}:name"


def _named(module: ModuleType, attribute: str, location: Location) -> Any:
    value: Any = module
    for name in attribute.split("."):
        try:
            value = getattr(value, name)
        except AttributeError:
            from difflib import get_close_matches

            names = [n for n in vars(value) if not n.startswith("_")] if value is module else []
            near = get_close_matches(name, names, 3) or [
                n for n in names if isinstance(getattr(module, n), App)
            ]
            raise AppNotFound(
                f"{location.module} ({_file_of(module)}) has no {attribute!r} "
                f"(from {location.source})." + (f"\n  It has: {', '.join(near)}" if near else "")
            ) from None
    return value


def _checked_factory(found: Any, name: str) -> Callable[[], Any]:
    """The function that makes the app; AppNotFound for what is none."""
    if not isinstance(found, App) and (reason := _other_kind(found)):
        raise AppNotFound(f"{name} is {reason}")
    if not callable(found) or isinstance(found, Starlette):
        is_app = isinstance(found, App)
        what = "an app, and not a function that makes one" if is_app else _kind(found)
        hint = "\n  Leave --factory out." if isinstance(found, Starlette) else ""
        raise AppNotFound(f"{name} is {what}.{hint}")
    make: Callable[[], Any] = found
    return make


def _made(make: Callable[[], Any], name: str) -> Any:
    try:
        signature = inspect.signature(make)
    except (TypeError, ValueError):
        signature = inspect.Signature()
    try:
        signature.bind()
    except TypeError as error:
        raise AppNotFound(
            f"{name}{signature} makes no app here: an app factory is called without arguments "
            f"({error})."
        ) from None
    try:
        app = make()
    except (Exception, SystemExit) as error:
        raise AppFailed(f"{name}() cannot make the app: {_said(error)}") from error
    if inspect.iscoroutine(app):
        app.close()
        raise AppNotFound(f"{name} is an async function; an app factory is a plain one.")
    return app


def _other_kind(value: Any) -> str | None:
    """What somebody may well take for an app, and how to come from it to one."""
    bases = [(base.__module__.partition(".")[0], base.__name__) for base in type(value).__mro__]
    if ("fastapi", "FastAPI") in bases:
        return (
            "an app of the fastapi package.\n"
            "  written:  from fastapi import FastAPI\n"
            "  instead:  from trivium.fastapi import FastAPI"
        )
    is_instance = callable(value) and not isinstance(value, type)
    if is_instance and isinstance(getattr(value, "app", None), App):
        return f"{_kind(value)} around the app; name the app inside it."
    return None


def _kind(value: Any) -> str:
    return f"something of type {type(value).__module__}.{type(value).__qualname__}"


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _file_of(module: ModuleType) -> str:
    return module.__file__ or "no file"
