"""Bodies whose JSON Pydantic may read by itself, without Python's dicts and lists in between.

That is faster by a third, and means the same only for some types: a validator of the author's own
may look at what it is given, a strict field takes other things from JSON than from Python, and a
union chooses differently. So only schemas that are made of nothing but the types below are read so.
What does not validate is read again in the usual way, for the errors are made there.
"""

from collections.abc import Callable, Mapping
from typing import Any

from trivium.binding.fields import Field

__all__ = ["json_reader"]

# The keys that each kind of schema may have, besides those that say nothing of validation.
_NUMBER = frozenset({"gt", "ge", "lt", "le", "multiple_of"})
_SIZE = frozenset({"min_length", "max_length"})
_PLAIN: Mapping[str, frozenset[str]] = {
    "none": frozenset(),
    "bool": frozenset(),
    "int": _NUMBER,
    "float": _NUMBER,
    "str": _SIZE | {"pattern", "strip_whitespace", "to_lower", "to_upper"},
    "uuid": frozenset(),
    "date": frozenset(),
    "datetime": frozenset({"microseconds_precision"}),
    "list": _SIZE | {"items_schema"},
    "dict": _SIZE | {"keys_schema", "values_schema"},
    "nullable": frozenset({"schema"}),
    "default": frozenset({"schema", "default", "copy_default"}),
    "model": frozenset({"cls", "schema", "config", "custom_init", "root_model"}),
    "model-fields": frozenset({"fields", "model_name", "computed_fields"}),
    "model-field": frozenset({"schema", "validation_alias", "serialization_alias", "frozen"}),
    "definitions": frozenset({"schema", "definitions"}),
    "definition-ref": frozenset({"schema_ref"}),
}
_SILENT = frozenset({"type", "metadata", "ref", "serialization", "serialization_exclude"})
_CONFIG = frozenset(
    {
        *("title", "extra_fields_behavior", "frozen", "str_strip_whitespace", "str_to_lower"),
        *("str_to_upper", "str_min_length", "str_max_length", "validate_by_alias"),
        *("validate_by_name", "validate_assignment", "hide_input_in_errors"),
    }
)
_WITHIN = ("schema", "items_schema", "keys_schema", "values_schema")


def json_reader(field: Field) -> Callable[[bytes], Any] | None:
    """What makes the value of a field from a whole body; ``None`` where its JSON is parsed first.

    The reader raises ``ValueError`` for what does not validate, for what is no JSON, and for a few
    bodies that are both in order.
    """
    checker = field.checker
    if not _is_plain(checker.core_schema):
        return None
    return checker.validator.validate_json


def _is_plain(schema: Any) -> bool:
    kind = schema.get("type")
    allowed = _PLAIN.get(kind)
    if allowed is None or not (schema.keys() - _SILENT) <= allowed:
        return False
    if kind == "model" and (
        schema.get("custom_init")
        or schema.get("root_model")
        or not schema.get("config", {}).keys() <= _CONFIG
    ):
        return False
    inner = [schema[name] for name in _WITHIN if name in schema]
    inner += schema.get("definitions", ())
    inner += schema["fields"].values() if kind == "model-fields" else ()
    return all(map(_is_plain, inner))
