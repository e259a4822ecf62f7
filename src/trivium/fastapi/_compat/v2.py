"""``fastapi._compat.v2``"""

from pydantic import PydanticSchemaGenerationError
from pydantic_core import Url
from pydantic_core.core_schema import with_info_plain_validator_function

from trivium.binding.extraction import serialize_sequence_value
from trivium.binding.fields import Field as ModelField
from trivium.binding.fields import Undefined, copy_field_info
from trivium.binding.fields import Undefined as RequiredParam
from trivium.binding.fields import missing as get_missing_field_error
from trivium.binding.fields import model_fields as get_cached_model_fields

__all__ = [
    "ModelField",
    "PydanticSchemaGenerationError",
    "RequiredParam",
    "Undefined",
    "Url",
    "copy_field_info",
    "get_cached_model_fields",
    "get_missing_field_error",
    "serialize_sequence_value",
    "with_info_plain_validator_function",
]
