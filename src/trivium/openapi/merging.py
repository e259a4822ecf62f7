"""Merging JSON-like values."""

from collections.abc import Mapping
from typing import Any

__all__ = ["merged"]


def merged(base: Mapping[Any, Any], extra: Mapping[Any, Any]) -> dict[Any, Any]:
    """``base`` with ``extra`` laid over it: objects merge, arrays are joined, the rest is replaced.

    Neither argument changes; the result shares what it did not have to merge.
    """
    result = dict(base)
    for key, value in extra.items():
        present = result.get(key)
        if isinstance(present, dict) and isinstance(value, dict):
            result[key] = merged(present, value)
        elif isinstance(present, list) and isinstance(value, list):
            result[key] = present + value
        else:
            result[key] = value
    return result
