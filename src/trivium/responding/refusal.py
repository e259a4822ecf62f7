"""The errors of an invalid request as JSON that can be written, whatever the client has sent.

An error quotes the input that it is about. That may be something that JSON does not have: bytes of
no encoding, half of a surrogate pair, NaN, or lists within lists beyond the interpreter's stack.
"""

import math
from collections.abc import Sequence
from typing import Any

from trivium.responding.encoders import jsonable_encoder

__all__ = ["writable_errors"]


def writable_errors(errors: Sequence[Any]) -> Any:
    """The errors with what cannot be written replaced in the inputs that they quote.

    Bytes and halves of surrogate pairs become escapes, numbers that are not finite ``null``; an
    input that is nested too deep is left out.
    """
    try:
        return _written(jsonable_encoder(list(errors), custom_encoder={bytes: _decoded}))
    except RecursionError:
        kept = [{**error, "input": None} for error in errors]
        return _written(jsonable_encoder(kept, custom_encoder={bytes: _decoded}))


def _decoded(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")


def _written(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {_written(key): _written(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_written(item) for item in value]
    return value
