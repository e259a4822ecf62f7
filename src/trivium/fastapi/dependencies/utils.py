"""``fastapi.dependencies.utils``: what libraries take from there to read a signature"""

from trivium.binding.analysis import analyse as get_dependant
from trivium.binding.analysis import analyse_listed as get_parameterless_sub_dependant
from trivium.binding.callables import evaluated as get_typed_annotation
from trivium.binding.callables import return_annotation_of as get_typed_return_annotation
from trivium.binding.callables import signature_of as get_typed_signature
from trivium.binding.callables import stream_item_type as get_stream_item_type
from trivium.binding.dependant import flat_parameters as get_flat_params
from trivium.binding.extraction import request_body_to_args, request_params_to_args
from trivium.binding.forms import read_bytes as _read_file_bytes
from trivium.binding.multipart import INCORRECT as multipart_incorrect_install_error
from trivium.binding.multipart import MISSING as multipart_not_installed_error
from trivium.binding.multipart import ensure_multipart_is_installed
from trivium.routing.solving import SolvedDependency, solve_dependencies

__all__ = [
    "SolvedDependency",
    "_read_file_bytes",
    "ensure_multipart_is_installed",
    "get_dependant",
    "get_flat_params",
    "get_parameterless_sub_dependant",
    "get_stream_item_type",
    "get_typed_annotation",
    "get_typed_return_annotation",
    "get_typed_signature",
    "multipart_incorrect_install_error",
    "multipart_not_installed_error",
    "request_body_to_args",
    "request_params_to_args",
    "solve_dependencies",
]
