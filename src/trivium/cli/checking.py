"""The command that looks for what may be wrong with an app."""

from dataclasses import asdict
from typing import Annotated

import typer

from trivium.cli.commands import AppName, AsJson, IsFactory, console, errors_told, write_json

__all__ = ["add_to", "check"]


def check(
    app: Annotated[str | None, typer.Argument(metavar="[APP]", help=AppName)] = None,
    factory: IsFactory = False,
    deploy: Annotated[
        bool, typer.Option("--deploy", help="Also what matters where strangers are served.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Look for what may be wrong with an app. The status is 1 if there are errors."""
    with errors_told():
        from trivium.cli.check_view import view
        from trivium.cli.loading import load_app

        found = load_app(app, factory=factory).checks(deploy=deploy)
    if as_json:
        write_json([asdict(each) for each in found])
    else:
        console().print(view(found))
    raise typer.Exit(any(each.level == "error" for each in found))


def add_to(cli: typer.Typer) -> None:
    """Gives the program this command."""
    cli.command()(check)
