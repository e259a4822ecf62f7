"""Starts what serves: this process, or workers that this process watches over."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from typing_extensions import Unpack

from trivium.server import logging as server_logging
from trivium.server.errors import WrongSetting
from trivium.server.facts import facts_of
from trivium.server.loading import Served, load_served, modules_in_import, show_errors
from trivium.server.location import locate
from trivium.server.screen import announce
from trivium.server.serving import Overseer, Server
from trivium.server.settings import ServerOptions, ServerSettings, settings_from
from trivium.server.sockets import bound, check_tls, close_all

__all__ = ["run", "serve"]


def run(
    app: str | Callable[..., Any] | None = None,
    *,
    factory: bool = False,
    **options: Unpack[ServerOptions],
) -> None:
    """Serves an application until the process is told to end.

    app: the application itself, or its name (``"main:app"``), which workers and reload need because
        other processes import it. Without it: the one of the project in the current directory.
    factory: what is given is a function that makes the application.
    options: settings; those that are not given are read from the environment (``TRIVIUM_PORT``) and
        from ``[tool.trivium]`` of ``pyproject.toml``.

    Returns when the server has ended as it was asked to. Raises SystemExit when it could not start,
    and WrongSetting, CannotListen, AppNotFound or AppFailed for what is the caller's to mend.
    """
    if modules_in_import:
        raise WrongSetting(
            f"{modules_in_import[-1]} serves while it is imported by another command.\n"
            "  written:  trivium.run(...)\n"
            '  instead:  if __name__ == "__main__":\n'
            "                trivium.run(...)"
        )
    settings = settings_from(options)
    if status := serve(app, settings, factory=factory, mode="production"):
        raise SystemExit(status)


def serve(
    app: str | Callable[..., Any] | None,
    settings: ServerSettings,
    *,
    factory: bool,
    mode: str,
    debug: bool = False,
    may_become: bool = False,
) -> int:
    """``run`` with settings that have been read; returns the status to end the process with.

    mode: what is said to be started. debug: errors are shown to clients.
    may_become: this process does nothing else, so it may be replaced by one that weighs less.
    """
    check_tls(settings)
    if settings.http2:
        from trivium.server.http2 import require_http2

        require_http2()
    several = settings.needs_supervisor or settings.reload
    if several and sys.platform == "win32":
        raise WrongSetting(
            "workers, their replacement and reload need a system with POSIX signals."
        )
    server_logging.configure(
        settings.log_level, settings.log_format, access_log=settings.access_log
    )
    if several:
        if app is not None and not isinstance(app, str):
            raise WrongSetting(
                "Other processes have to import the application, so they need its name.\n"
                "  written:  trivium.run(app, workers=4)\n"
                '  instead:  trivium.run("main:app", workers=4)'
            )
        orders = _orders(app, settings, factory=factory, mode=mode, debug=debug)
        return _watch_over(orders, settings, may_become=may_become)
    served = _served(app, factory=factory)
    if debug:
        show_errors(served)
    listeners = bound(settings)
    try:
        server = Server(settings, served, listeners, _Alone(mode))
        server.run()
    finally:
        close_all(listeners, settings)
    return server.status


def _served(app: str | Callable[..., Any] | None, *, factory: bool) -> Served:
    if app is None or isinstance(app, str):
        return load_served(app, factory=factory)
    name = getattr(app, "__qualname__", type(app).__qualname__)
    return Served(app() if factory else app, name, Path.cwd(), is_factory=factory)


class _Alone(Overseer):
    """For a process that nobody watches over: it shows the screen itself."""

    def __init__(self, mode: str) -> None:
        self._mode = mode

    def ready(self, server: Server) -> None:
        announce(facts_of(server, self._mode), server.settings.jsonable())

    def leave(self, server: Server) -> None:
        close_all(server.listeners, server.settings)


def _orders(
    app: str | None, settings: ServerSettings, *, factory: bool, mode: str, debug: bool
) -> dict[str, Any]:
    """What a worker has to know."""
    location = locate(app, Path.cwd())  # a mistake is told before there are any processes
    return {
        "app": app,
        "factory": factory,
        "settings": settings.jsonable(),
        "path": sys.path,
        "directory": str(location.directory),
        "mode": mode,
        "debug": debug,
    }


def _watch_over(orders: Mapping[str, Any], settings: ServerSettings, *, may_become: bool) -> int:
    listeners = bound(settings)
    try:
        if settings.reload:
            from trivium.server.reloading import Reloader

            return Reloader(dict(orders), listeners, settings).run()
        from trivium.server.supervisor import Supervisor, replace_this_process

        if may_become:
            replace_this_process(dict(orders), listeners)
        return Supervisor(
            dict(orders),
            listeners,
            workers=settings.workers,
            patience=settings.shutdown_delay + settings.graceful_timeout,
            announce=lambda facts: announce(facts, orders["settings"]),
        ).run()
    finally:
        close_all(listeners, settings)
