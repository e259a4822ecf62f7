"""What an operation asks of its requests: parameters and proof of identity."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import PydanticUndefined

from trivium.binding.defaults import UNSET
from trivium.binding.dependant import CacheKey, Dependant, parameter_model
from trivium.binding.fields import Field, model_fields
from trivium.binding.params import ParamTypes
from trivium.openapi.schemas import Schemas
from trivium.responding.encoders import jsonable_encoder

__all__ = ["Requirements", "describe_examples"]


# The order in which the documentation lists them.
_PLACES = (ParamTypes.path, ParamTypes.query, ParamTypes.header, ParamTypes.cookie)


@dataclass
class Requirements:
    """The requirements of a handler and of all dependencies under it.

    A dependency that several ask for counts once, as it is called once.
    """

    parameters: dict[ParamTypes, list[Field]] = field(
        default_factory=lambda: {place: [] for place in _PLACES}
    )
    """By place, in the order of declaration; a model of several parameters is still one field."""
    security_schemes: dict[str, Any] = field(default_factory=dict)
    """The Security Scheme Objects, by name."""
    scopes: dict[str, list[str]] = field(default_factory=dict)
    """The OAuth2 scopes that each scheme must grant, by the name of the scheme."""

    @classmethod
    def of(cls, root: Dependant) -> "Requirements":
        """Reads the tree under ``root``."""
        requirements = cls()
        for dependant in _each_once(root):
            requirements._add_parameters(dependant)
            if dependant is not root:
                requirements._add_security(dependant)
        return requirements

    @property
    def can_fail(self) -> bool:
        """Whether a request can be refused for its parameters, hidden ones included."""
        return any(_flattened(param) for params in self.parameters.values() for param in params)

    @property
    def security(self) -> list[dict[str, list[str]]]:
        """The Security Requirement Objects of the operation."""
        return [{name: scopes} for name, scopes in self.scopes.items()]

    def describe_parameters(self, schemas: Schemas) -> list[dict[str, Any]]:
        """The Parameter Objects. Of two with one name and place, the required one counts."""
        described = [
            parameter
            for place, params in self.parameters.items()
            for param in params
            if getattr(param.field_info, "include_in_schema", True)
            for parameter in _describe(param, place, schemas)
        ]
        by_name = {(each["in"], each["name"]): each for each in described}
        by_name |= {(each["in"], each["name"]): each for each in described if each["required"]}
        return list(by_name.values())

    def _add_parameters(self, dependant: Dependant) -> None:
        self.parameters[ParamTypes.path] += dependant.path_params
        self.parameters[ParamTypes.query] += dependant.query_params
        self.parameters[ParamTypes.header] += dependant.header_params
        self.parameters[ParamTypes.cookie] += dependant.cookie_params

    def _add_security(self, dependant: Dependant) -> None:
        scheme = dependant.security_scheme
        if scheme is None:
            return
        self.security_schemes[scheme.scheme_name] = jsonable_encoder(
            scheme.model, by_alias=True, exclude_none=True
        )
        scopes = self.scopes.setdefault(scheme.scheme_name, [])
        scopes += [scope for scope in dependant.oauth_scopes if scope not in scopes]


def _each_once(root: Dependant) -> Iterator[Dependant]:
    seen: set[CacheKey] = set()
    pending = [root]
    while pending:
        current = pending.pop()
        key = current.cache_key
        if key not in seen:
            seen.add(key)
            yield current
            pending.extend(reversed(current.dependencies))


def _flattened(param: Field) -> tuple[Field, ...]:
    model = parameter_model(param)
    return (param,) if model is None else model_fields(model)


def _describe(declared: Field, place: ParamTypes, schemas: Schemas) -> Iterator[dict[str, Any]]:
    model = parameter_model(declared)
    may_be_absent = (
        model is not None
        and declared.field_info.annotation is not model
        and not declared.field_info.is_required()
    )
    for param in _flattened(declared):
        info = param.field_info
        alias, name = param.names(convert_underscores=_converts(param, declared, place))[0]
        parameter = {
            "name": name,
            "in": place.value,
            "required": info.is_required() and not may_be_absent,
            "schema": schemas.of(param, alias=alias),
        }
        if info.description:
            parameter["description"] = info.description
        if getattr(info, "deprecated", None):
            parameter["deprecated"] = True
        yield parameter | describe_examples(info)


def describe_examples(info: Any) -> dict[str, Any]:
    """The ``examples`` of a declaration, or its single ``example``; empty where it has neither."""
    if examples := getattr(info, "openapi_examples", None):
        return {"examples": jsonable_encoder(examples)}
    example = getattr(info, "example", UNSET)
    if example is UNSET or example is PydanticUndefined:
        return {}
    return {"example": jsonable_encoder(example)}


def _converts(param: Field, declared: Field, place: ParamTypes) -> bool:
    if place is not ParamTypes.header:
        return False
    outer = getattr(declared.field_info, "convert_underscores", True)
    return bool(getattr(param.field_info, "convert_underscores", outer))
