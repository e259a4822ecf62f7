"""OpenAPI 3.1's Schema Object: a JSON Schema of draft 2020-12 and four keywords of OpenAPI's own.

https://spec.openapis.org/oas/v3.1.0#schema-object
"""

from typing import Annotated, Any, Literal, Optional, TypeAlias

from pydantic import AnyUrl, BaseModel, Field
from typing_extensions import deprecated as deprecated_since

from trivium.security.models import BaseModelWithConfig


class Reference(BaseModel):
    """A pointer to a component of the document, or to another document."""

    ref: str = Field(alias="$ref")


class Discriminator(BaseModel):
    """Which property of the payload tells the members of a union apart, and how."""

    propertyName: str
    mapping: dict[str, str] | None = None


class XML(BaseModelWithConfig):
    """How a value is written as XML."""

    name: str | None = None
    namespace: str | None = None
    prefix: str | None = None
    attribute: bool | None = None
    wrapped: bool | None = None


class ExternalDocumentation(BaseModelWithConfig):
    """A link to more documentation."""

    description: str | None = None
    url: AnyUrl


SchemaType = Literal["array", "boolean", "integer", "null", "number", "object", "string"]
"""The types of JSON, as JSON Schema counts them."""


class Schema(BaseModelWithConfig):
    """A JSON Schema. Keywords stand in the order of the vocabularies that define them.

    Keywords that Python reserves end in an underscore; those that begin with ``$`` drop it. Their
    aliases are the real names. Keywords that no vocabulary defines are kept.
    """

    # Core vocabulary: identity and references.
    schema_: str | None = Field(default=None, alias="$schema")
    vocabulary: str | None = Field(default=None, alias="$vocabulary")
    id: str | None = Field(default=None, alias="$id")
    anchor: str | None = Field(default=None, alias="$anchor")
    dynamicAnchor: str | None = Field(default=None, alias="$dynamicAnchor")
    ref: str | None = Field(default=None, alias="$ref")
    dynamicRef: str | None = Field(default=None, alias="$dynamicRef")
    defs: dict[str, "SchemaOrBool"] | None = Field(default=None, alias="$defs")
    comment: str | None = Field(default=None, alias="$comment")

    # Applicator vocabulary: schemas made of schemas.
    allOf: list["SchemaOrBool"] | None = None
    anyOf: list["SchemaOrBool"] | None = None
    oneOf: list["SchemaOrBool"] | None = None
    not_: Optional["SchemaOrBool"] = Field(default=None, alias="not")
    if_: Optional["SchemaOrBool"] = Field(default=None, alias="if")
    then: Optional["SchemaOrBool"] = None
    else_: Optional["SchemaOrBool"] = Field(default=None, alias="else")
    dependentSchemas: dict[str, "SchemaOrBool"] | None = None
    prefixItems: list["SchemaOrBool"] | None = None
    items: Optional["SchemaOrBool"] = None
    contains: Optional["SchemaOrBool"] = None
    properties: dict[str, "SchemaOrBool"] | None = None
    patternProperties: dict[str, "SchemaOrBool"] | None = None
    additionalProperties: Optional["SchemaOrBool"] = None
    propertyNames: Optional["SchemaOrBool"] = None

    # Unevaluated vocabulary.
    unevaluatedItems: Optional["SchemaOrBool"] = None
    unevaluatedProperties: Optional["SchemaOrBool"] = None

    # Validation vocabulary: limits on one value.
    type: SchemaType | list[SchemaType] | None = None
    enum: list[Any] | None = None
    const: Any | None = None
    multipleOf: float | None = Field(default=None, gt=0)
    maximum: float | None = None
    exclusiveMaximum: float | None = None
    minimum: float | None = None
    exclusiveMinimum: float | None = None
    maxLength: int | None = Field(default=None, ge=0)
    minLength: int | None = Field(default=None, ge=0)
    pattern: str | None = None
    maxItems: int | None = Field(default=None, ge=0)
    minItems: int | None = Field(default=None, ge=0)
    uniqueItems: bool | None = None
    maxContains: int | None = Field(default=None, ge=0)
    minContains: int | None = Field(default=None, ge=0)
    maxProperties: int | None = Field(default=None, ge=0)
    minProperties: int | None = Field(default=None, ge=0)
    required: list[str] | None = None
    # JSON Schema means a set; a list keeps the order, so that one program gives one document.
    dependentRequired: dict[str, list[str]] | None = None

    # Format and content vocabularies.
    format: str | None = None
    contentEncoding: str | None = None
    contentMediaType: str | None = None
    contentSchema: Optional["SchemaOrBool"] = None

    # Meta-data vocabulary: for people and generators.
    title: str | None = None
    description: str | None = None
    default: Any | None = None
    deprecated: bool | None = None
    readOnly: bool | None = None
    writeOnly: bool | None = None
    examples: list[Any] | None = None

    # OpenAPI's own vocabulary.
    discriminator: Discriminator | None = None
    xml: XML | None = None
    externalDocs: ExternalDocumentation | None = None
    example: Annotated[
        Any | None,
        deprecated_since("OpenAPI 3.1 prefers JSON Schema's `examples`; `example` still works."),
    ] = None


SchemaOrBool: TypeAlias = Schema | bool
"""A schema; ``True`` allows every value and ``False`` none."""

Schema.model_rebuild()
