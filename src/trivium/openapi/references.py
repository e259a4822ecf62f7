"""References inside an OpenAPI document, and what becomes of them when their targets are renamed.

A name that looks like a keyword is not always one: below ``properties`` every key is a property's
name, and below ``example`` everything is data. The walk knows which is which.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Renames"]

_NAMED_OBJECTS = frozenset(
    {
        # JSON Schema
        "$defs",
        "dependentSchemas",
        "patternProperties",
        "properties",
        # OpenAPI
        "callbacks",
        "content",
        "encoding",
        "examples",
        "headers",
        "links",
        "parameters",
        "pathItems",
        "paths",
        "requestBodies",
        "responses",
        "schemas",
        "securitySchemes",
        "variables",
        "webhooks",
    }
)
"""Keywords whose value, where it is an object, has names of the author's choice for keys."""

_DATA = frozenset({"const", "default", "enum", "example", "value"})
"""Keywords whose value is data, in which nothing is a reference."""

_COMPONENTS = "#/components/"
_PATHS = "#/paths/"


@dataclass
class Renames:
    """The new names of a document's parts."""

    components: dict[tuple[str, str], str] = field(default_factory=dict)
    """By section of ``components`` and old name."""
    operation_ids: dict[str, str] = field(default_factory=dict)
    path_prefix: str = ""
    """What all paths are prefixed with."""

    def rewritten(self, part: Any) -> Any:
        """A copy of a part of the document whose references point to the new names.

        Keys of ``paths`` and of the sections of ``components`` keep their old names.
        """
        if isinstance(part, dict):
            return {key: self._entry(key, value) for key, value in part.items()}
        if isinstance(part, list):
            return [self.rewritten(item) for item in part]
        return part

    def _entry(self, key: str, value: Any) -> Any:
        if key in _DATA or key.startswith("x-"):
            return value
        if key in ("$ref", "operationRef"):
            return self._pointer(value)
        if key == "operationId":
            return self.operation_ids.get(value, value)
        if key == "discriminator" and isinstance(value, dict):
            return {**value, **self._mapping(value)}
        if key == "security" and isinstance(value, list):
            return [self._requirement(requirement) for requirement in value]
        if key in _NAMED_OBJECTS and isinstance(value, dict):
            return {name: self.rewritten(part) for name, part in value.items()}
        if key == "examples":
            return value
        return self.rewritten(value)

    def _pointer(self, pointer: Any) -> Any:
        if not isinstance(pointer, str):
            return pointer
        if pointer.startswith(_PATHS) and self.path_prefix:
            return _PATHS + _escaped(self.path_prefix) + pointer.removeprefix(_PATHS)
        section, _, rest = pointer.removeprefix(_COMPONENTS).partition("/")
        name, slash, inner = rest.partition("/")
        if not pointer.startswith(_COMPONENTS) or (section, name) not in self.components:
            return pointer
        return f"{_COMPONENTS}{section}/{self.components[section, name]}{slash}{inner}"

    def _mapping(self, discriminator: Mapping[str, Any]) -> dict[str, Any]:
        if not isinstance(discriminator.get("mapping"), dict):
            return {}
        # A target may be a reference, or just the name of a schema.
        return {
            "mapping": {
                value: self.components.get(("schemas", target), self._pointer(target))
                for value, target in discriminator["mapping"].items()
            }
        }

    def _requirement(self, requirement: Any) -> Any:
        if not isinstance(requirement, dict):
            return requirement
        return {
            self.components.get(("securitySchemes", name), name): scopes
            for name, scopes in requirement.items()
        }


def _escaped(path: str) -> str:
    # RFC 6901: a slash inside a step of a JSON Pointer is ~1, a tilde is ~0.
    return path.replace("~", "~0").replace("/", "~1")
