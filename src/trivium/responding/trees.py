"""JSON of a whole tree at once: dicts and lists, down to strings and numbers, written by Pydantic.

Pydantic writes several times faster than ``json``, but takes what ``json`` does not and writes
some numbers differently. So the tree is looked through first, a level at a time, with no step of
Python's for a single value.
"""

from collections.abc import Iterable
from itertools import chain
from typing import Any

from pydantic_core import to_json

__all__ = ["written_at_once"]

_STRING = {str}
_LEAVES = frozenset({str, int, bool, float, type(None)})
_CONTAINERS = frozenset({dict, list, tuple})

_DEEPEST = 100
"""Levels; Pydantic stops at 255."""


def written_at_once(value: dict[Any, Any] | list[Any] | tuple[Any, ...]) -> bytes | None:
    """``value`` as compact JSON in UTF-8; ``None`` where that may not be what ``json`` writes."""
    level: list[Any] = [value]
    seen: set[int] = set()
    for _ in range(_DEEPEST):
        kinds = set(map(type, level))
        if float in kinds and not _same_floats(level):
            return None
        kinds -= _LEAVES
        if not kinds:
            return _written(value)
        if not kinds <= _CONTAINERS:
            return None
        inner = [node for node in level if type(node) in _CONTAINERS]
        numbers = set(map(id, inner))
        if not seen.isdisjoint(numbers):
            # as a rule it contains itself
            return None
        seen |= numbers
        if dict not in kinds:
            level = [*chain.from_iterable(inner)]
            continue
        dicts = inner if len(kinds) == 1 else [node for node in inner if type(node) is dict]
        # of equal keys one is enough: what equals a string is written as that string
        keys = set[Any]().union(*dicts)
        if keys and set(map(type, keys)) != _STRING:
            return None
        level = [*chain.from_iterable(map(dict.values, dicts))]
        if len(kinds) > 1:
            level += chain.from_iterable(node for node in inner if type(node) is not dict)
    return None


def _written(value: Any) -> bytes | None:
    try:
        written = to_json(value)
    except ValueError:
        # a lone surrogate
        return None
    # Keys of SQLAlchemy's are left out, and begin so; as a rule there is none.
    return written if written.rfind(b'"_sa') < 0 else None


def _same_floats(level: Iterable[Any]) -> bool:
    """Whether ``json`` and Pydantic write the floats among these alike: without an exponent."""
    sizes = [abs(node) for node in level if type(node) is float]
    # also false for NaN and the infinities, which a sum keeps
    return sum(sizes) < 1e16 and min(filter(None, sizes), default=1.0) >= 1e-4
