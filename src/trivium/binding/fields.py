"""A declared value: what Pydantic validates it with, and what it is called in the request."""

import sys
import warnings
from collections.abc import Sequence
from copy import copy
from dataclasses import is_dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal, Protocol, TypeAlias, cast, get_args

import pydantic
from pydantic import (
    AliasChoices,
    AliasPath,
    ConfigDict,
    Json,
    PydanticSchemaGenerationError,
    ValidationError,
)
from pydantic import Field as PydanticField
from pydantic.fields import FieldInfo
from pydantic.warnings import UnsupportedFieldAttributeWarning
from pydantic_core import PydanticUndefined
from typing_extensions import TypedDict

from trivium.binding.annotations import adapted, is_sequence, is_subclass
from trivium.binding.params import Form, Path
from trivium.errors import DeclarationError, PydanticV1NotSupportedError

__all__ = [
    "DumpOptions",
    "Field",
    "IncEx",
    "Loc",
    "Undefined",
    "Validator",
    "body_model",
    "copy_field_info",
    "make_field",
    "missing",
    "model_fields",
    "relocated",
]

Undefined = PydanticUndefined
Loc: TypeAlias = tuple[str | int, ...]
IncEx: TypeAlias = set[int] | set[str] | dict[int, Any] | dict[str, Any]
Mode: TypeAlias = Literal["validation", "serialization"]


class DumpOptions(TypedDict, total=False):
    """How Pydantic writes a value; the ``response_model_*`` options of a route."""

    include: IncEx | None
    exclude: IncEx | None
    by_alias: bool
    exclude_unset: bool
    exclude_defaults: bool
    exclude_none: bool


class Validator(Protocol):
    """Pydantic's compiled validator, called without the adapter's Python frame in between."""

    def __call__(self, value: Any, *, from_attributes: bool | None = None) -> Any: ...


class Field:
    """One parameter, body or response of a handler.

    Two adapters stand behind it. ``validate`` needs only the type and its constraints, so a bare
    annotation shares one adapter with every other field of that type. ``adapter`` also knows the
    alias, title, default and examples; only the OpenAPI document needs it, and it is made when
    the document is.
    """

    __slots__ = (
        "_adapter",
        "_checker",
        "_names",
        "alias",
        "config",
        "field_info",
        "is_json",
        "is_sequence",
        "mode",
        "name",
        "required",
    )

    def __init__(
        self,
        field_info: FieldInfo,
        name: str,
        mode: Mode = "validation",
        config: ConfigDict | None = None,
    ) -> None:
        self.field_info = field_info
        self.name = name
        self.mode: Mode = mode
        self.config = config
        self.alias: str = field_info.alias if field_info.alias is not None else name
        self.required: bool = field_info.is_required()
        metadata = field_info.metadata
        self.is_json: bool = bool(metadata) and any(type(item) is Json for item in metadata)
        self.is_sequence: bool = is_sequence(field_info.annotation)
        self._adapter: pydantic.TypeAdapter[Any] | None = None
        self._checker: pydantic.TypeAdapter[Any] | None = None
        self._names: list[tuple[str, str]] | None = None

    def __repr__(self) -> str:
        return f"Field({self.name!r}, {self.field_info!r}, mode={self.mode!r})"

    def renamed(self, name: str) -> "Field":
        """The same declaration under another name; the validator is shared."""
        field = Field(self.field_info, name, self.mode, self.config)
        field._checker = self._checker
        return field

    @property
    def validation_alias(self) -> str | None:
        """The one name the value is read by, where a single one was declared."""
        alias = self.field_info.validation_alias
        return alias if isinstance(alias, str) and alias else None

    @property
    def serialization_alias(self) -> str | None:
        return self.field_info.serialization_alias or None

    @property
    def default(self) -> Any:
        """A default made anew at each access, ``Undefined`` for a required field."""
        if self.required:
            return Undefined
        return self.field_info.get_default(call_default_factory=True, validated_data={})

    @property
    def adapter(self) -> "pydantic.TypeAdapter[Any]":
        """The adapter that knows everything the declaration says."""
        if self._adapter is None:
            self._adapter = _full_adapter(self.field_info, self.config)
        return self._adapter

    @property
    def _type_adapter(self) -> "pydantic.TypeAdapter[Any]":
        return self.adapter

    @property
    def checker(self) -> "pydantic.TypeAdapter[Any]":
        """The adapter that validates and serialises."""
        if self._checker is None:
            info = self.field_info
            if info.metadata or info.discriminator or self.config is not None:
                self._checker = self.adapter
            else:
                self._checker = _plain_adapter(info.annotation)
        return self._checker

    def validate(
        self, value: Any, values: Any = None, *, loc: Loc = ()
    ) -> tuple[Any, list[dict[str, Any]]]:
        """The validated value and no errors, or None and the errors, each placed under ``loc``."""
        try:
            return self.checker.validator.validate_python(value, from_attributes=True), []
        except ValidationError as error:
            return None, relocated(error, loc)

    def serialize(
        self, value: Any, *, mode: Literal["json", "python"] = "json", **options: Any
    ) -> Any:
        """What ``validate`` returned, as JSON-compatible Python values. Takes ``DumpOptions``."""
        return self.checker.dump_python(value, mode=mode, **_by_alias(options))

    def serialize_json(self, value: Any, **options: Any) -> bytes:
        """What ``validate`` returned, as UTF-8 JSON, written in one pass. Takes ``DumpOptions``."""
        return self.checker.dump_json(value, **_by_alias(options))

    def names(self, *, convert_underscores: bool = False) -> list[tuple[str, str]]:
        """The names to look for in the request, preferred first.

        Each is a pair: the name that Pydantic validates under, and the key in the request, which
        differs where a header's underscores are written as hyphens.
        """
        if convert_underscores:
            return self._find_names(convert_underscores=True)
        if self._names is None:
            self._names = self._find_names(convert_underscores=False)
        return self._names

    def _find_names(self, *, convert_underscores: bool) -> list[tuple[str, str]]:
        alias = self.validation_alias or self.alias
        key = alias.replace("_", "-") if convert_underscores and alias == self.name else alias
        declared = self.field_info.validation_alias
        names = [(alias, key)]
        if isinstance(self.field_info, Path) or isinstance(declared, AliasPath):
            return names
        if isinstance(declared, AliasChoices):
            if any(isinstance(choice, AliasPath) for choice in declared.choices):
                return names
            # written out by the author: taken literally, underscores in headers included
            names = [(str(choice), str(choice)) for choice in declared.choices]
        return self._with_own_name(names, convert_underscores)

    def _with_own_name(
        self, names: list[tuple[str, str]], convert_underscores: bool
    ) -> list[tuple[str, str]]:
        config = self.config or {}
        by_alias = config.get("validate_by_alias") is not False
        by_name = config.get("validate_by_name", config.get("populate_by_name", False))
        if by_alias and not by_name:
            return names
        own = (self.name, self.name.replace("_", "-") if convert_underscores else self.name)
        if not by_alias:
            return [own]
        return names if self.name in (name for name, _ in names) else [*names, own]


