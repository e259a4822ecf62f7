"""The `trivium` command.

    trivium routes [APP]                        every route of the app, with its handler
    trivium explain METHOD PATH [--app APP]     what a request does there, step by step

`main` is the console script. What a command needs is imported when it runs.
"""

__all__ = ["main"]


def main() -> None:
    """Run the command with the arguments of the process. Ends the process."""
    from trivium.cli.commands import cli

    cli(prog_name="trivium")
