"""A Python value becomes one that JSON can hold: ``jsonable_encoder``.

It is the slow and complete road, with all of Pydantic's filters. A reply takes the quick one of
``plain.py`` where no filter applies, and arrives at the same bytes.
"""

import dataclasses
import datetime
import importlib
import sys
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from decimal import Decimal
from enum import Enum
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from pathlib import Path, PurePath
from re import Pattern
from types import GeneratorType
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

import pydantic
from pydantic.types import SecretBytes, SecretStr
from pydantic_core import PydanticUndefinedType, Url

from trivium.errors import PydanticV1NotSupportedError

__all__ = [
    "ENCODERS_BY_TYPE",
    "decimal_encoder",
    "encoders_by_class_tuples",
    "generate_encoders_by_class_tuples",
    "isoformat",
    "jsonable_encoder",
]

Encoder: TypeAlias = Callable[[Any], Any]

if TYPE_CHECKING:
    from pydantic.main import IncEx

    ENCODERS_BY_TYPE: dict[type[Any], Encoder]
    encoders_by_class_tuples: dict[Encoder, tuple[Any, ...]]

_SCALARS = (str, int, float, type(None))
_EXACT_SCALARS = frozenset({*_SCALARS, bool})
LEAF_TYPES: frozenset[type[Any]] = frozenset(
    {
        bytes,
        datetime.date,
        datetime.datetime,
        datetime.time,
        datetime.timedelta,
        Decimal,
        UUID,
    }
)
"""The types most often met that need an encoder: a value of exactly such a type is nothing else."""
_SEQUENCES = (list, tuple, set, frozenset, deque, GeneratorType)


def isoformat(o: datetime.date | datetime.time) -> str:
    """A date, time or datetime as ISO 8601 writes it; the UTC offset is there if the value has one.

    >>> isoformat(datetime.date(2013, 1, 1))
    '2013-01-01'
    """
    return o.isoformat()


def decimal_encoder(dec_value: Decimal) -> int | float:
    """An ``int`` where the decimal has no fractional digits, else the nearest ``float``.

    So a ``NUMERIC(10, 0)`` key comes back as it went. NaN and the infinities become floats.

    >>> decimal_encoder(Decimal("12")), decimal_encoder(Decimal("12.0"))
    (12, 12.0)
    """
    exponent = dec_value.as_tuple().exponent
    # The exponent of NaN and of the infinities is a letter.
    whole = isinstance(exponent, int) and exponent >= 0
    return int(dec_value) if whole else float(dec_value)


BY_TYPE: dict[type[Any], Encoder] = {
    bytes: lambda octets: octets.decode(),
    datetime.date: isoformat,
    datetime.datetime: isoformat,
    datetime.time: isoformat,
    datetime.timedelta: lambda duration: duration.total_seconds(),
    Decimal: decimal_encoder,
    Enum: lambda member: member.value,
    frozenset: list,
    deque: list,
    GeneratorType: list,
    IPv4Address: str,
    IPv4Interface: str,
    IPv4Network: str,
    IPv6Address: str,
    IPv6Interface: str,
    IPv6Network: str,
    Path: str,
    Pattern: lambda pattern: pattern.pattern,
    SecretBytes: str,
    SecretStr: str,
    set: list,
    UUID: str,
    Url: str,
}
"""How a value of exactly this type is encoded; adding to it teaches the encoder a type.

Types that JSON knows, containers, models, dataclasses and enum members never get this far. Those of
``_LATER`` are here as soon as a value of one may be met; ``ENCODERS_BY_TYPE`` has them all.
"""
_LATER = {
    "pydantic.networks": ("AnyUrl", "NameEmail"),
    # Pydantic's colour moved to a package of its own.
    "pydantic.color": ("Color",),
    "pydantic_extra_types.color": ("Color",),
}
"""Types in modules that take much memory. A value of one exists only where its module does."""


def generate_encoders_by_class_tuples(
    type_encoder_map: Mapping[Any, Encoder],
) -> dict[Encoder, tuple[Any, ...]]:
    """The map turned round, so that one ``isinstance`` asks for all classes of an encoder."""
    classes: defaultdict[Encoder, tuple[Any, ...]] = defaultdict(tuple)
    for class_, encoder in type_encoder_map.items():
        classes[encoder] += (class_,)
    return classes


