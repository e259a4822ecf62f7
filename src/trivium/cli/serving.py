"""The commands that serve an app: ``run`` and ``dev``."""

from typing import Annotated, Any

import typer

from trivium.cli.commands import AppName, IsFactory, errors_told
from trivium.cli.server_options import spelled, with_settings
from trivium.server.settings import settings_from

__all__ = ["add_to", "dev", "run"]

DEV_DEFAULTS = {
    "reload": True,
    # An event stream that a browser holds open must not hold up the next start.
    "graceful_timeout": 1.0,
}


@with_settings(without=("reload", "reload_dir", "reload_include"))
def run(
    app: Annotated[str | None, typer.Argument(metavar="[APP]", help=AppName)] = None,
    factory: IsFactory = False,
    **given: Any,
) -> None:
    """Serve an app, for production.

    Every option is a setting that may also stand in the environment or under [tool.trivium] in
    pyproject.toml; the option comes first, then the environment.
    """
    with errors_told():
        from trivium.server.run import serve

        settings = settings_from(given, spelled=spelled())
        status = serve(app, settings, factory=factory, mode="production", may_become=True)
    raise typer.Exit(status)


@with_settings()
def dev(
    app: Annotated[str | None, typer.Argument(metavar="[APP]", help=AppName)] = None,
    factory: IsFactory = False,
    **given: Any,
) -> None:
    """Serve an app while it is written: start it anew at each change, show its errors.

    The port stays open over restarts and mistakes: a request waits for the mended app.
    """
    with errors_told():
        from trivium.server.run import serve

        settings = settings_from(given, spelled=spelled(), defaults=DEV_DEFAULTS)
        status = serve(app, settings, factory=factory, mode="development", debug=True)
    raise typer.Exit(status)


def add_to(cli: typer.Typer) -> None:
    """Gives the program these commands."""
    cli.command()(run)
    cli.command()(dev)
