"""The quick road from an ordinary value to JSON, for replies without a response model.

``encode_json(value)`` gives the bytes of ``JSONResponse(jsonable_encoder(value)).body``. Most
values that handlers return need no encoder at all: they are dicts and lists of strings and
numbers, with a date or a model here and there. Those are only looked through, once, and handed to
the C writer as they are; containers are made anew only above something that had to be converted.
Whatever is not exactly an ordinary type (a subclass, an enum, an odd key) takes the complete road
of ``encoders.py``.
"""

import dataclasses
import json
import math
from collections import deque
from collections.abc import Callable, Iterable
from json import encoder as json_encoder
from typing import Any, TypeAlias

import pydantic
from pydantic_core import to_json

from trivium.responding.encoders import BY_TYPE, LEAF_TYPES, jsonable_encoder
from trivium.responding.trees import written_at_once

__all__ = ["encode_json", "encode_json_stream_item"]

Writer: TypeAlias = Callable[[Any], str]

# Exact types throughout: a subclass may be an enum, a named tuple, or have a say of its own.
_ATOMS = frozenset({str, int, float, bool, type(None)})
# Pydantic writes these as ``json`` does, several times faster. It writes large floats differently.
_SAME_TO_PYDANTIC = frozenset({str, int, bool, type(None)})
_TREES = frozenset({dict, list, tuple})
# From about so many items on it is cheaper to look at them first and write them at once.
_MANY = 16
_SEQUENCES = frozenset({list, tuple, set, frozenset, deque})


def encode_json(value: Any) -> bytes:
    """``value`` as compact JSON in UTF-8, the same bytes as FastAPI's default reply.

    Raises ``ValueError`` for NaN and the infinities, which JSON does not have, ``TypeError`` or
    ``ValueError`` for what cannot be encoded, ``UnicodeEncodeError`` for a lone surrogate.
    """
    kind = type(value)
    if kind is dict:
        for key, item in value.items():
            if type(item) not in _SAME_TO_PYDANTIC or type(key) is not str:
                if _has_many(value):
                    return written_at_once(value) or _write_compact(_plain(value)).encode()
                break
        else:
            try:
                written = to_json(value)
            except ValueError:
                # a lone surrogate: the error is raised below
                return _write_compact(value).encode()
            # Keys of SQLAlchemy's are left out, and begin so; as a rule there is none. (`in` makes
            # an error first, and takes ten times as long; from the left it takes twice.)
            if written.rfind(b'"_sa') < 0:
                return written
    elif (kind is list or kind is tuple) and len(value) >= _MANY:
        return written_at_once(value) or _write_compact(_plain(value)).encode()
    return _write_compact(_plain(value)).encode()


def _has_many(value: dict[Any, Any]) -> bool:
    """Whether something in ``value`` is large; no more than a look at each, as most are small."""
    for item in value.values():  # noqa: SIM110 - a generator costs more than the looks
        if type(item) in _TREES and len(item) >= _MANY:
            return True
    return False


def encode_json_stream_item(value: Any) -> bytes:
    """``value`` as one line of JSON in ASCII, for the items of a stream without an item type.

    NaN and the infinities become ``null``: the stream has begun, it is too late for an error.
    """
    plain = _plain(value)
    try:
        return _write_line(plain).encode()
    except ValueError:
        return _write_line_with_nan(_finite(plain)).encode()


def _plain(value: Any) -> Any:
    """What ``jsonable_encoder`` makes of ``value``; the value itself where that is equal to it."""
    kind = type(value)
    return value if kind in _ATOMS else _ROADS.get(kind, _odd)(value)


# The roads call each other without a step in between: one Python frame for each level of nesting,
# as in ``jsonable_encoder``, so that both reach equally deep.


def _dict(value: dict[Any, Any]) -> Any:
    flat = True
    for key, item in value.items():
        kind = type(key)
        if (kind is str and key.startswith("_sa")) or kind not in _ATOMS:
            return jsonable_encoder(value)
        if type(item) not in _ATOMS:
            flat = False
    if flat:
        return value
    made = {}
    for key, item in value.items():
        kind = type(item)
        made[key] = item if kind in _ATOMS else _ROADS.get(kind, _odd)(item)
    return made


def _items(value: Iterable[Any]) -> list[Any]:
    made = []
    for item in value:
        kind = type(item)
        made.append(item if kind in _ATOMS else _ROADS.get(kind, _odd)(item))
    return made


def _leaf(value: Any) -> Any:
    # Looked up each time: a program may have put an encoder of its own there, or taken one away.
    encoder = BY_TYPE.get(type(value), jsonable_encoder)
    return encoder(value)


def _odd(value: Any) -> Any:
    if isinstance(value, pydantic.BaseModel):
        # With the arguments of ``jsonable_encoder``, because a model may override the method.
        dumped = value.model_dump(
            mode="json",
            include=None,
            exclude=None,
            by_alias=True,
            exclude_unset=False,
            exclude_defaults=False,
            exclude_none=False,
        )
        return _plain(dumped)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain(dataclasses.asdict(value))
    return jsonable_encoder(value)


_ROADS: dict[type[Any], Callable[[Any], Any]] = {
    dict: _dict,
    **dict.fromkeys(_SEQUENCES, _items),
    **dict.fromkeys(LEAF_TYPES, _leaf),
}


def _finite(plain: Any) -> Any:
    """A copy with ``None`` in place of NaN and the infinities; keys stay as they are."""
    if isinstance(plain, float):
        return plain if math.isfinite(plain) else None
    if isinstance(plain, dict):
        return {key: _finite(item) for key, item in plain.items()}
    if isinstance(plain, list | tuple):
        return [_finite(item) for item in plain]
    return plain


def _writer(*, separators: tuple[str, str], ascii_only: bool, allow_nan: bool) -> Writer:
    """``json.dumps`` with these options, without what it does again on every call.

    The check for cycles is left out: ``_plain`` comes back only from values that have an end.
    """
    encoder = json.JSONEncoder(
        ensure_ascii=ascii_only,
        allow_nan=allow_nan,
        check_circular=False,
        separators=separators,
    )
    # ``JSONEncoder.encode`` makes this C object for each call; without markers for cycles it keeps
    # no state. Interpreters without the C module do not have it.
    make = getattr(json_encoder, "c_make_encoder", None)
    if make is None:
        return encoder.encode
    escape = json_encoder.encode_basestring_ascii if ascii_only else json_encoder.encode_basestring
    item_separator, key_separator = separators
    chunks = make(
        None,
        encoder.default,
        escape,
        None,
        key_separator,
        item_separator,
        False,
        False,
        allow_nan,
    )

    def write(plain: Any) -> str:
        return "".join(chunks(plain, 0))

    return write


_write_compact = _writer(separators=(",", ":"), ascii_only=False, allow_nan=False)
_write_line = _writer(separators=(", ", ": "), ascii_only=True, allow_nan=False)
_write_line_with_nan = _writer(separators=(", ", ": "), ascii_only=True, allow_nan=True)
