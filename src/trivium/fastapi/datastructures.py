"""``fastapi.datastructures``"""

from starlette.datastructures import URL, Address, FormData, Headers, QueryParams, State

from trivium.binding.defaults import UNSET as _Unset
from trivium.binding.defaults import Default, DefaultPlaceholder, DefaultType
from trivium.binding.uploads import UploadFile

__all__ = [
    "Address",
    "Default",
    "DefaultPlaceholder",
    "DefaultType",
    "FormData",
    "Headers",
    "QueryParams",
    "State",
    "URL",
    "UploadFile",
    "_Unset",
]
