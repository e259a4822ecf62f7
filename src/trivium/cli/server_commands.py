"""The commands that serve an app, as typer knows them: ``run`` and ``dev``."""

from typing import Annotated, Any

import typer

from trivium.cli import serving
from trivium.cli.arguments import Line
from trivium.cli.commands import AppName, IsFactory
from trivium.cli.server_options import with_settings

__all__ = ["add_to", "dev", "run"]


@with_settings(without=serving.NOT_OF_RUN)
def run(
    app: Annotated[str | None, typer.Argument(metavar="[APP]", help=AppName)] = None,
    factory: IsFactory = False,
    reload: Annotated[bool, typer.Option("--reload", hidden=True)] = False,
    **given: Any,
) -> None:
    """Serve an app, for production.

    Every option is a setting that may also stand in the environment or under [tool.trivium] in
    pyproject.toml; the option comes first, then the environment.
    """
    if reload:
        raise typer.BadParameter(
            "it is `trivium dev` that starts an app anew at each change", param_hint="--reload"
        )
    raise typer.Exit(serving.run(Line(app, factory, given)))


@with_settings()
def dev(
    app: Annotated[str | None, typer.Argument(metavar="[APP]", help=AppName)] = None,
    factory: IsFactory = False,
    **given: Any,
) -> None:
    """Serve an app while it is written: start it anew at each change, show its errors.

    The port stays open over restarts and mistakes: a request waits for the mended app.
    """
    raise typer.Exit(serving.dev(Line(app, factory, given)))


def add_to(cli: typer.Typer) -> None:
    """Gives the program these commands."""
    cli.command()(run)
    cli.command()(dev)
