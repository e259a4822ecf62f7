"""Rows as lines of JSON, out of a database and into one.

    values.py    what a value looks like in JSON, and what it is again
    writing.py   ``dump``: table by table, what is referred to first
    reading.py   ``load``: everything, or nothing

A line is ``{"table": "flights", "row": {"id": 1, ...}}``. Neither direction holds more than a batch
of rows in memory.
"""

from trivium.db.dumps.reading import load
from trivium.db.dumps.writing import dump

__all__ = ["dump", "load"]
