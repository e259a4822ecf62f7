"""`trivium bench`: an app's own requests under Trivium and under FastAPI."""

import json
from typing import Annotated

import typer

from trivium.cli.commands import AppName, AsJson, IsFactory, console, errors_told


def add_to(cli: typer.Typer) -> None:
    """Adds the command."""
    cli.command()(bench)


def bench(
    app: Annotated[str | None, typer.Argument(metavar="[APP]", help=AppName)] = None,
    against: Annotated[
        str, typer.Option(metavar="ENGINE", help="What to compare with: fastapi.")
    ] = "fastapi",
    request: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TEXT",
            help="'GET /items/7' or 'POST /items {JSON}', instead of the GET operations that the "
            "app's document shows. May be repeated.",
        ),
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option(metavar="TEXT", help="'Name: value', sent with all. May be repeated."),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds in which the two take turns.")] = 3,
    seconds: Annotated[float, typer.Option(min=0.05, help="Seconds of one sample.")] = 1.0,
    connections: Annotated[int, typer.Option(min=1, help="Connections kept open.")] = 64,
    client: Annotated[
        str, typer.Option(help="wrk, builtin, or auto: wrk where it is installed.")
    ] = "auto",
    factory: IsFactory = False,
    as_json: AsJson = False,
) -> None:
    """Compare the app's requests under Trivium with the same under FastAPI.

    The replies are compared first; a request that is answered differently is not measured, and the
    command ends with status 1.
    """
    with errors_told():
        from trivium.cli.benchmark.comparison import Comparison, Plan
        from trivium.cli.benchmark.engines import fastapi, trivium
        from trivium.cli.benchmark.errors import CannotMeasure
        from trivium.cli.benchmark.load import wanted_client
        from trivium.cli.benchmark.program import find
        from trivium.cli.benchmark.requests import chosen
        from trivium.cli.benchmark.table import as_json as figures
        from trivium.cli.benchmark.table import failed, view

        if against != "fastapi":
            raise CannotMeasure(f"--against {against}: there is only fastapi to compare with.")
        plan = Plan(rounds, seconds, connections, wanted_client(client) == "wrk")
        engines = [trivium(), fastapi()]
        program, document = find(app, factory=factory)
        requests, skipped = chosen(document, request or [], header or [])
        run = Comparison(program, engines, requests, plan, say=_say)
        run.check()
        run.measure()
    if as_json:
        typer.echo(json.dumps(figures(run, engines, skipped), indent=2, ensure_ascii=False))
    else:
        console().print(view(run, engines, skipped))
    if failed(run):
        raise typer.Exit(1)


def _say(text: str) -> None:
    """What is being done, on stderr: stdout is the result's."""
    typer.echo(text, err=True)
