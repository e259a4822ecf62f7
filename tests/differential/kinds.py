"""Types that a program may declare, each with what a client may send for it.

A Kind is the source of an annotation, strategies of valid values for it (as text, for a query or a
form, and as JSON), and the class definitions that the annotation needs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

JSON = Any
Texts = st.SearchStrategy[tuple[str, ...]]

# Every character but surrogates, which no UTF-8 text holds; they are sent on purpose elsewhere.
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)

# What a client sends by mistake or on purpose. Ordered from dull to odd, for shrinking.
WILD_TEXTS = (
    *("", " ", "0", "1", "-1", "-0", "+1", "007", "1.0", "1.5", "1e3", "1e400", "0x10", "1_000"),
    *("nan", "inf", "-Infinity", "true", "True", "no", "on", "null", "None", "undefined"),
    *("[]", "[1]", "{}", '{"a": 1}', '"x"', "a,b", "red", "RED", "light green", "2"),
    *("2024-02-29", "2023-02-29", "2024-02-29T10:00:00Z", "10:00", "P1D", "1700000000", "-1e20"),
    *("6f0c7b1e-0d2a-4d5e-9f61-2f3f0b8c7a11", "{6f0c7b1e0d2a4d5e9f612f3f0b8c7a11}", "127.0.0.1"),
    *("é", "naïve", "日本", "\U0001f600", "١٢", "\u2028", "\x00", "\x7f", "%", "%25", "%zz", "+"),
    *("a" * 60, "9" * 30, "9" * 5000, "0." + "1" * 50, "../..", "a/b", "a;b", "a=b", "a&b", "<b>"),
)
wild_texts = st.one_of(st.sampled_from(WILD_TEXTS), words)

WILD_VALUES: tuple[JSON, ...] = (
    *(None, True, False, 0, 1, -1, 2**31, 2**63, 2**64, 10**40, 0.0, -0.0, 1.5, 1e300),
    *(math.nan, math.inf, -math.inf, "", "x", "1", "red", "nan", "é", "\x00", "\ud800", "9" * 5000),
    *([], [None], [1, "a"], [[]], {}, {"a": 1}, {"": None}, {"\ud800": 1}, [{"a": []}]),
)
wild_values = st.one_of(
    st.sampled_from(WILD_VALUES),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), words),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(words, inner, max_size=3)
        ),
        max_leaves=5,
    ),
)


@dataclass(frozen=True)
class Kind:
    """A type as a program writes it, and the values that satisfy it.

    `constraints` lists keyword arguments of Query() and its sisters that suit the type; `many` says
    that its text form is a list of values; `sources` are class definitions, dependencies first;
    `parts` are, for a model of flat fields, the keys and the kind of each field.
    """

    annotation: str
    texts: Texts = field(repr=False, compare=False)
    values: st.SearchStrategy[JSON] = field(repr=False, compare=False)
    default: str = "None"
    constraints: tuple[str, ...] = ()
    many: bool = False
    sources: tuple[str, ...] = field(default=(), repr=False)
    parts: tuple[tuple[tuple[str, ...], Kind], ...] = field(default=(), repr=False)


def _kind(
    annotation: str,
    texts: st.SearchStrategy[str],
    values: st.SearchStrategy[JSON] | None,
    default: str,
    *constraints: str,
) -> Kind:
    values = texts if values is None else values
    return Kind(annotation, st.tuples(texts), values, default, constraints)


_integers = st.integers(-100, 100)
_floats = st.floats(allow_nan=False, allow_infinity=False, width=16)
_uuids = st.uuids().map(str)
_stamps = st.datetimes().map(lambda moment: moment.isoformat())
_delays = st.sampled_from(["P1D", "PT1H", "12.5", "-P3DT1H", "1 day, 00:00:10"])

SCALARS = (
    _kind("str", words, None, "'x'", "min_length=1", "max_length=3", "pattern='^[a-z]*$'"),
    _kind("int", _integers.map(str), _integers, "7", "ge=0", "lt=10", "multiple_of=3", "gt=-5"),
    _kind("float", _floats.map(repr), _floats, "1.5", "le=2.5", "allow_inf_nan=False", "gt=0"),
    _kind(
        "bool",
        st.sampled_from(["true", "0", "yes", "off"]),
        st.booleans(),
        "True",
        "strict=True",
    ),
    _kind("Color", st.sampled_from(["red", "light green"]), None, "Color.red"),
    _kind("Level", st.sampled_from(["1", "2"]), st.sampled_from([1, 2]), "Level.low"),
    _kind("Literal['a', 'b']", st.sampled_from(["a", "b"]), None, "'a'"),
    _kind("Literal[1, 'two', None]", st.sampled_from(["two"]), st.sampled_from([1, "two"]), "1"),
    _kind("datetime", _stamps, None, "datetime(2024, 2, 29, 10)"),
    _kind("date", st.dates().map(str), None, "date(2024, 2, 29)", "gt=date(2020, 1, 1)"),
    _kind("time", st.times().map(str), None, "time(10, 30)"),
    _kind("timedelta", _delays, None, "timedelta(hours=3)", "ge=timedelta(0)"),
    _kind("UUID", _uuids, None, "UUID(int=5)"),
    _kind(
        "Decimal",
        st.decimals(-100, 100, places=2).map(str),
        None,
        "Decimal('1.50')",
        "max_digits=4",
        "decimal_places=1",
        "ge=0",
    ),
    _kind("bytes", words, None, "b'x'", "max_length=4"),
    _kind("IPv4Address", st.sampled_from(["127.0.0.1"]), None, "IPv4Address('10.0.0.1')"),
    _kind("PurePosixPath", st.sampled_from(["a/b"]), None, "PurePosixPath('/x')"),
    _kind("HttpUrl", st.sampled_from(["http://a.b/c?d=e", "HTTPS://É.example"]), None, "None"),
    _kind("Any", words, wild_values, "None"),
    _kind("Annotated[int, Field(ge=0, le=9)]", st.sampled_from("0123"), _integers, "3"),
    _kind(
        "Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, min_length=1)]",
        words,
        None,
        "'x'",
    ),
)
scalars = st.sampled_from(SCALARS)


def _sequence(form: str, item: Kind, default: str) -> Kind:
    texts = st.lists(item.texts.map(lambda one: one[0]), max_size=3).map(tuple)
    values = st.lists(item.values, max_size=3)
    annotation = form.format(item.annotation)
    return Kind(annotation, texts, values, default, ("min_length=1",), True, item.sources)


SEQUENCES = (
    ("list[{}]", "[]"),
    ("set[{}]", "set()"),
    ("tuple[{}, ...]", "()"),
    ("frozenset[{}]", "frozenset()"),
    ("Sequence[{}]", "()"),
    ("list[Optional[{}]]", "[]"),
)
# Kept out of sets: two of them may be equal and yet differ, so which one stays is an accident.
_hashable = st.sampled_from(SCALARS[:6] + SCALARS[8:12])
sequences = st.one_of(
    st.builds(
        lambda form, item: _sequence(form[0], item, form[1]), st.sampled_from(SEQUENCES), _hashable
    ),
    st.builds(
        lambda one, two: Kind(
            f"tuple[{one.annotation}, {two.annotation}]",
            st.tuples(one.texts, two.texts).map(lambda pair: pair[0] + pair[1]),
            st.tuples(one.values, two.values).map(list),
            "()",
            many=True,
            sources=one.sources + two.sources,
        ),
        _hashable,
        _hashable,
    ),
    st.just(Kind("list", st.lists(words, max_size=2).map(tuple), st.just([1]), "[]", many=True)),
)


def optional(kind: Kind) -> Kind:
    """The kind or None."""
    return Kind(
        f"Optional[{kind.annotation}]",
        kind.texts,
        st.one_of(kind.values, st.none()),
        "None",
        kind.constraints,
        kind.many,
        kind.sources,
        kind.parts,
    )


def union(one: Kind, two: Kind) -> Kind:
    """Either kind, in Pydantic's smart mode."""
    return Kind(
        f"Union[{one.annotation}, {two.annotation}]",
        st.one_of(one.texts, two.texts),
        st.one_of(one.values, two.values),
        one.default,
        many=one.many or two.many,
        sources=one.sources + two.sources,
        parts=one.parts + two.parts,
    )


# What a query, a header, a cookie or a form field may hold.
flat_kinds = st.one_of(
    scalars,
    scalars.map(optional),
    sequences,
    sequences.map(optional),
    st.builds(union, scalars, scalars),
)
