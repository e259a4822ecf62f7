"""What was found to be wrong, for people to read."""

from collections.abc import Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from trivium.checks import Check

__all__ = ["view"]

_STYLES = {"error": "bold red", "warning": "yellow", "info": "cyan"}


def view(found: Sequence[Check]) -> RenderableType:
    """The checks, the gravest first as they come, each with what to do about it."""
    if not found:
        return Text("Nothing was found.")
    shown = Table.grid(padding=(0, 2, 0, 0))
    for each in found:
        text = Text(each.message)
        if each.hint:
            text.append(f"\n{each.hint}", style="dim")
        shown.add_row(Text(each.level, style=_STYLES[each.level]), Text(each.id), text)
    return shown
