"""The commands around a database's content: `shell`, `dbshell`, `dumpdata` and `loaddata`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from trivium.cli.commands import AppName, IsFactory, errors_told

if TYPE_CHECKING:
    from trivium.db.database import Database

AppOption = Annotated[str | None, typer.Option("--app", metavar="APP", help=AppName)]
DatabaseName = Annotated[
    str | None, typer.Option("--database", metavar="NAME", help="Of several, the one of this name.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]


def shell(
    app: AppOption = None,
    factory: IsFactory = False,
    command: Annotated[
        str | None, typer.Option("--command", "-c", help="Run this and end.")
    ] = None,
) -> None:
    """Open a Python shell with the app and its models, in which `await` works."""
    with errors_told():
        from trivium.cli.databases import NoDatabase, database_of
        from trivium.cli.loading import load_app
        from trivium.cli.shell import run_shell

        loaded = load_app(app, factory=factory)
        database: Database | None
        try:
            database = database_of(loaded, None)
        except NoDatabase:
            database = None
    raise typer.Exit(run_shell(loaded, database, command))


def dbshell(
    app: AppOption = None,
    factory: IsFactory = False,
    database: DatabaseName = None,
) -> None:
    """Open the database's own program: psql, mariadb or sqlite3."""
    import os
    import shutil

    with _database(app, factory, database) as chosen:
        from trivium.db.errors import DbError
        from trivium.db.programs import PACKAGES, client_of

        call = client_of(chosen.url)
        found = shutil.which(call.program)
        if found is None:
            raise DbError(
                f"{call.program} is not installed. Debian has it in {PACKAGES[call.program]}."
            )
    sys.stdout.flush()
    os.execve(found, [call.program, *call.arguments], {**os.environ, **call.environment})


def dumpdata(
    tables: Annotated[
        list[str] | None, typer.Argument(help="Only these tables. Without any: all.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file. Without it: standard output.")
    ] = None,
    app: AppOption = None,
    factory: IsFactory = False,
    database: DatabaseName = None,
    quiet: Quiet = False,
) -> None:
    """Write rows as lines of JSON, what is referred to first."""
    with _database(app, factory, database) as chosen:
        from trivium.db.dumps import dump

        with _written(output) as file, _bar(quiet) as bar:

            def show(table: str, done: int, in_all: int) -> None:
                bar.show(table, done, in_all)

            count = _run(chosen, dump(chosen, file, tables=tables or (), progress=show))
    typer.echo(f"{count} rows", err=True)


def loaddata(
    file: Annotated[
        typer.FileText, typer.Argument(encoding="utf-8", help="A file of dumpdata; - for input.")
    ],
    update: Annotated[
        bool, typer.Option("--update", help="Replace rows that are there already.")
    ] = False,
    app: AppOption = None,
    factory: IsFactory = False,
    database: DatabaseName = None,
    quiet: Quiet = False,
) -> None:
    """Insert rows from lines of JSON: all of them, or none."""
    with _database(app, factory, database) as chosen:
        from trivium.db.dumps import load

        with _bar(quiet) as bar:
            count = _run(
                chosen,
                load(chosen, file, update=update, progress=lambda n: bar.show("rows", n, None)),
            )
    typer.echo(f"{count} rows", err=True)


def add_to(cli: typer.Typer) -> None:
    """Gives the `trivium` command these commands."""
    for command in (shell, dbshell, dumpdata, loaddata):
        cli.command()(command)


@contextmanager
def _database(app: str | None, factory: bool, name: str | None) -> Iterator[Database]:
    """A database of the app. Ends with status 1 and a message on an error."""
    with errors_told():
        from trivium.cli.databases import database_of
        from trivium.cli.loading import load_app

        yield database_of(load_app(app, factory=factory), name)


def _run(database: Database, work: Any) -> Any:
    import asyncio

    async def run() -> Any:
        async with database:
            return await work

    return asyncio.run(run())


@contextmanager
def _written(path: Path | None) -> Iterator[IO[str]]:
    """Standard output, or a file that takes its name only when it is complete."""
    if path is None:
        yield sys.stdout
        return
    unfinished = path.with_name(path.name + ".unfinished")
    try:
        with unfinished.open("w", encoding="utf-8") as file:
            yield file
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


class _Bar:
    """A progress bar a table, on standard error; nothing where that is no terminal."""

    def __init__(self, progress: Any) -> None:
        self._progress = progress
        self._tasks: dict[str, Any] = {}

    def show(self, name: str, done: int, in_all: int | None) -> None:
        if self._progress is None:
            return
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name)
        self._progress.update(self._tasks[name], completed=done, total=in_all)


@contextmanager
def _bar(quiet: bool) -> Iterator[_Bar]:
    from rich.console import Console

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield _Bar(None)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console) as progress:
        yield _Bar(progress)
