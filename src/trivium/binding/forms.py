"""Forms: fields, files and models out of what a browser sends.

A form model is flat: its fields stand beside each other in the form. Several models, or a union of
models, may share one form, and each takes what it knows out of the original values.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from typing import Annotated, Any, Union, get_args, get_origin

import pydantic
from pydantic import Tag
from starlette.datastructures import FormData
from starlette.datastructures import UploadFile as StarletteUploadFile

from trivium.binding.annotations import (
    SEQUENCE_TYPES,
    is_bytes,
    is_bytes_sequence,
    is_subclass,
    is_union,
    model_of,
    sequence_constructor,
)
from trivium.binding.fields import Field, Undefined, model_fields
from trivium.binding.params import File, Form
from trivium.binding.picking import extras, picked

__all__ = ["form_body", "form_model_value", "form_models", "form_union", "read_bytes"]


def form_models(field: Field) -> "list[type[pydantic.BaseModel]]":
    """The models that a form field is made of: one, several of a union, or none for a plain one."""
    info = field.field_info
    if not isinstance(info, Form) or info.embed or field.is_json:
        return []
    model = model_of(info.annotation)
    return [model] if model is not None else union_models(info.annotation)


def union_models(annotation: Any) -> "list[type[pydantic.BaseModel]]":
    """The members of a union of at least two models; empty for any other annotation."""
    if not is_union(annotation):
        return []
    members = [member for member in get_args(annotation) if member is not type(None)]
    bare = [get_args(m)[0] if get_origin(m) is Annotated else m for m in members]
    return bare if len(bare) > 1 and all(is_subclass(m, pydantic.BaseModel) for m in bare) else []


def form_union(annotation: Any) -> Any:
    """A union of form models whose members each read the form in their own way."""
    if not union_models(annotation):
        return annotation
    members: list[Any] = []
    for member in get_args(annotation):
        if member is type(None):
            members.append(member)
            continue
        model: Any = member
        metadata: Sequence[Any] = ()
        if get_origin(member) is Annotated:
            model, *metadata = get_args(member)
        tag = next((m for m in reversed(metadata) if isinstance(m, Tag)), Tag(model.__name__))
        members.append(
            Annotated[member, pydantic.BeforeValidator(partial(_as_read_by, model)), tag]
        )
    return Union[tuple(members)]  # noqa: UP007  # made from a tuple


async def form_body(
    fields: Sequence[Field], form: FormData
) -> AsyncIterator[tuple[str, Any, Field | None]]:
    """The values of the fields by alias, then what is left over, with None for the field.

    A file that is declared as bytes is read here.
    """
    for alias, value, field in form_items(fields, form):
        if field is not None and isinstance(field.field_info, File):
            value = await _file_content(field, value)
        yield alias, value, field


def form_items(fields: Sequence[Field], form: FormData) -> Iterator[tuple[str, Any, Field | None]]:
    """As ``form_body``, with uploads left as they are."""
    aliases: set[str] = set()
    for field in fields:
        for alias, _ in field.names():
            aliases.add(alias)
            value = picked(field, form, alias)
            if value is not Undefined:
                yield alias, value, field
                # a later alias may be another field's own
                break
    for key, value in extras(form, aliases):
        yield key, value, None


async def form_model_value(
    field: Field, models: "list[type[pydantic.BaseModel]]", form: FormData
) -> Any:
    """What a form model is validated from; Undefined for an optional one that was left out."""
    if type(None) in get_args(field.field_info.annotation) and not any(
        _is_supplied(model, form) for model in models
    ):
        return Undefined
    # each member of a union makes its own choice among the original values
    fields = model_fields(models[0]) if len(models) == 1 else ()
    return {alias: value async for alias, value, _ in form_body(fields, form)}


async def read_bytes(upload: StarletteUploadFile) -> bytes:
    """The content of a file; its position stays, for another parameter may read it as well."""
    position = upload.file.tell()
    try:
        return await upload.read()
    finally:
        await upload.seek(position)


async def _file_content(field: Field, value: Any) -> Any:
    annotation = field.field_info.annotation
    if is_bytes(annotation) and isinstance(value, StarletteUploadFile):
        return await read_bytes(value)
    if is_bytes_sequence(annotation) and isinstance(value, SEQUENCE_TYPES):
        contents = [
            await read_bytes(item) if isinstance(item, StarletteUploadFile) else item
            for item in value
        ]
        return sequence_constructor(annotation)(contents)
    return value


def _is_supplied(model: "type[pydantic.BaseModel]", form: FormData) -> bool:
    names = {alias for field in model_fields(model) for alias, _ in field.names()}
    takes_extra = model.model_config.get("extra") in ("allow", "forbid")
    return bool(names.intersection(form) or (takes_extra and form))


def _as_read_by(model: "type[pydantic.BaseModel]", value: Any) -> Any:
    """The values of a form as one member of a union reads them."""
    if not isinstance(value, dict):
        return value
    form = FormData(
        [
            (key, item)
            for key, items in value.items()
            for item in (items if isinstance(items, list) else [items])
        ]
    )
    read = {alias: item for alias, item, _ in form_items(model_fields(model), form)}
    # no browser sends these, but a validator may have put them there
    read.update(
        (key, item)
        for key, item in value.items()
        if item is None or (isinstance(item, list) and not item)
    )
    return read
