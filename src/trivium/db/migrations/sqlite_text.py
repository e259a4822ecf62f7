"""What SQLite keeps of a table only in the text of CREATE TABLE."""

from __future__ import annotations

import re
from collections.abc import Iterator

_TOKEN = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | `[^`]*` | \[[^\]]*\] | --[^\n]* | /\*.*?\*/
    | \w+ | \s+ | .""",
    re.VERBOSE | re.DOTALL,
)


def collations(create_table: str) -> dict[str, str]:
    """The collating sequence of each column that names one."""
    found = {}
    for definition in _definitions(create_table):
        words = [word.upper() for word in definition]
        if "COLLATE" in words[1:-1]:
            found[_unquoted(definition[0])] = _unquoted(definition[words.index("COLLATE") + 1])
    return found


def _definitions(create_table: str) -> Iterator[list[str]]:
    """The words of each column or constraint, without what stands in parentheses."""
    depth = 0
    words: list[str] = []
    for token in _TOKEN.findall(create_table):
        if token.isspace() or token.startswith(("--", "/*")):
            continue
        if token == "(":
            depth += 1
        elif token == ")":
            depth -= 1
            if depth == 0:
                break
        elif token == "," and depth == 1:
            yield words
            words = []
        elif depth == 1:
            words.append(token)
    if words:
        yield words


def _unquoted(name: str) -> str:
    if name[:1] in ('"', "`", "'"):
        return name[1:-1].replace(name[0] * 2, name[0])
    return name[1:-1] if name.startswith("[") else name
