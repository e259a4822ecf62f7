"""The command: load the data set once, then serve it.

python -m examples.flights [--port 8001] [--help]
"""

import socket
import sys

from pydantic import ValidationError
from pydantic_settings import CliApp
from rich.console import Console
from rich.panel import Panel
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from .accounts import DEMO_ACCOUNTS
from .app import create_app
from .dataset import DatasetMissing
from .loading import NotADatabase, ensure_loaded
from .serving import PortUnavailable, Server, open_port
from .settings import Settings

FAILED = 1
MISUSED = 2
INTERRUPTED = 130  # what a shell expects of a program that Ctrl-C has stopped


def main() -> int:
    """Run the command; returns its exit status."""
    console = Console(highlight=False)
    try:
        settings = CliApp.run(Settings)
    except ValidationError as error:
        for problem in error.errors():
            setting = "_".join(map(str, problem["loc"]))
            console.print(f"[red]The setting {setting} cannot be used:[/] {problem['msg']}")
        return MISUSED
    try:
        # The port comes first: nobody wants to wait for the data and then hear that it is in use.
        with open_port(settings.host, settings.port) as listener:
            load(settings, console)
            port: int = listener.getsockname()[1]
            server = Server(create_app(settings), lambda: welcome(settings, port, console))
            return serve(server, listener, console)
    except PortUnavailable as error:
        console.print(f"[red]{error}[/]")
        console.print(
            "Choose another: [bold]FLIGHTS_PORT=8001[/] in front, or [bold]--port 8001[/]."
        )
    except (DatasetMissing, NotADatabase) as error:
        console.print(f"[red]{error}[/]")
    except KeyboardInterrupt:
        console.print(
            "Stopped while loading. Nothing half-done is left: run it again to load anew."
        )
        return INTERRUPTED
    return FAILED


def load(settings: Settings, console: Console) -> None:
    """Load the data set, with a progress bar, unless it is there."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        tasks: dict[str, TaskID] = {}

        def show(label: str, done: int, whole: int) -> None:
            if label not in tasks:
                tasks[label] = progress.add_task(label)
            progress.update(tasks[label], completed=done, total=whole)

        if ensure_loaded(settings.database, until=settings.until, on_progress=show):
            console.print(
                f"Loaded into [bold]{settings.database}[/]; the next start takes no time."
            )


def welcome(settings: Settings, port: int, console: Console) -> None:
    """Say where everything is."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"http://{host}:{port}"
    password = settings.password.get_secret_value()
    facts = Table.grid(padding=(0, 3))
    facts.add_column(style="dim")
    facts.add_column()
    facts.add_row("Departures", f"[bold cyan]{address}/[/]")
    facts.add_row("API docs", f"[bold cyan]{address}/docs[/]")
    for account in DEMO_ACCOUNTS:
        may = "may plan flights" if account["scopes"] else "may only look"
        facts.add_row(
            "Login", f"[bold]{account['username']}[/] / [bold]{password}[/]  [dim]{may}[/]"
        )
    facts.add_row("Data", str(settings.database))
    console.print()
    console.print(
        Panel(
            facts,
            title="[bold]Flights[/], served by Trivium",
            subtitle="Ctrl-C stops it",
            border_style="yellow",
            padding=(1, 3),
            expand=False,
        )
    )


def serve(server: Server, listener: socket.socket, console: Console) -> int:
    """Serve until Ctrl-C; returns the exit status."""
    server.run(sockets=[listener])
    if not server.started:
        return FAILED
    console.print("Stopped.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
