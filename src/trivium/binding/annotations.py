"""What kind of value an annotation describes.

The kind decides where a parameter without an explicit place is read from: a scalar is a query
parameter, an upload is a file, everything else is the body.
"""

import sys
import types
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import is_dataclass
from functools import lru_cache, wraps
from typing import Annotated, Any, TypeGuard, TypeVar, Union, get_args, get_origin

import pydantic
from starlette.datastructures import UploadFile as StarletteUploadFile

__all__ = [
    "SEQUENCE_CONSTRUCTORS",
    "SEQUENCE_TYPES",
    "adapted",
    "is_attrs_class",
    "is_bytes",
    "is_bytes_sequence",
    "is_scalar",
    "is_scalar_sequence",
    "is_sequence",
    "is_struct",
    "is_subclass",
    "is_union",
    "is_upload",
    "is_upload_sequence",
    "model_of",
    "remembered",
    "sequence_constructor",
]

T = TypeVar("T")

SEQUENCE_CONSTRUCTORS: dict[Any, Callable[[Any], Any]] = {
    Sequence: list,
    list: list,
    tuple: tuple,
    set: set,
    frozenset: frozenset,
    deque: deque,
}
"""What a sequence annotation is built from; the abstract ``Sequence`` becomes a list."""

SEQUENCE_TYPES: tuple[type[Any], ...] = tuple(SEQUENCE_CONSTRUCTORS)


def is_subclass(annotation: Any, of: type[T] | tuple[type[T], ...]) -> TypeGuard[type[T]]:
    """``issubclass`` that answers False for what is not a class, generic aliases included."""
    try:
        return isinstance(annotation, type) and issubclass(annotation, of)
    except TypeError:
        # list[int] is an instance of type and yet no class that issubclass takes
        return False


def is_struct(annotation: Any) -> bool:
    """Whether the annotation is a Struct of msgspec's, which is recognised without importing it."""
    return isinstance(annotation, type) and hasattr(annotation, "__struct_fields__")


def is_attrs_class(annotation: Any) -> bool:
    """Whether the annotation is a class made by attrs, which is recognised without importing it."""
    return isinstance(annotation, type) and hasattr(annotation, "__attrs_attrs__")


def adapted(annotation: Any) -> Any:
    """The annotation with stand-ins for the Structs and attrs classes in it, which Pydantic does
    not know; see ``foreign.py``."""
    if "msgspec" in sys.modules or "attr" in sys.modules:
        from trivium.binding import foreign

        return foreign.adapted(annotation)
    # nobody can have made such a class
    return annotation


def is_union(annotation: Any) -> bool:
    """Whether the annotation is ``A | B``, in either spelling."""
    origin = get_origin(annotation)
    return origin is Union or origin is types.UnionType


def remembered(classify: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Classifies an annotation once; programs use the same few again and again."""
    cached = lru_cache(maxsize=1024)(classify)

    @wraps(classify)
    def look_up(annotation: Any) -> bool:
        try:
            return cached(annotation)
        except TypeError:
            # metadata in Annotated need not be hashable
            return classify(annotation)

    return look_up


@remembered
def is_scalar(annotation: Any) -> bool:
    """Whether one string can hold the value. The ``...`` of ``tuple[int, ...]`` counts as one."""
    return annotation is Ellipsis or not _is_complex(annotation)


@remembered
def is_sequence(annotation: Any) -> bool:
    """Whether the annotation, or a member of its union, is a sequence other than str and bytes."""
    if get_origin(annotation) is Annotated:
        return is_sequence(get_args(annotation)[0])
    if is_union(annotation):
        return any(is_sequence(member) for member in get_args(annotation))
    return _is_sequence_class(annotation) or _is_sequence_class(get_origin(annotation))


def is_scalar_sequence(annotation: Any) -> bool:
    """Whether repeated strings can hold the value: a sequence whose members are scalars."""
    if get_origin(annotation) is Annotated:
        return is_scalar_sequence(get_args(annotation)[0])
    if is_union(annotation):
        members = get_args(annotation)
        sequences = [is_scalar_sequence(member) for member in members]
        rest = [m for m, seq in zip(members, sequences, strict=True) if not seq]
        return any(sequences) and all(is_scalar(member) for member in rest)
    return is_sequence(annotation) and all(is_scalar(member) for member in get_args(annotation))


def is_bytes(annotation: Any) -> bool:
    """Whether the annotation is ``bytes``, alone or as a member of a union."""
    return _is_or_has(annotation, bytes)


@remembered
def is_upload(annotation: Any) -> bool:
    """Whether the annotation is ``UploadFile``, alone or as a member of a union."""
    return _is_or_has(annotation, StarletteUploadFile)


def is_bytes_sequence(annotation: Any) -> bool:
    """Whether the annotation is a sequence of bytes, alone or as a member of a union."""
    return _is_sequence_of(annotation, is_bytes)


@remembered
def is_upload_sequence(annotation: Any) -> bool:
    """Whether the annotation is a sequence of uploads, alone or as a member of a union."""
    return _is_sequence_of(annotation, is_upload)


def model_of(annotation: Any) -> "type[pydantic.BaseModel] | None":
    """The Pydantic model that the annotation is, or is an optional of; None for anything else."""
    if is_union(annotation):
        members = [member for member in get_args(annotation) if member is not type(None)]
        if len(members) != 1 or len(get_args(annotation)) != 2:
            return None
        annotation = members[0]
    return annotation if is_subclass(annotation, pydantic.BaseModel) else None


def sequence_constructor(annotation: Any) -> Callable[[Any], Any]:
    """What builds the sequence that the annotation asks for, from an iterable."""
    if is_union(annotation):
        members = [m for m in get_args(annotation) if is_sequence(m)]
        annotation = members[0] if members else list
    return SEQUENCE_CONSTRUCTORS.get(get_origin(annotation) or annotation, list)


def _is_or_has(annotation: Any, wanted: type[Any]) -> bool:
    if is_subclass(annotation, wanted):
        return True
    return is_union(annotation) and any(is_subclass(m, wanted) for m in get_args(annotation))


def _is_sequence_of(annotation: Any, is_wanted: Callable[[Any], bool]) -> bool:
    if is_union(annotation):
        return any(_is_sequence_of(member, is_wanted) for member in get_args(annotation))
    return is_sequence(annotation) and all(is_wanted(member) for member in get_args(annotation))


def _is_sequence_class(annotation: Any) -> bool:
    return is_subclass(annotation, SEQUENCE_TYPES) and not is_subclass(annotation, (str, bytes))


def _is_complex(annotation: Any) -> bool:
    origin = get_origin(annotation)
    if is_union(annotation):
        return any(_is_complex(member) for member in get_args(annotation))
    if origin is Annotated:
        return _is_complex(get_args(annotation)[0])
    return (
        _is_complex_class(annotation)
        or _is_complex_class(origin)
        or hasattr(origin, "__pydantic_core_schema__")
        or hasattr(origin, "__get_pydantic_core_schema__")
    )


def _is_complex_class(annotation: Any) -> bool:
    return (
        is_subclass(annotation, (pydantic.BaseModel, Mapping, StarletteUploadFile))
        or _is_sequence_class(annotation)
        or is_dataclass(annotation)
        or is_struct(annotation)
        or is_attrs_class(annotation)
    )