_by_class = generate_encoders_by_class_tuples(BY_TYPE)


def _is_there(module: str) -> bool:
    return all(hasattr(sys.modules.get(module), name) for name in _LATER[module])


def _take_in(modules: Iterable[str]) -> None:
    """Adds the types that these modules have to the tables."""
    global _by_class
    for module in [each for each in modules if each in _LATER]:
        for name in _LATER.pop(module):
            BY_TYPE.setdefault(getattr(sys.modules[module], name), str)
        _by_class = generate_encoders_by_class_tuples(BY_TYPE)


def __getattr__(name: str) -> Any:
    # These are FastAPI's, for programs that look into them or change them.
    if name not in ("ENCODERS_BY_TYPE", "encoders_by_class_tuples"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    for module in list(_LATER):
        try:
            importlib.import_module(module)
        except ImportError:
            continue
        _take_in([module])
    return BY_TYPE if name == "ENCODERS_BY_TYPE" else _by_class


def jsonable_encoder(
    obj: Any,
    include: "IncEx | None" = None,
    exclude: "IncEx | None" = None,
    by_alias: bool = True,
    exclude_unset: bool = False,
    exclude_defaults: bool = False,
    exclude_none: bool = False,
    custom_encoder: dict[Any, Callable[[Any], Any]] | None = None,
    sqlalchemy_safe: bool = True,
) -> Any:
    """``obj`` made of nothing but dicts, lists and the scalars of JSON, in new containers.

    Pydantic models are dumped by themselves with the given filters, msgspec Structs by msgspec.
    Dataclasses and attrs classes give their fields, other objects what ``dict()`` or ``vars()``
    sees in them. ``include``, ``exclude`` and ``exclude_none`` hold for dicts and objects too.

    ``custom_encoder`` maps types to functions; its result is taken as it is, and it is asked
    before anything else, first for the exact type and then in its own order for a base class. It
    does not reach into Pydantic models. ``sqlalchemy_safe`` leaves out keys that start with
    ``_sa``, where SQLAlchemy keeps the state of a mapped object.

    NaN and the infinities stay floats: whether JSON may hold them is for the writer to say.

    Raises ``ValueError`` for an object in which neither ``dict()`` nor ``vars()`` sees anything,
    and ``PydanticV1NotSupportedError`` for a model of ``pydantic.v1``.
    """
    walk = _Walk(
        by_alias=by_alias,
        exclude_unset=exclude_unset,
        exclude_defaults=exclude_defaults,
        exclude_none=exclude_none,
        custom_encoder=custom_encoder or {},
        sqlalchemy_safe=sqlalchemy_safe,
    )
    return walk.encode(obj, _keys(include), _keys(exclude))


def _keys(names: Any) -> Any:
    """Pydantic takes a set or a nested dict; people also pass lists."""
    return names if names is None or isinstance(names, set | dict) else set(names)


@dataclasses.dataclass(frozen=True, slots=True)
class _Walk:
    """One call of ``jsonable_encoder``: the options that hold all the way down."""

    by_alias: bool
    exclude_unset: bool
    exclude_defaults: bool
    exclude_none: bool
    custom_encoder: Mapping[Any, Encoder]
    sqlalchemy_safe: bool

    # One Python frame for each level of nesting, so that whatever ``json.loads`` reads can be
    # written back within the interpreter's recursion limit. That is why the loops stand in here.
    def encode(self, obj: Any, include: Any = None, exclude: Any = None) -> Any:
        if self.custom_encoder and (custom := self._custom(obj)) is not None:
            return custom(obj)
        kind = type(obj)
        if kind in _EXACT_SCALARS:
            return obj
        if kind in LEAF_TYPES and kind in BY_TYPE:
            return BY_TYPE[kind](obj)
        if isinstance(obj, pydantic.BaseModel):
            return self._without_custom().encode(self._dumped(obj, include, exclude))
        if dataclasses.is_dataclass(obj):
            if isinstance(obj, type):
                raise ValueError(
                    f"The dataclass {obj.__qualname__} itself cannot be encoded, only its instances"
                )
            return self.encode(dataclasses.asdict(obj), include, exclude)
        if isinstance(obj, Enum):
            return obj.value
        if isinstance(obj, PurePath):
            return str(obj)
        if isinstance(obj, _SCALARS):
            return obj
        if isinstance(obj, PydanticUndefinedType):
            return None
        if isinstance(obj, dict):
            encoded = {}
            for key, value in self._kept(obj, include, exclude):
                encoded_key = self.encode(key)
                encoded[encoded_key] = self.encode(value)
            return encoded
        if isinstance(obj, _SEQUENCES):
            items = []
            for item in obj:
                items.append(self.encode(item, include, exclude))
            return items
        if (encoder := _encoder_for(obj)) is not None:
            return encoder(obj)
        return self.encode(_taken_apart(obj, self.encode), include, exclude)

    def _custom(self, obj: Any) -> Encoder | None:
        if (exact := self.custom_encoder.get(type(obj))) is not None:
            return exact
        for class_, encoder in self.custom_encoder.items():
            if isinstance(obj, class_):
                return encoder
        return None

    def _without_custom(self) -> "_Walk":
        """Inside of a model a custom encoder would see Pydantic's strings, not the values."""
        return dataclasses.replace(self, custom_encoder={}) if self.custom_encoder else self

    def _dumped(self, model: "pydantic.BaseModel", include: Any, exclude: Any) -> Any:
        return model.model_dump(
            mode="json",
            include=include,
            exclude=exclude,
            by_alias=self.by_alias,
            exclude_unset=self.exclude_unset,
            exclude_defaults=self.exclude_defaults,
            exclude_none=self.exclude_none,
        )

    def _kept(
        self, mapping: dict[Any, Any], include: Any, exclude: Any
    ) -> Iterator[tuple[Any, Any]]:
        """The items that no option leaves out."""
        allowed: Set[Any] = mapping.keys()
        if include is not None:
            allowed = allowed & set(include)
        if exclude is not None:
            allowed = allowed - set(exclude)
        for key, value in mapping.items():
            if self.sqlalchemy_safe and isinstance(key, str) and key.startswith("_sa"):
                continue
            if key in allowed and not (self.exclude_none and value is None):
                yield key, value


def _encoder_for(obj: Any) -> Encoder | None:
    if _LATER:
        # one that another thread is importing may not have them yet
        _take_in([module for module in _LATER if _is_there(module)])
    if (exact := BY_TYPE.get(type(obj))) is not None:
        return exact
    for encoder, classes in _by_class.items():
        if isinstance(obj, classes):
            return encoder
    return None


def _taken_apart(obj: Any, encode: Encoder) -> Any:
    """An object without an encoder of its own, as a dict (a list for an array-like Struct)."""
    kind = type(obj)
    # A Struct cannot exist without msgspec, so there is no need to import it.
    if hasattr(kind, "__struct_fields__") and (msgspec := sys.modules.get("msgspec")):
        return msgspec.to_builtins(obj, str_keys=True, enc_hook=encode)
    if (fields := getattr(kind, "__attrs_attrs__", None)) is not None:
        return {field.name: getattr(obj, field.name) for field in fields}
    _refuse_pydantic_v1(obj)
    try:
        return dict(obj)
    except Exception as not_a_dict:
        try:
            return vars(obj)
        except Exception as without_vars:
            raise ValueError([not_a_dict, without_vars]) from without_vars


def _refuse_pydantic_v1(obj: Any) -> None:
    # Importing ``pydantic.v1`` costs a good part of a second and warns on recent Pythons; a model
    # of it exists only where somebody else imported it.
    v1 = sys.modules.get("pydantic.v1")
    if v1 is not None and isinstance(obj, v1.BaseModel):
        raise PydanticV1NotSupportedError(
            f"Models of pydantic.v1 cannot be encoded: {obj!r}",
            instead=f"class {type(obj).__name__}(pydantic.BaseModel)",
        )
