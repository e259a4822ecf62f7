"""Runs every Python example of the README and the documentation; `make docs` collects them.

The blocks of a page run in order and share their names, as a reader would type them. A block that
cannot run is preceded by the comment `<!--- skip: next "reason" -->`, and shows up as skipped with
that reason.
"""

from __future__ import annotations

from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), SkipParser()],
    patterns=["README.md", "docs/*.md", "docs/**/*.md"],
).pytest()
