"""How a callable is to be called: awaited, run in a worker thread, or driven as a generator."""

import functools
import inspect
import sys
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Generator,
    Iterable,
    Iterator,
)
from enum import Enum
from types import FunctionType
from typing import Any, ForwardRef, get_args, get_origin

from pydantic._internal import _typing_extra as _pydantic_typing

__all__ = [
    "CallKind",
    "evaluated",
    "kind_of",
    "name_of",
    "return_annotation",
    "return_annotation_of",
    "signature_of",
    "stream_item_type",
    "unwrapped",
]

if sys.version_info >= (3, 13):
    from inspect import iscoroutinefunction
else:
    # asyncio's version also sees the marker that decorators of older libraries set
    from asyncio import iscoroutinefunction


class CallKind(Enum):
    """The four ways to call."""

    ASYNC = "async"
    SYNC = "sync"
    ASYNC_GENERATOR = "async generator"
    SYNC_GENERATOR = "sync generator"

    @property
    def is_generator(self) -> bool:
        return self is CallKind.ASYNC_GENERATOR or self is CallKind.SYNC_GENERATOR


def kind_of(call: Callable[..., Any]) -> CallKind:
    """How to call ``call``; partials, decorators and instances with ``__call__`` are seen through.

    A class is always SYNC: calling it constructs, whatever its instances can do.
    """
    if type(call) is FunctionType and "__wrapped__" not in call.__dict__:
        return _kind_of_function(call)
    bare = _without_partials(call)
    for candidate in (bare, unwrapped(call)):
        kind = _kind_of_function(candidate)
        if kind is not CallKind.SYNC:
            return kind
    if inspect.isclass(unwrapped(call)):
        return CallKind.SYNC
    for owner in (bare, unwrapped(call)):
        method = getattr(owner, "__call__", None)  # noqa: B004  # the method itself is inspected
        for candidate in (_without_partials(method), unwrapped(method)) if method else ():
            kind = _kind_of_function(candidate)
            if kind is not CallKind.SYNC:
                return kind
    return CallKind.SYNC


def unwrapped(call: Any) -> Any:
    """The function under decorators and partials."""
    return inspect.unwrap(_without_partials(call))


def name_of(call: Any) -> str:
    """The name a callable goes by in messages, routes and plans."""
    name = getattr(call, "__name__", None)
    return name if isinstance(name, str) else type(call).__name__


def signature_of(call: Callable[..., Any]) -> inspect.Signature:
    """The signature with stringified annotations evaluated.

    Names that only a type checker can see are tolerated where nothing needs them: they stay
    forward references.
    """
    if type(call) is FunctionType and not _has_string_annotations(call):
        return inspect.signature(call)
    signature = _evaluated_signature(call)
    namespace = getattr(inspect.unwrap(call), "__globals__", {})
    return inspect.Signature(
        [
            parameter.replace(annotation=evaluated(parameter.annotation, namespace))
            for parameter in signature.parameters.values()
        ],
        return_annotation=evaluated(signature.return_annotation, namespace),
    )


def return_annotation(signature: inspect.Signature) -> Any:
    """What the signature says is returned; None where it says nothing."""
    annotation = signature.return_annotation
    return None if annotation is inspect.Signature.empty else annotation


def return_annotation_of(call: Callable[..., Any]) -> Any:
    """What ``call`` says it returns; None where it says nothing."""
    return return_annotation(signature_of(call))


def stream_item_type(annotation: Any) -> Any | None:
    """The item of ``AsyncIterable[Item]``, ``Iterator[Item]`` and their like; None for others."""
    origin = get_origin(annotation)
    if isinstance(origin, type) and origin in _STREAMS:
        arguments = get_args(annotation)
        return arguments[0] if arguments else Any
    return None


_STREAMS = frozenset({AsyncIterable, AsyncIterator, AsyncGenerator, Iterable, Iterator, Generator})


def _without_partials(call: Any) -> Any:
    while isinstance(call, functools.partial):
        call = call.func
    return call


def _kind_of_function(call: Any) -> CallKind:
    if inspect.isasyncgenfunction(call):
        return CallKind.ASYNC_GENERATOR
    if inspect.isgeneratorfunction(call):
        return CallKind.SYNC_GENERATOR
    if inspect.isroutine(call) and iscoroutinefunction(call):
        return CallKind.ASYNC
    return CallKind.SYNC


def _has_string_annotations(call: FunctionType) -> bool:
    if "__wrapped__" in call.__dict__ or "__signature__" in call.__dict__:
        return True
    return any(isinstance(annotation, str) for annotation in call.__annotations__.values())


def _evaluated_signature(call: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(call, eval_str=True)
    except NameError:
        if sys.version_info >= (3, 14):
            from annotationlib import Format

            return inspect.signature(call, annotation_format=Format.FORWARDREF)
        return inspect.signature(call)


def evaluated(annotation: Any, namespace: dict[str, Any]) -> Any:
    """An annotation that may be a string, evaluated as far as its names are known."""
    if not isinstance(annotation, str):
        return annotation
    evaluated = _pydantic_typing.try_eval_type(ForwardRef(annotation), namespace, namespace)[0]
    return None if evaluated is type(None) else evaluated
