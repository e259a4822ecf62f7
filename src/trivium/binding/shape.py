"""What the body looks like as a whole, put together from the parameters that declare its parts."""

from collections.abc import Sequence
from copy import copy, deepcopy
from functools import partial
from typing import Annotated, Any, get_args

import pydantic
from pydantic import (
    AliasChoices,
    ConfigDict,
    GetJsonSchemaHandler,
    GetPydanticSchema,
)
from pydantic_core import CoreSchema

from trivium.binding.annotations import is_subclass
from trivium.binding.fields import Field, body_model, make_field, model_fields
from trivium.binding.forms import form_models
from trivium.binding.params import Body, File, Form

__all__ = ["body_field", "is_embedded"]


def is_embedded(fields: Sequence[Field]) -> bool:
    """Whether the parameters are keys of the body, and not one of them the whole body."""
    if not fields:
        return False
    # two dependencies may share one parameter; it is still one
    if len({field.name for field in fields}) > 1:
        return True
    first = fields[0]
    if form_models(first) and any(
        not form_models(field) or field.field_info.annotation is not first.field_info.annotation
        for field in fields[1:]
    ):
        return True
    if getattr(first.field_info, "embed", None):
        return True
    return (
        isinstance(first.field_info, Form)
        and not is_subclass(first.field_info.annotation, pydantic.BaseModel)
        and not form_models(first)
    )


def body_field(fields: Sequence[Field], name: str, embed: bool) -> Field | None:
    """One field that stands for the whole body in the document; it also tells a form from JSON."""
    if not fields:
        return None
    first = fields[0]
    has_optional_form = any(form_models(f) and _is_optional(f) for f in fields)
    if not embed and not has_optional_form:
        return first
    members: Sequence[Field] = fields
    config: ConfigDict | None = None
    if any(form_models(field) for field in fields):
        members = [_numbered(index, field) for index, field in enumerate(fields)]
        config = {"json_schema_extra": partial(_flatten_form_schema, fields)}
    model = body_model("Body_" + name, members, config)
    if not embed:
        info = copy(first.field_info)
        info.annotation = model
        info.metadata = []
        info.discriminator = None
        return Field(info, first.name)
    return make_field("body", model, _body_info(model, fields))


def _body_info(model: "type[pydantic.BaseModel]", fields: Sequence[Field]) -> Body:
    infos = [field.field_info for field in fields]
    kind: type[Body] = next(
        (cls for cls in (File, Form) if any(isinstance(info, cls) for info in infos)), Body
    )
    options: dict[str, Any] = {"alias": "body"}
    if not any(info.is_required() for info in infos):
        options["default"] = None
    if kind is not File:
        media_types = [info.media_type for info in infos if isinstance(info, kind)]
        if kind is Form and "multipart/form-data" in media_types:
            options["media_type"] = "multipart/form-data"
        elif len(set(media_types)) == 1:
            options["media_type"] = media_types[0]
    return kind(annotation=model, **options)


def _is_optional(field: Field) -> bool:
    return type(None) in get_args(field.field_info.annotation)


def _numbered(index: int, field: Field) -> Field:
    """A member under a number: two parameters may hold models with fields of the same names."""
    name = f"field_{index}"
    info = copy(field.field_info)
    models = form_models(field)
    if len(models) == 1:
        described: Any = Annotated[
            models[0],
            GetPydanticSchema(get_pydantic_json_schema=partial(_form_model_schema, models[0])),
        ]
        info.annotation = described if info.annotation is models[0] else described | None
    info.alias = info.validation_alias = info.serialization_alias = name
    info.title = info.title or field.name.replace("_", " ").title()
    return Field(info, name)


def _form_model_schema(
    model: "type[pydantic.BaseModel]", core_schema: CoreSchema, handler: GetJsonSchemaHandler
) -> dict[str, Any]:
    """The schema of a form model under the names that the form is read by."""
    schema = handler(core_schema)
    resolved = handler.resolve_ref_schema(schema)
    properties = resolved.get("properties", {})
    required = resolved.get("required", [])
    renamed: dict[str, list[str]] = {}
    for field in model_fields(model):
        declared = field.field_info.validation_alias
        documented: Any = (
            declared.choices[0]
            if isinstance(declared, AliasChoices)
            else field.validation_alias or field.alias
        )
        names = [alias for alias, _ in field.names()]
        if not isinstance(documented, str) or documented not in properties:
            continue
        if names[0] != documented or (len(names) > 1 and documented in required):
            renamed[documented] = names
    if not renamed:
        return schema
    # only this form is read by these names; the model may be used elsewhere
    resolved = deepcopy(resolved)
    resolved["properties"] = {
        renamed.get(name, [name])[0]: value for name, value in resolved["properties"].items()
    }
    resolved["required"] = []
    for name in required:
        names = renamed.get(name, [name])
        if len(names) == 1:
            resolved["required"].append(names[0])
        else:
            choice = {"anyOf": [{"required": [one]} for one in names]}
            resolved.setdefault("allOf", []).append(choice)
    return resolved


def _flatten_form_schema(fields: Sequence[Field], schema: dict[str, Any]) -> None:
    """Lays form models and plain fields beside each other, as they stand in the form."""
    members = schema.pop("properties")
    schema.pop("required", None)
    properties: dict[str, Any] = {}
    required: list[str] = []
    conditions: list[dict[str, Any]] = []
    for index, field in enumerate(fields):
        member = members[f"field_{index}"]
        if form_models(field):
            conditions += _model_conditions(field, member)
            continue
        alias = field.names()[0][0]
        if alias in properties:
            conditions.append({"properties": {alias: member}})
        else:
            properties[alias] = member
        if field.required and alias not in required:
            required.append(alias)
    if properties:
        schema["properties"] = properties
    if required:
        schema["required"] = required
    schema["allOf"] = conditions


def _model_conditions(field: Field, member: dict[str, Any]) -> list[dict[str, Any]]:
    member.pop("default", None)
    if not _is_optional(field):
        return [member]
    # a form cannot say null: an optional group is left out by leaving out its fields
    member["anyOf"] = [choice for choice in member["anyOf"] if choice.get("type") != "null"]
    absent = _absent_schema(form_models(field))
    if field.required:
        return [{"not": absent}, member]
    return [{"anyOf": [absent, member]}]


def _absent_schema(models: "Sequence[type[pydantic.BaseModel]]") -> dict[str, Any]:
    if any(model.model_config.get("extra") in ("allow", "forbid") for model in models):
        return {"maxProperties": 0}
    names = {
        alias for model in models for field in model_fields(model) for alias, _ in field.names()
    }
    if not names:
        return {}
    return {"not": {"anyOf": [{"required": [name]} for name in sorted(names)]}}
