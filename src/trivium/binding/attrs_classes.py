"""attrs classes as records: Pydantic validates what their ``__init__`` takes, and then they do.

Imported where an attrs class is declared, for it imports attrs.

An attribute with a converter takes what the converter takes; without an annotation that says what,
it takes anything. What a validator or converter refuses is an error of that attribute.
"""

from collections.abc import Callable
from traceback import walk_tb
from typing import Any, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

import attrs
from pydantic import ValidatorFunctionWrapHandler
from pydantic_core import PydanticUndefined

from trivium.binding.callables import signature_of
from trivium.binding.records import Member, Record, refusal
from trivium.binding.rewriting import rewritten

__all__ = ["AttrsRecord"]


# Part of what is read here is missing from the type information of attrs.
_Attribute: TypeAlias = Any
_Factory: Any = attrs.Factory


class AttrsRecord(Record):
    """An attrs class, or one with its type parameters filled in."""

    forbids_extra = False
    is_array = False
    tag_key = None

    def __init__(self, annotation: Any) -> None:
        self.cls = get_origin(annotation) or annotation
        self._attributes: tuple[_Attribute, ...] = attrs.fields(self.cls)
        self._names = [attribute.name for attribute in self._attributes]
        hints = get_type_hints(self.cls, include_extras=True)
        parameters = getattr(self.cls, "__parameters__", ())
        filled: dict[Any, Any] = dict(zip(parameters, get_args(annotation), strict=False))

        def fill(part: Any) -> Any:
            return filled.get(part, part) if isinstance(part, TypeVar) else part

        self.members = tuple(
            _member(attribute, rewritten(hints.get(attribute.name, attribute.type), fill))
            for attribute in self._attributes
        )

    def build(self, values: dict[str, Any]) -> Any:
        arguments: dict[str, Any] = {
            attribute.alias: values[attribute.name]
            for attribute in self._attributes
            if attribute.name in values
        }
        try:
            return self.cls(**arguments)
        except (TypeError, ValueError) as error:
            # attrs raises TypeError where a value is of the wrong type
            alias = self._refused_by(error, arguments)
            if alias is None:
                raise refusal(self.cls, error, (), arguments) from error
            raise refusal(self.cls, error, (alias,), arguments.get(alias)) from error

    def take(self, value: Any, build: ValidatorFunctionWrapHandler) -> Any:
        return build(value)

    def values_of(self, instance: Any) -> dict[str, Any]:
        return {name: getattr(instance, name) for name in self._names}

    def _refused_by(self, error: Exception, arguments: dict[str, Any]) -> str | None:
        """The attribute whose validator or converter raised; None for another part of the class."""
        # a validator is called with the attribute, so it is in the frame of one
        for frame, _ in walk_tb(error.__traceback__):
            for held in frame.f_locals.values():
                for attribute in self._attributes:
                    if held is attribute:
                        return str(attribute.alias)
        for attribute in self._attributes:
            if attribute.converter is not None and attribute.alias in arguments:
                try:
                    _call_of(attribute.converter)(arguments[attribute.alias])
                except type(error):
                    return str(attribute.alias)
        return None


def _member(attribute: _Attribute, annotation: Any) -> Member:
    default = attribute.default
    is_shown = default is not attrs.NOTHING and not isinstance(default, _Factory)
    gives = Any if annotation is None else annotation
    return Member(
        attribute.name,
        attribute.alias,
        gives if attribute.converter is None else _taken_by(_call_of(attribute.converter)),
        gives,
        is_required=default is attrs.NOTHING,
        default=default if is_shown else PydanticUndefined,
        is_accepted=attribute.init,
    )


def _call_of(converter: Any) -> Callable[..., Any]:
    """The function in a converter, which may be a function itself or an ``attrs.Converter``."""
    call: Callable[..., Any] = getattr(converter, "converter", converter)
    return call


def _taken_by(call: Callable[..., Any]) -> Any:
    """The type of what a converter takes, as far as its signature tells."""
    try:
        parameters = list(signature_of(call).parameters.values())
    except (TypeError, ValueError):
        return Any
    if not parameters or parameters[0].annotation is parameters[0].empty:
        return Any
    return parameters[0].annotation
