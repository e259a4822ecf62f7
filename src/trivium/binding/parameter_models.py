"""Pydantic models that stand for several parameters of one place."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import pydantic

from trivium.binding.fields import Field, Undefined, model_fields
from trivium.binding.picking import Errors, extras, picked, validated
from trivium.exchange import Exchange

__all__ = ["model_reader"]

Reader: TypeAlias = Callable[[Exchange, dict[str, Any]], Errors | None]


def model_reader(
    field: Field,
    model: "type[pydantic.BaseModel]",
    place: str,
    source: Callable[[Exchange], Mapping[str, Any]],
) -> Reader:
    """A model whose fields are parameters of one place."""
    name = field.name
    shape = _ModelShape(field, model, place == "header")

    def read(ex: Exchange, arguments: dict[str, Any]) -> Errors | None:
        value, header_names = shape.collect(source(ex))
        result, errors = validated(field, value, (place,))
        if not errors:
            arguments[name] = result
            return None
        if header_names and model.model_config.get("loc_by_alias", True):
            _use_header_names(errors, header_names)
        return errors

    return read


class _ModelShape:
    """How the fields of a parameter model are called in the request."""

    def __init__(self, field: Field, model: "type[pydantic.BaseModel]", in_headers: bool) -> None:
        self.in_headers = in_headers
        convert = getattr(field.field_info, "convert_underscores", True)
        self.fields = [
            (
                item,
                item.names(
                    convert_underscores=in_headers
                    and getattr(item.field_info, "convert_underscores", convert)
                ),
            )
            for item in model_fields(model)
        ]
        self.own_names = {
            key.lower() if in_headers else key for _, names in self.fields for _, key in names
        }
        self.takes_extra = model.model_config.get("extra") in ("allow", "forbid")
        self.is_optional = field.field_info.annotation is not model

    def collect(self, values: Mapping[str, Any]) -> tuple[Any, dict[str, str]]:
        """The model's input, and for each field the header it was looked for under."""
        found: dict[str, Any] = {}
        header_names: dict[str, str] = {}
        known: set[str] = set()
        for item, names in self.fields:
            alias, key = next((pair for pair in names if pair[1] in values), names[0])
            value = picked(item, values, key)
            if value is not Undefined:
                found[alias] = value
            if not self.in_headers:
                known.add(key)
                continue
            known.add(key.lower())
            # the unconverted spelling of a header's name is not an extra header
            known.update(own.lower() for own, header in names if own != header)
            if alias != key:
                header_names[item.name] = key
        found.update(extras(values, known))
        if self.is_optional and not (
            self.own_names.intersection(values) or (self.takes_extra and found)
        ):
            return Undefined, header_names
        return found, header_names


def _use_header_names(errors: Errors, header_names: dict[str, str]) -> None:
    for error in errors:
        loc = error["loc"]
        if len(loc) > 1 and loc[1] in header_names:
            error["loc"] = (loc[0], header_names[loc[1]], *loc[2:])
