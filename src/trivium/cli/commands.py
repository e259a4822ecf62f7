"""The commands. Each imports what it needs when it runs, so that `--help` costs nothing."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trivium.version import VERSION

if TYPE_CHECKING:
    from rich.console import Console

cli = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Serve a Trivium app, and look into it: its routes, and what a request does.",
)

AppName = (
    "module:attribute, a file, or both (src/main.py:app). Without it: entrypoint of [tool.trivium] "
    "or [tool.fastapi] in pyproject.toml, else main.py, app.py, api.py, here or in app/."
)
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON for programs to read.")]
IsFactory = Annotated[
    bool, typer.Option("--factory", help="The name is that of a function that makes the app.")
]


@cli.callback(invoke_without_command=True)
def _options(
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    if version:
        import platform

        typer.echo(f"trivium {VERSION} (Python {platform.python_version()})")
        raise typer.Exit


@cli.command()
def routes(
    app: Annotated[str | None, typer.Argument(metavar="[APP]", help=AppName)] = None,
    factory: IsFactory = False,
    as_json: AsJson = False,
    show_all: Annotated[
        bool, typer.Option("--all", help="Show those of the documentation pages too.")
    ] = False,
) -> None:
    """List every route in the order in which routes are tried, with its handler."""
    with errors_told():
        from trivium.cli.loading import load_app
        from trivium.cli.route_table import rows, table

        listed = rows(load_app(app, factory=factory).routes_flat())
    if as_json:
        write_json([row.as_json() for row in listed])
        return
    shown = listed if show_all else [row for row in listed if not row.builtin]
    screen = console()
    screen.print(table(shown, Path.cwd()))
    if hidden := len(listed) - len(shown):
        screen.print(f"\nand {hidden} of the documentation pages: --all shows them", style="dim")


@cli.command()
def explain(
    method: Annotated[str, typer.Argument(help="GET, POST, ..., or WS for a WebSocket.")],
    path: Annotated[str, typer.Argument(help="A path (/flights/7) or a template (/flights/{id}).")],
    app: Annotated[str | None, typer.Option(metavar="APP", help=AppName)] = None,
    factory: IsFactory = False,
    as_json: AsJson = False,
) -> None:
    """Show what a request runs: the route, its dependencies in order, and its response."""
    with errors_told():
        from trivium.cli.loading import load_app
        from trivium.cli.plan_view import view

        explanation = load_app(app, factory=factory).explain(method, path)
    if as_json:
        write_json(explanation)
    else:
        console().print(view(explanation, Path.cwd()))


@contextmanager
def errors_told() -> Iterator[None]:
    """End with status 1 and a message, where what went wrong is the user's to mend."""
    from trivium.errors import TriviumError

    try:
        yield
    except TriviumError as error:
        from trivium.server.loading import written

        typer.echo(written(error), err=True)
        raise typer.Exit(1) from None


def write_json(data: Any) -> None:
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False))


def console() -> "Console":
    """A console as wide as its lines, where it is no terminal that has a width."""
    from rich.console import Console

    return Console() if sys.stdout.isatty() else Console(width=10_000)