def make_field(
    name: str, annotation: Any, field_info: FieldInfo | None = None, mode: Mode = "validation"
) -> Field:
    """A field whose validator exists, or is certain to: what Pydantic cannot describe is refused.

    Raises DeclarationError with what to change; PydanticV1NotSupportedError for old models.
    """
    if _is_pydantic_v1(annotation):
        raise PydanticV1NotSupportedError(
            f"pydantic.v1 models are no longer supported: {annotation!r} is one.",
            instead="a model that inherits from pydantic.BaseModel",
        )
    info = field_info or FieldInfo(annotation=annotation)
    field = Field(info, name, mode)
    if isinstance(info, Form) and not field.is_json and adapted(annotation) is not annotation:
        raise DeclarationError(
            f"A form holds plain values and files, so {annotation!r} cannot be read from it.",
            written=f"{annotation}",
            instead="a model of Pydantic's with the same fields",
        )
    if _is_described(info):
        return field
    try:
        field.checker  # noqa: B018  # building it is the check
    except PydanticSchemaGenerationError as error:
        raise _cannot_describe(annotation, mode) from error
    return field


def relocated(error: ValidationError, prefix: Loc) -> list[dict[str, Any]]:
    """Pydantic's errors in the form of the reply, placed under ``prefix``."""
    return [
        {**details, "loc": prefix + details.get("loc", ())}
        for details in cast(list[dict[str, Any]], error.errors(include_url=False))
    ]


def missing(loc: Loc) -> dict[str, Any]:
    """The error of a required value that the request does not hold."""
    return {"type": "missing", "loc": loc, "msg": "Field required", "input": None}


