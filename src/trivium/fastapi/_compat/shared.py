"""``fastapi._compat.shared``"""

from pydantic.version import VERSION

from trivium.binding.annotations import SEQUENCE_TYPES as sequence_types
from trivium.binding.annotations import is_bytes as is_bytes_or_nonable_bytes_annotation
from trivium.binding.annotations import is_bytes_sequence as is_bytes_sequence_annotation
from trivium.binding.annotations import is_scalar as field_annotation_is_scalar
from trivium.binding.annotations import is_scalar_sequence as field_annotation_is_scalar_sequence
from trivium.binding.annotations import is_sequence as field_annotation_is_sequence
from trivium.binding.annotations import is_subclass as lenient_issubclass
from trivium.binding.annotations import (
    is_upload as is_uploadfile_or_nonable_uploadfile_annotation,
)
from trivium.binding.annotations import is_upload_sequence as is_uploadfile_sequence_annotation

PYDANTIC_VERSION_MINOR_TUPLE = tuple(int(part) for part in VERSION.split(".")[:2])

__all__ = [
    "PYDANTIC_VERSION_MINOR_TUPLE",
    "field_annotation_is_scalar",
    "field_annotation_is_scalar_sequence",
    "field_annotation_is_sequence",
    "is_bytes_or_nonable_bytes_annotation",
    "is_bytes_sequence_annotation",
    "is_uploadfile_or_nonable_uploadfile_annotation",
    "is_uploadfile_sequence_annotation",
    "lenient_issubclass",
    "sequence_types",
]
