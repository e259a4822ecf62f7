"""``fastapi.openapi.utils``"""

from trivium.openapi.document import get_fields_from_routes, get_openapi
from trivium.openapi.operation import (
    generate_operation_id,
    generate_operation_summary,
    get_openapi_operation_metadata,
    get_openapi_operation_request_body,
    get_openapi_path,
)
from trivium.openapi.refusal import (
    validation_error_definition,
    validation_error_response_definition,
)
from trivium.openapi.responses import status_code_ranges

__all__ = [
    "generate_operation_id",
    "generate_operation_summary",
    "get_fields_from_routes",
    "get_openapi",
    "get_openapi_operation_metadata",
    "get_openapi_operation_request_body",
    "get_openapi_path",
    "status_code_ranges",
    "validation_error_definition",
    "validation_error_response_definition",
]
