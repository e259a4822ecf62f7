"""How a declaration stands in the source, for the errors that quote it.

Everything here is best effort and answers None where there is no source: a class whose constructor
is generated, a function that was made by ``exec``, a frozen program.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from trivium.binding.callables import unwrapped

__all__ = ["Written", "parameter_as_written", "return_as_written"]

_Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Written:
    """A parameter in the source: its name with its annotation, and its default."""

    annotated: str
    default: str | None

    def __str__(self) -> str:
        return self.annotated + ("" if self.default is None else f" = {self.default}")


def parameter_as_written(call: Callable[..., Any], name: str) -> Written | None:
    """A parameter of a callable, on one line."""
    source, function = _parsed(call)
    if function is None:
        return None
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults: dict[str, ast.expr | None] = {argument.arg: None for argument in positional}
    with_default = positional[len(positional) - len(arguments.defaults) :]
    for argument, default in zip(with_default, arguments.defaults, strict=True):
        defaults[argument.arg] = default
    for argument, keyword_default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        defaults[argument.arg] = keyword_default
    for argument in (*positional, *arguments.kwonlyargs):
        if argument.arg == name:
            value = defaults[name]
            return Written(
                _segment(source, argument), None if value is None else _segment(source, value)
            )
    return None


def return_as_written(call: Callable[..., Any]) -> str | None:
    """The return annotation of a callable, with its arrow."""
    source, function = _parsed(call)
    if function is None or function.returns is None:
        return None
    return f"-> {_segment(source, function.returns)}"


def _parsed(call: Callable[..., Any]) -> tuple[str, _Function | None]:
    target: Any = unwrapped(call)
    if inspect.isclass(target):
        target = target.__init__
    elif not (inspect.isfunction(target) or inspect.ismethod(target)):
        target = getattr(type(target), "__call__", None)  # noqa: B004  # the method is inspected
    try:
        source = textwrap.dedent(inspect.getsource(target))
        statement = ast.parse(source).body[0]
    except (OSError, TypeError, SyntaxError, IndexError):
        return "", None
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        return source, statement
    return "", None


def _segment(source: str, node: ast.AST) -> str:
    return " ".join((ast.get_source_segment(source, node) or "").split())
