"""The differences that ``docs/compatibility.md`` explains, each with its reason."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

HEADER = ("node id pattern", "reason")


class BadTable(ValueError):
    """A row that cannot be understood; the text quotes it."""


@dataclass(frozen=True)
class Difference:
    """One row. In `pattern` a `*` is any text, and every other character, `[` too, is itself."""

    pattern: str
    reason: str

    def covers(self, node: str) -> bool:
        parts = (re.escape(part) for part in self.pattern.split("*"))
        return re.fullmatch(".*".join(parts), node, re.DOTALL) is not None


def read(page: Path) -> list[Difference]:
    """Returns the rows of the tables headed `node id pattern | reason`; none if there is no page.

    Raises BadTable for a row without a pattern or without a reason.
    """
    if not page.exists():
        return []
    rows: list[Difference] = []
    inside = False
    for line in page.read_text(encoding="utf-8").splitlines():
        cells = split(line)
        if not cells:
            inside = False
        elif tuple(cell.lower() for cell in cells) == HEADER:
            inside = True
        elif inside and not set("".join(cells)) <= set("-: "):
            rows.append(difference(cells, line))
    return rows


def split(line: str) -> list[str]:
    """The cells of a table's line (`\\|` is a bar inside a cell), or nothing for any other line."""
    text = line.strip()
    if not (text.startswith("|") and text.endswith("|") and len(text) > 1):
        return []
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", text[1:-1])]


def difference(cells: Sequence[str], line: str) -> Difference:
    if len(cells) != 2 or not cells[0].strip("`") or not cells[1]:
        raise BadTable(f"A difference needs a node id pattern and a reason: {line}")
    return Difference(pattern=cells[0].strip("`"), reason=cells[1])


def reason_for(node: str, differences: Iterable[Difference]) -> str | None:
    """The reason of the first row that covers this item, or None."""
    return next((each.reason for each in differences if each.covers(node)), None)
