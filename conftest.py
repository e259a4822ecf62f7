"""Runs every example of the README and the documentation; `make docs` collects them."""

from __future__ import annotations

from pathlib import Path

from tests.docs.pages import pages

pytest_collect_file = pages(
    "README.md", "docs/*.md", "docs/**/*.md", root=Path(__file__).parent
).pytest()
