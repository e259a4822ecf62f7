"""``fastapi.utils``"""

from trivium.binding.analysis import path_parameter_names as get_path_param_names
from trivium.binding.defaults import value_or_default as get_value_or_default
from trivium.responding.reply import allows_body as is_body_allowed_for_status_code
from trivium.routing.options import generate_unique_id

__all__ = [
    "generate_unique_id",
    "get_path_param_names",
    "get_value_or_default",
    "is_body_allowed_for_status_code",
]
