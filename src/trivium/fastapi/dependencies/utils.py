"""``fastapi.dependencies.utils``: what libraries take from there to read a signature"""

from trivium.binding.analysis import analyse as get_dependant
from trivium.binding.analysis import analyse_listed as get_parameterless_sub_dependant
from trivium.binding.callables import signature_of as get_typed_signature
from trivium.binding.callables import stream_item_type as get_stream_item_type
from trivium.binding.dependant import flat_parameters as get_flat_params
from trivium.binding.forms import read_bytes as _read_file_bytes

__all__ = [
    "_read_file_bytes",
    "get_dependant",
    "get_flat_params",
    "get_parameterless_sub_dependant",
    "get_stream_item_type",
    "get_typed_signature",
]
