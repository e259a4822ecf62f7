"""Telling an option that was given from one that was left alone.

Options of an application, its routers and its routes are merged: what was given nearest to the
route wins. A default that could also be given on purpose (a response class, ``True``) is wrapped
by ``Default``, so that the merge can see that nobody chose it.
"""

from typing import Any, TypeVar, cast

__all__ = ["UNSET", "Default", "DefaultPlaceholder", "DefaultType", "value_or_default"]

DefaultType = TypeVar("DefaultType")


class DefaultPlaceholder:
    """A default that nobody chose; as true as the value it holds."""

    __hash__ = None  # type: ignore[assignment]  # equal by a value that need not be hashable

    def __init__(self, value: Any) -> None:
        self.value = value

    def __bool__(self) -> bool:
        return bool(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DefaultPlaceholder) and other.value == self.value

    def __repr__(self) -> str:
        return f"Default({self.value!r})"


def Default(value: DefaultType) -> DefaultType:
    """Marks ``value`` as a default. The type checker sees the value, the merge the placeholder."""
    return cast(DefaultType, DefaultPlaceholder(value))


UNSET: Any = DefaultPlaceholder(None)
"""Stands for "not given" where ``None`` can be given."""


def value_or_default(
    first: DefaultPlaceholder | DefaultType, *others: DefaultPlaceholder | DefaultType
) -> DefaultPlaceholder | DefaultType:
    """The first of the options, nearest first, that was given; ``first`` if none was.

    The result is still a ``DefaultPlaceholder`` in the second case, for a merge further out.
    """
    for option in (first, *others):
        if not isinstance(option, DefaultPlaceholder):
            return option
    return first
