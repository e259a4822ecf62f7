"""The commands of the database's schema: `makemigrations`, `migrate` and their like."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from trivium.cli.commands import AppName, AsJson, IsFactory, errors_told

if TYPE_CHECKING:
    from trivium.db.database import Database
    from trivium.db.migrations import Finding, Migrations, Step

T = TypeVar("T")

AppOption = Annotated[str | None, typer.Option("--app", metavar="APP", help=AppName)]
DatabaseName = Annotated[
    str | None, typer.Option("--database", metavar="NAME", help="Of several, the one of this name.")
]
Directory = Annotated[
    Path | None,
    typer.Option(
        "--directory",
        help="Where the files are. Without it: migrations of [tool.trivium] in pyproject.toml, "
        "else migrations/ beside the app.",
    ),
]
Name = Annotated[str | None, typer.Option("--name", "-n", help="What the migration is called.")]


def makemigrations(
    app: AppOption = None,
    factory: IsFactory = False,
    database: DatabaseName = None,
    directory: Directory = None,
    name: Name = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="What may have been renamed was renamed.")
    ] = False,
    no_input: Annotated[
        bool, typer.Option("--no-input", help="Ask nothing: nothing was renamed.")
    ] = False,
    empty: Annotated[bool, typer.Option("--empty", help="An empty one, to fill in.")] = False,
    data: Annotated[
        bool, typer.Option("--data", help="One that changes rows and not the schema.")
    ] = False,
    merge: Annotated[
        bool, typer.Option("--merge", help="One that joins branches, where their order is free.")
    ] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Write nothing; status 1 where there is something to write."),
    ] = False,
) -> None:
    """Write the migration that makes the database as the models are."""
    with project(app, factory, database, directory) as found:
        from trivium.db import migrations as room

        if check:
            changed = run(found.database, room.changes(found))
            for words in changed:
                typer.echo(f"  {words}")
            typer.echo("The models have changed." if changed else "Nothing has changed.")
            raise typer.Exit(1 if changed else 0)
        made: room.Made | None
        if merge:
            made = room.merge(found, name)
        elif empty or data:
            make = room.make_data if data else room.make_empty
            made = make(found, name or _needed("--name"))
        else:
            made = run(
                found.database, room.make(found, name=name, questions=_questions(yes, no_input))
            )
        if made is None:
            typer.echo("Nothing has changed.")
            return
        typer.echo(_shown(made.path))
        for words in made.changes:
            typer.echo(f"  {words}")
        if not made.complete:
            typer.echo(
                "There may be more to change. This database cannot try a renaming out, so:\n"
                "  trivium migrate, and trivium makemigrations again"
            )
        if found.engine.dialect.name == "postgresql":
            _show_findings(run(found.database, room.lint_pending(found)))


def migrate(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="[MIGRATION]",
            help="The name of a migration or its beginning, zero, +1, -2. Without it: the last.",
        ),
    ] = None,
    app: AppOption = None,
    factory: IsFactory = False,
    database: DatabaseName = None,
    directory: Directory = None,
    plan: Annotated[bool, typer.Option("--plan", help="Only say what would be done.")] = False,
    lint: Annotated[
        bool,
        typer.Option(
            "--lint",
            help="Only say what locks or breaks a running release on PostgreSQL; status 1.",
        ),
    ] = False,
    fake: Annotated[bool, typer.Option("--fake", help="Only note it as done.")] = False,
    schema_only: Annotated[
        bool, typer.Option("--schema-only", help="Leave data migrations for later.")
    ] = False,
    wait: Annotated[
        float, typer.Option("--wait", help="Seconds to wait for another process that migrates.")
    ] = 60.0,
    lock_timeout: Annotated[
        float,
        typer.Option(
            "--lock-timeout",
            help="Seconds to wait for a table's lock (PostgreSQL); 0: for ever.",
        ),
    ] = 10.0,
) -> None:
    """Bring the database to a migration: up to it, or down to it."""
    with project(app, factory, database, directory) as found:
        from trivium.db import migrations as room

        options = room.Options(
            fake=fake, schema_only=schema_only, wait=wait, lock_timeout=lock_timeout
        )
        if lint:
            findings = run(found.database, room.lint_pending(found))
            _show_findings(findings)
            if not findings:
                typer.echo("Nothing to say against what is to be migrated.")
            raise typer.Exit(1 if findings else 0)
        if plan:
            steps = run(found.database, room.plan(found, target, options))
            for step in steps:
                typer.echo(f"{_verb(step, 'would ')} {step.name}  {step.doc}")
        else:
            steps = run(found.database, room.migrate(found, target, options, Teller()))
        if not steps:
            typer.echo("Nothing to migrate.")


def showmigrations(
    app: AppOption = None,
    factory: IsFactory = False,
    database: DatabaseName = None,
    directory: Directory = None,
    as_json: AsJson = False,
) -> None:
    """List the migrations, and which of them the database has gone through."""
    with project(app, factory, database, directory) as found:
        from dataclasses import asdict

        from trivium.db import migrations as room

        listed = run(found.database, room.status(found))
        if as_json:
            typer.echo(json.dumps([asdict(each) for each in listed], indent=2))
            return
        for each in listed:
            mark = "x" if each.applied else "~" if each.done else " "
            told = f"  (data, {each.done} batches done)" if each.done and each.data else ""
            told = told or (f"  (stopped after {each.done} statements)" if each.done else "")
            told = told or ("  (data)" if each.data else "")
            typer.echo(f"[{mark}] {each.name}{told}")
        if not listed:
            typer.echo(f"There are no migrations in {_shown(found.directory)}.")


def sqlmigrate(
    migration: Annotated[str, typer.Argument(help="The name of a migration, or its beginning.")],
    app: AppOption = None,
    factory: IsFactory = False,
    database: DatabaseName = None,
    directory: Directory = None,
    backwards: Annotated[bool, typer.Option("--backwards", help="The way back.")] = False,
) -> None:
    """Show the SQL of a migration."""
    with project(app, factory, database, directory) as found:
        from trivium.db import migrations as room

        typer.echo(room.sql_of(found, migration, backwards=backwards), nl=False)


def squashmigrations(
    last: Annotated[str, typer.Argument(help="The last migration of those to be one.")],
    first: Annotated[
        str | None, typer.Option("--from", help="The first; without it, the very first.")
    ] = None,
    app: AppOption = None,
    factory: IsFactory = False,
    database: DatabaseName = None,
    directory: Directory = None,
) -> None:
    """Write one migration in the place of many; their files are kept in replaced/."""
    with project(app, factory, database, directory) as found:
        from trivium.db import migrations as room

        made = room.squash(found, first, last)
        typer.echo(_shown(made.path))
        for words in made.changes:
            typer.echo(f"  {words}")


def inspectdb(
    tables: Annotated[
        list[str] | None, typer.Argument(help="Only these tables.", show_default=False)
    ] = None,
    url: Annotated[
        str | None, typer.Option("--url", help="The address of a database, without an app.")
    ] = None,
    app: AppOption = None,
    factory: IsFactory = False,
    database: DatabaseName = None,
) -> None:
    """Write models for the tables that a database has."""
    with errors_told():
        from trivium.cli.databases import database_of, refuse_without_sqlalchemy
        from trivium.cli.loading import load_app

        refuse_without_sqlalchemy()
        from trivium.db import Database
        from trivium.db.inspecting import models_of

        if url is not None:
            chosen = Database(url)
        else:
            chosen = database_of(load_app(app, factory=factory), database)
        typer.echo(run(chosen, models_of(chosen, tables or None)), nl=False)


def add_to(cli: typer.Typer) -> None:
    """Gives the `trivium` command these commands."""
    for command in (
        makemigrations,
        migrate,
        showmigrations,
        sqlmigrate,
        squashmigrations,
        inspectdb,
    ):
        cli.command()(command)


# -- What the commands share -----------------------------------------------------------------------


@contextmanager
def project(
    app: str | None, factory: bool, database: str | None, directory: Path | None
) -> Iterator[Migrations]:
    """The migrations of a database of the app. Ends with status 1 and a message on an error."""
    with errors_told():
        from trivium.cli.databases import database_of, migrations_directory
        from trivium.cli.loading import load_app

        loaded = load_app(app, factory=factory)
        chosen = database_of(loaded, database)
        from trivium.db.migrations import Migrations

        place = directory or migrations_directory(app, chosen.name)
        yield Migrations.of(chosen, place)


def run(database: Database, work: Coroutine[Any, Any, T]) -> T:
    """Runs to the end in an event loop of its own, and closes the connections with it."""
    import asyncio

    async def closing() -> T:
        try:
            return await work
        finally:
            await database.close()

    return asyncio.run(closing())


def _needed(option: str) -> str:
    from trivium.cli.databases import UsageMistake

    raise UsageMistake(f"Say what it is called:  {option} fill_in_gates")


def _shown(path: Path) -> str:
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _verb(step: Step, before: str = "") -> str:
    return before + ("apply" if step.forwards else "undo")


def _show_findings(findings: list[Finding]) -> None:
    for each in findings:
        typer.echo(f"\n{each.migration}: {each.operation}  [{each.rule}]")
        typer.echo(f"  {each.reason}")
        typer.echo(f"  Instead: {each.recipe}.")


class Teller:
    """Says on the terminal what happens while a database is migrated."""

    def waiting(self) -> None:
        typer.echo("Waiting for another process that is migrating this database.")

    def began(self, step: Step) -> None:
        typer.echo(f"{_verb(step)} {step.name}", nl=not sys.stdout.isatty() or step.data)

    def batch(self, step: Step, number: int) -> None:
        typer.echo(f"  batch {number}")

    def ended(self, step: Step) -> None:
        if sys.stdout.isatty() and not step.data:
            typer.echo("  done")


def _questions(yes: bool, no_input: bool) -> Any:
    from trivium.db.migrations import AllYes, NobodyAsked

    if yes:
        return AllYes()
    if no_input or not sys.stdin.isatty():
        return NobodyAsked()
    return Asking(typer.confirm, typer.prompt)


class Asking:
    """Asks whoever sits at the terminal."""

    def __init__(self, confirm: Callable[[str], bool], prompt: Callable[[str], str]) -> None:
        self.confirm = confirm
        self.prompt = prompt

    def is_renamed_table(self, old: str, new: str) -> bool:
        return self.confirm(f"Was the table {old} renamed to {new}? If not, it is dropped")

    def is_renamed_column(self, table: str, old: str, new: str) -> bool:
        return self.confirm(f"Was {table}.{old} renamed to {new}? If not, it is dropped")

    def value_for_rows(self, table: str, column: str, kind: str) -> str:
        return self.prompt(
            f"{table}.{column} ({kind}) needs a value in the rows there are. Which, as SQL? "
            f"(such as 0 or 'none')"
        )
