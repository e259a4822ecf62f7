"""``fastapi._compat``: private there, and imported by libraries all the same"""

from trivium.fastapi._compat.shared import (
    PYDANTIC_VERSION_MINOR_TUPLE,
    field_annotation_is_scalar,
    field_annotation_is_scalar_sequence,
    field_annotation_is_sequence,
    is_bytes_or_nonable_bytes_annotation,
    is_bytes_sequence_annotation,
    is_uploadfile_or_nonable_uploadfile_annotation,
    is_uploadfile_sequence_annotation,
    lenient_issubclass,
    sequence_types,
)
from trivium.fastapi._compat.v2 import (
    ModelField,
    PydanticSchemaGenerationError,
    RequiredParam,
    Undefined,
    Url,
    copy_field_info,
    get_cached_model_fields,
    get_missing_field_error,
    serialize_sequence_value,
    with_info_plain_validator_function,
)

__all__ = [
    "ModelField",
    "PYDANTIC_VERSION_MINOR_TUPLE",
    "PydanticSchemaGenerationError",
    "RequiredParam",
    "Undefined",
    "Url",
    "copy_field_info",
    "field_annotation_is_scalar",
    "field_annotation_is_scalar_sequence",
    "field_annotation_is_sequence",
    "get_cached_model_fields",
    "get_missing_field_error",
    "is_bytes_or_nonable_bytes_annotation",
    "is_bytes_sequence_annotation",
    "is_uploadfile_or_nonable_uploadfile_annotation",
    "is_uploadfile_sequence_annotation",
    "lenient_issubclass",
    "sequence_types",
    "serialize_sequence_value",
    "with_info_plain_validator_function",
]
