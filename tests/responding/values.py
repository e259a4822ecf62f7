"""Wild values for the encoders, as recipes: a value that can be read only once is made afresh."""

import dataclasses
import datetime
import enum
import ipaddress
import re
import warnings
from collections import OrderedDict, defaultdict, deque, namedtuple
from decimal import Decimal
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any, NamedTuple

from hypothesis import strategies as st
from pydantic import (
    AnyUrl,
    BaseModel,
    ConfigDict,
    Field,
    NameEmail,
    RootModel,
    SecretBytes,
    SecretStr,
    field_serializer,
)
from pydantic import dataclasses as pydantic_dataclasses
from pydantic_core import PydanticUndefined, Url

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from pydantic.color import Color

    COLOR = Color("blue")


class Plain(enum.Enum):
    TEXT = "text"
    NUMBER = 1
    DATE = datetime.date(2013, 1, 1)
    DECIMAL = Decimal("1.5")
    PAIR = (1, "a")
    NOTHING = None


class Text(enum.StrEnum):
    A = "a"
    STATE = "_sa_text"


class OldText(str, enum.Enum):  # noqa: UP042  # as people wrote it before 3.11
    A = "a"
    B = "_sa_old"


class Number(enum.IntEnum):
    ONE = 1


class Flags(enum.IntFlag):
    X = 1
    Y = 2


class Mixed(float, enum.Enum):
    HALF = 0.5


class Str(str):
    __slots__ = ()


class Int(int):
    pass


class Float(float):
    pass


class Bytes(bytes):
    pass


class Date(datetime.date):
    pass


class Dict(dict):
    pass


class Liar(dict):
    """A dict whose items are not its keys."""

    def items(self):
        return [*super().items(), ("made up", 1)]


class List(list):
    pass


class Frozen(frozenset):
    pass


Point = namedtuple("Point", ["x", "y"])


class Typed(NamedTuple):
    name: Any


class Flight(BaseModel):
    number: int
    carrier: str | None = None
    delay: float = 0.0
    seen: datetime.datetime | None = None
    price: Decimal | None = None


class Aliased(BaseModel):
    model_config = ConfigDict(extra="allow", populate_by_name=True)
    flight_number: int = Field(alias="flightNumber")


class Times(BaseModel):
    at: datetime.datetime

    @field_serializer("at")
    def only_the_year(self, at: datetime.datetime) -> int:
        return at.year


class Root(RootModel[list[Any]]):
    pass


class Talkative(BaseModel):
    a: int = 1

    def model_dump(self, **options: Any) -> dict[str, Any]:
        return {"options": sorted(options), **super().model_dump(**options)}


@dataclasses.dataclass
class Data:
    name: Any
    inner: Any = None
    _sa_state: int = 1


@pydantic_dataclasses.dataclass
class PydanticData:
    at: datetime.date


class Thing:
    def __init__(self, inner: Any) -> None:
        self.name = "thing"
        self.inner = inner
        self._sa_instance_state = object()


class Dictable:
    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __iter__(self):
        return iter([("inner", self.inner), (1, None)])


class Mapping:
    def keys(self):
        return ["a", "_sa_b"]

    def __getitem__(self, key):
        return key


class Closed:
    __slots__ = ()


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**200), 2**200),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["_sa_x", "_sa", "_Sa", "x_sa", '"', "\u2028", "\x00", "\ud800", "ä🛫"]),
)

ODDITIES = [
    *Plain,
    *Text,
    *OldText,
    *Number,
    *Flags,
    *Mixed,
    Flags.X | Flags.Y,
    Str("s"),
    Str("_sa_s"),
    Int(5),
    Float(0.1),
    Float("nan"),
    Bytes(b"b"),
    Bytes(b"\xff"),
    Date(2013, 1, 1),
    ipaddress.ip_network("10.0.0.0/8"),
    ipaddress.ip_interface("::1/128"),
    PurePosixPath("/a/b"),
    PureWindowsPath("c:\\a"),
    re.compile("a+"),
    re.compile(b"a+"),
    SecretStr("x"),
    SecretBytes(b"x"),
    AnyUrl("https://example.org/a?b=c"),
    Url("https://example.org/a"),
    NameEmail("Ann", "ann@example.org"),
    COLOR,
    PydanticUndefined,
    Closed(),
    object(),
    object,
    len,
    Ellipsis,
    2j,
    range(3),
    memoryview(b"m"),
    bytearray(b"m"),
    Mapping(),
    Talkative(),
]

OTHERS = st.one_of(
    st.dates(),
    st.datetimes(timezones=st.sampled_from([None, datetime.UTC])),
    st.times(),
    st.timedeltas(),
    st.decimals(),
    st.uuids(),
    st.binary(max_size=4),
    st.ip_addresses(),
    st.sampled_from(ODDITIES),
)

LEAVES = st.one_of(SCALARS, SCALARS, OTHERS)


def _hashable(value: Any) -> bool:
    try:
        hash(value)
    except (TypeError, ValueError):
        return False
    return True


KEYS = st.one_of(st.text(max_size=4), st.text(max_size=4), LEAVES.filter(_hashable))


def _made(kind):
    """A strategy of recipes for ``kind(items)``, given one of lists of recipes."""
    return lambda recipes: lambda: kind(recipe() for recipe in recipes)


def _always(kind):
    return lambda items: lambda: kind(items)


def _generator(recipes):
    def make():
        for recipe in recipes:
            yield recipe()

    return make


def _mapping(kind):
    return lambda pairs: lambda: kind({key: recipe() for key, recipe in pairs})


def _containers(children):
    many = st.lists(children, max_size=4)
    pairs = st.lists(st.tuples(KEYS, children), max_size=4)
    texts = st.lists(st.tuples(st.text(max_size=3), children), max_size=4)
    return st.one_of(
        *(many.map(_made(kind)) for kind in (list, list, tuple, deque, List)),
        many.map(_generator),
        # Of the same objects each time, or else the order of a set would be another each time.
        *(
            st.lists(LEAVES.filter(_hashable), max_size=4).map(_always(kind))
            for kind in (set, frozenset, Frozen)
        ),
        *(texts.map(_mapping(kind)) for kind in (dict, dict, dict, Dict)),
        *(pairs.map(_mapping(kind)) for kind in (dict, OrderedDict, Liar)),
        pairs.map(_mapping(lambda items: defaultdict(list, items))),
        texts.map(_mapping(lambda items: Aliased(flightNumber=1, **_named(items)))),
        children.map(lambda recipe: lambda: Point(recipe(), recipe())),
        children.map(lambda recipe: lambda: Typed(recipe())),
        children.map(lambda recipe: lambda: Data(recipe(), Data(recipe()))),
        children.map(lambda recipe: lambda: Thing(recipe())),
        children.map(lambda recipe: lambda: Dictable(recipe())),
        children.map(lambda recipe: lambda: Root([recipe()])),
        st.datetimes().map(lambda at: lambda: Times(at=at)),
        st.dates().map(lambda at: lambda: PydanticData(at)),
        st.builds(Flight, number=st.integers()).map(lambda flight: lambda: flight),
    )


def _named(items: dict[str, Any]) -> dict[str, Any]:
    return {f"x{key}": value for key, value in items.items()} | {"_sa_extra": 1}


RECIPES = st.recursive(LEAVES.map(lambda value: lambda: value), _containers, max_leaves=12)
"""Functions without arguments that make a value; a new one each time."""