def copy_field_info(field_info: FieldInfo, annotation: Any) -> FieldInfo:
    """The declaration merged with what ``Annotated`` says; the original stays as it was.

    Metadata in ``Annotated`` is shared by every use of the alias, so it must not be changed.
    """
    merged = type(field_info).from_annotation(annotation)
    result = copy(field_info)
    for attribute in _FIELD_ATTRIBUTES:
        value = getattr(merged, attribute, Undefined)
        if value is not Undefined or attribute == "default":
            setattr(result, attribute, value)
    result._attributes_set = dict(merged._attributes_set)
    result.metadata = merged.metadata
    result.annotation = merged.annotation
    return result


@lru_cache(maxsize=1024)
def model_fields(model: "type[pydantic.BaseModel]") -> tuple[Field, ...]:
    """The fields of a model that stands for several parameters of one place."""
    return tuple(
        Field(info, name, config=None if _has_own_config(info.annotation) else model.model_config)
        for name, info in model.model_fields.items()
    )


def body_model(
    name: str, fields: Sequence[Field], config: ConfigDict | None
) -> "type[pydantic.BaseModel]":
    """The model that several body parameters make up together, for the OpenAPI document."""
    definitions: dict[str, Any] = {
        f.name: (adapted(f.field_info.annotation), f.field_info) for f in fields
    }
    return pydantic.create_model(name, __config__=config, **definitions)


_FIELD_ATTRIBUTES = (
    "default",
    "default_factory",
    "alias",
    "alias_priority",
    "validation_alias",
    "serialization_alias",
    "title",
    "field_title_generator",
    "description",
    "examples",
    "exclude",
    "exclude_if",
    "discriminator",
    "deprecated",
    "json_schema_extra",
    "frozen",
    "validate_default",
    "repr",
    "init",
    "init_var",
    "kw_only",
)


def _plain_adapter(annotation: Any) -> "pydantic.TypeAdapter[Any]":
    try:
        # unions that differ in order are equal and yet validate differently
        return _shared_adapter(annotation, repr(annotation))
    except TypeError:
        return _adapter(annotation, None)


@lru_cache(maxsize=1024)
def _shared_adapter(annotation: Any, spelling: str) -> "pydantic.TypeAdapter[Any]":
    return _adapter(annotation, None)


def _full_adapter(info: FieldInfo, config: ConfigDict | None) -> "pydantic.TypeAdapter[Any]":
    attributes: dict[str, Any] = {
        attribute: value
        for attribute in _FIELD_ATTRIBUTES
        if (value := getattr(info, attribute, Undefined)) is not Undefined
    }
    parts = (info.annotation, *info.metadata, PydanticField(**attributes))
    return _adapter(Annotated[parts], config)


def _adapter(annotation: Any, config: ConfigDict | None) -> "pydantic.TypeAdapter[Any]":
    with warnings.catch_warnings():
        # an alias means nothing to the adapter of a lone value; we read it ourselves
        warnings.simplefilter("ignore", UnsupportedFieldAttributeWarning)
        return pydantic.TypeAdapter(adapted(annotation), config=config)


def _by_alias(options: dict[str, Any]) -> dict[str, Any]:
    return {"by_alias": True, **options}


def _is_described(info: FieldInfo) -> bool:
    """Whether Pydantic has described the type before: a model's adapter is made at its first use.

    Making it takes longer than all else of a declaration, and most models have many routes.
    """
    annotation = info.annotation
    return (
        not info.metadata
        and is_subclass(annotation, pydantic.BaseModel)
        and bool(annotation.__pydantic_complete__)
    )


def _has_own_config(annotation: Any) -> bool:
    return is_subclass(annotation, (pydantic.BaseModel, dict)) or is_dataclass(annotation)


def _is_pydantic_v1(annotation: Any) -> bool:
    v1 = sys.modules.get("pydantic.v1.main")
    if v1 is None:
        return False
    return is_subclass(annotation, v1.BaseModel) or any(
        _is_pydantic_v1(argument) for argument in get_args(annotation)
    )


def _cannot_describe(annotation: Any, mode: Mode) -> DeclarationError:
    if mode == "serialization":
        return DeclarationError(
            f"Invalid args for response field! {annotation!r} is not a valid Pydantic field type,"
            " so it can be neither validated nor documented. To leave the response as it is, give"
            " the decorator the parameter response_model=None.",
            written=f"-> {annotation}",
            instead="response_model=None in the decorator, or a return annotation of Pydantic's",
        )
    return DeclarationError(
        f"Invalid args for response field! {annotation!r} is not a valid Pydantic field type, so"
        " the parameter cannot be validated.",
        written=f"{annotation}",
        instead="a type of Pydantic's, Annotated[..., Depends(...)], or arbitrary_types_allowed",
    )
