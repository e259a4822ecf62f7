"""What the runner of the documentation's examples promises, and what the pages owe their reader."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import commands, matches

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("one\ntwo\n", "one  \ntwo\n", True),
        ("one\n...\nthree\n", "one\ntwo\n2.5\nthree\n", True),
        ("one\n...\n", "one\ntwo\n", True),
        ("one\n", "one\ntwo\n", False),
        ("one\ntwo\n", "one\n", False),
        ("one\n...\nthree\n", "one\ntwo\n", False),
    ],
)
def test_what_a_command_prints_is_compared_line_by_line(
    shown: str, printed: str, same: bool
) -> None:
    assert matches(shown, printed) is same


def test_each_command_of_a_block_has_the_output_that_follows_it() -> None:
    assert list(commands("$ one --flag\nfirst\n\nsecond\n$ two\n")) == [
        ("one --flag", "first\n\nsecond\n"),
        ("two", ""),
    ]


def prose_of(page: Path) -> str:
    return FENCED.sub("", page.read_text(encoding="utf-8"))


def anchors_of(page: Path) -> set[str]:
    """The names under which a page's headings can be linked to, made as the usual sites do."""
    headings = HEADING.findall(prose_of(page))
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    dead = []
    for link in LINK.findall(prose_of(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            dead.append(link)

    assert dead == []


def test_the_table_of_contents_leads_to_every_page() -> None:
    contents = DOCS / "index.md"

    linked = {
        (DOCS / link.partition("#")[0]).resolve() for link in LINK.findall(prose_of(contents))
    }

    assert {page for page in DOCS.rglob("*.md") if page != contents} <= linked
