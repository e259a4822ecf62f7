"""Annotations with some of their parts replaced: ``list[A] | None`` becomes ``list[B] | None``."""

import collections.abc
from collections.abc import Callable
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from typing_inspection.typing_objects import is_typealiastype

from trivium.binding.annotations import is_union

__all__ = ["rewritten"]

Change = Callable[[Any], Any]


def rewritten(annotation: Any, change: Change) -> Any:
    """The annotation with ``change`` asked for each part, the whole first.

    Where ``change`` gives another part back, that one is taken as it is; where it gives back the
    same, its own parts are asked for. An annotation in which nothing changes is returned itself.
    """
    return _rewritten(annotation, change, ())


def _rewritten(annotation: Any, change: Change, aliases: tuple[Any, ...]) -> Any:
    changed = change(annotation)
    if changed is not annotation:
        return changed
    if is_typealiastype(annotation):
        if any(annotation is alias for alias in aliases):
            # an alias may hold itself
            return annotation
        value = annotation.__value__
        changed = _rewritten(value, change, (*aliases, annotation))
        return annotation if changed is value else changed
    origin, parts = get_origin(annotation), get_args(annotation)
    if not parts or origin is Literal or origin is collections.abc.Callable:
        return annotation
    if origin is Annotated:
        inner, *metadata = parts
        changed = _rewritten(inner, change, aliases)
        return annotation if changed is inner else Annotated[(changed, *metadata)]
    rewritten_parts = tuple(_rewritten(part, change, aliases) for part in parts)
    if all(new is old for new, old in zip(rewritten_parts, parts, strict=True)):
        return annotation
    if is_union(annotation):
        return Union[rewritten_parts]  # noqa: UP007  # made from a tuple
    if hasattr(annotation, "copy_with"):
        # typing's spelling keeps its own origin: typing.Sequence, not collections.abc's
        return annotation.copy_with(rewritten_parts)
    generic: Any = origin
    return generic[rewritten_parts]
