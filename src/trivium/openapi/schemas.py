"""The JSON Schemas of a document: one for each field, and the components they refer to.

Pydantic generates all of them in one run, because only together can two models of one name be told
apart.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, Literal, TypeAlias, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from trivium.binding.annotations import is_subclass
from trivium.binding.fields import Field
from trivium.openapi.constants import REF_TEMPLATE

__all__ = ["FieldMapping", "Schemas", "reachable_models"]

SchemaMode: TypeAlias = Literal["validation", "serialization"]
FieldMapping: TypeAlias = Mapping[tuple[Field, SchemaMode], JsonSchemaValue]
"""The schema of each field, by field and mode."""


class Schemas:
    """Answers the schema of a field; owns the components that the answers refer to.

    With ``separate_input_output`` a model that is both read and written has two schemas where they
    differ (a default makes a field optional in the request and certain in the response). Without
    it, the schema of the request stands for both, unless the model has computed fields, which no
    request can hold.
    """

    def __init__(self, mapping: FieldMapping, *, separate_input_output: bool = True) -> None:
        self.components: dict[str, dict[str, Any]] = {}
        self._mapping = mapping
        self._separate = separate_input_output

    @classmethod
    def of_fields(cls, fields: Sequence[Field], *, separate_input_output: bool = True) -> "Schemas":
        """Generates the schemas of ``fields`` and of every model that they lead to.

        Raises Pydantic's ``PydanticInvalidForJsonSchema`` for a type that JSON Schema cannot say.
        """
        schemas = cls({}, separate_input_output=separate_input_output)
        mapping, definitions = _Generator(ref_template=REF_TEMPLATE).generate_definitions(
            [
                (field, schemas._mode(field), field.adapter.core_schema)
                for field in [*fields, *_fields_of_nested_models(fields)]
            ]
        )
        schemas._mapping = mapping
        schemas.components = {str(name): _shown(schema) for name, schema in definitions.items()}
        return schemas

    def of(self, field: Field, *, alias: str | None = None) -> dict[str, Any]:
        """The schema of one field, titled by ``alias`` or by the field's own name.

        Raises ``KeyError`` for a field that was not among those the schemas were generated of.
        """
        schema = dict(self._mapping[field, self._mode(field)])
        if "$ref" not in schema:
            schema["title"] = field.field_info.title or _titled(alias or _wire_name(field))
        return schema

    def _mode(self, field: Field) -> SchemaMode:
        is_output = field.mode == "serialization"
        if is_output and (self._separate or _has_computed_fields(field)):
            return "serialization"
        return "validation"


def reachable_models(fields: Iterable[Field]) -> Iterator[type[BaseModel] | type[Enum]]:
    """The models and enums that the fields' annotations lead to, each once, in reading order."""
    seen: set[Any] = set()
    pending = [field.field_info.annotation for field in fields][::-1]
    while pending:
        annotation = pending.pop()
        if is_subclass(annotation, Enum):
            inner: tuple[Any, ...] = ()
        elif is_subclass(annotation, BaseModel):
            inner = tuple(info.annotation for info in annotation.model_fields.values())
        else:
            pending.extend(reversed(get_args(annotation)))
            continue
        if annotation not in seen:
            seen.add(annotation)
            yield annotation
            pending.extend(reversed(inner))


class _Generator(GenerateJsonSchema):
    def bytes_schema(self, schema: core_schema.BytesSchema) -> JsonSchemaValue:
        # Pydantic says format=binary, which OpenAPI 3.1 replaced by contentMediaType.
        result: JsonSchemaValue = {
            "type": "string",
            "contentMediaType": "application/octet-stream",
        }
        config = self._config
        encoding = config.ser_json_bytes if self.mode == "serialization" else config.val_json_bytes
        if encoding == "base64":
            result["contentEncoding"] = "base64"
        self.update_with_validations(result, schema, self.ValidationsMapping.bytes)
        return result


def _fields_of_nested_models(fields: Sequence[Field]) -> list[Field]:
    # A model that a custom schema hides from Pydantic is a component all the same.
    given = {a for field in fields if isinstance(a := field.field_info.annotation, type)}
    modes: tuple[SchemaMode, ...] = ("validation", "serialization")
    return [
        Field(FieldInfo(annotation=model), name=model.__name__, mode=mode)
        for mode in modes
        for model in reachable_models(field for field in fields if field.mode == mode)
        if model not in given
    ]


def _shown(definition: JsonSchemaValue) -> dict[str, Any]:
    """The definition with its description cut at a form feed: what follows is for developers."""
    if "description" in definition:
        definition["description"] = definition["description"].partition("\f")[0]
    return definition


def _wire_name(field: Field) -> str:
    alias = field.validation_alias if field.mode == "validation" else field.serialization_alias
    return alias or field.alias


def _titled(name: str) -> str:
    return name.title().replace("_", " ")


def _has_computed_fields(field: Field) -> bool:
    # A dataclass can have computed fields too, and only its core schema tells.
    core: Any = field.adapter.core_schema
    if core.get("schema", {}).get("computed_fields"):
        return True
    return any(
        model.model_computed_fields
        for model in reachable_models([field])
        if is_subclass(model, BaseModel)
    )
