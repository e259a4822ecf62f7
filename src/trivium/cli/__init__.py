"""The `trivium` command.

    trivium run [APP]                           serve the app
    trivium dev [APP]                           serve it while it is written
    trivium check [APP]                         what may be wrong with it
    trivium routes [APP]                        every route of the app, with its handler
    trivium explain METHOD PATH [--app APP]     what a request does there, step by step
    trivium bench [APP]                         its requests under Trivium and under FastAPI
    trivium makemigrations, migrate, ...        the schema of its database
    trivium shell, dbshell, dumpdata, loaddata  what is in it

`main` is the console script. What a command needs is imported when it runs.
"""

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command with the arguments of the process. Ends the process."""
    if sys.argv[1:2] in (["run"], ["dev"]):
        from trivium.cli.serving import served

        status = served(sys.argv[1:])
        if status is not None:
            sys.exit(status)
    from trivium.cli import bench, checking, data, migrations, server_commands
    from trivium.cli.commands import cli

    for each in (server_commands, checking, bench, migrations, data):
        each.add_to(cli)
    cli(prog_name="trivium")
