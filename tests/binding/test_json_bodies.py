"""A body that Pydantic reads by itself means what it means when its JSON is parsed first."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, field_validator
from pydantic_core import from_json

from trivium import App, Body
from trivium.binding.fields import Field as Declared
from trivium.binding.json_bodies import json_reader
from trivium.testing import TestClient


class Line(BaseModel):
    model_config = ConfigDict(extra="allow")
    sku: Annotated[str, Field(min_length=2, max_length=20)]
    quantity: Annotated[int, Field(ge=0)] = 1
    price: float = Field(default=0.5, alias="cost")


class Order(BaseModel):
    """The types that may be read so, with a reference to itself."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)
    number: int
    is_paid: bool = False
    at: datetime | None = None
    on: date | None = None
    id: UUID | None = None
    lines: list[Line] = []
    sizes: dict[str, float] = {}
    parent: Order | None = None
    nothing: None = None


class Counted(BaseModel):
    n: int
    _calls: int = PrivateAttr(default=0)


class Checked(BaseModel):
    n: int

    @field_validator("n")
    @classmethod
    def even(cls, value: int) -> int:
        return value - value % 2


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)
    at: date


class Made(BaseModel):
    def __init__(self, **values: Any) -> None:
        super().__init__(**values)

    n: int


TYPES = [
    Order,
    list[Order],
    Line,
    dict[str, Line],
    list[int],
    float,
    bool,
    str,
    datetime,
    date,
    UUID,
]


def declared(annotation: Any) -> Declared:
    return Declared(Body(annotation=annotation), "body")


def outcome(make: Any) -> Any:
    try:
        return make()
    except ValueError:
        return "refused"


def shown(value: Any) -> str:
    """With the types, and the order of keys."""
    if isinstance(value, BaseModel):
        return f"{type(value).__name__}{value.model_fields_set}{shown(dict(value))}"
    if isinstance(value, dict):
        return "{" + ",".join(f"{shown(key)}:{shown(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(shown, value)) + "]"
    return f"{type(value).__name__}:{value!r}"


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["1", "0", "true", "off", "1.0", " 7 ", "1e3", "NaN", "", "2026-11-26"])
    | st.sampled_from(["2026-11-26T10:00:00Z", "2026-11-26 10:00", "1732615200", "10:00"])
    | st.sampled_from([1.0, 0, 1, -0.0, 2**63, -(2**63) - 1, 2**200, 1e300, 1e16])
    | st.uuids().map(str)
)
NAMES = st.sampled_from([*Order.model_fields, "sku", "quantity", "cost", "price", "other"])
ANY = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=12,
)
LINES = st.fixed_dictionaries(
    {"sku": st.text(min_size=2, max_size=4)},
    optional={"quantity": SCALARS, "cost": SCALARS, "more": ANY},
)
ORDERS = st.fixed_dictionaries(
    {"number": st.integers() | SCALARS},
    optional={
        "is_paid": st.booleans() | SCALARS,
        "at": st.datetimes().map(str) | SCALARS,
        "on": st.dates().map(str) | SCALARS,
        "id": st.uuids().map(str) | SCALARS,
        "lines": st.lists(LINES, max_size=3) | ANY,
        "sizes": st.dictionaries(st.text(max_size=4), st.floats() | SCALARS, max_size=3),
        "parent": st.fixed_dictionaries({"number": st.integers()}) | ANY,
        "nothing": st.none() | SCALARS,
    },
)


@pytest.mark.parametrize("annotation", TYPES, ids=str)
def test_these_types_are_read_at_once(annotation: Any) -> None:
    assert json_reader(declared(annotation)) is not None


@pytest.mark.parametrize(
    "annotation",
    [
        Checked,
        Strict,
        Made,
        Counted,
        list[Checked],
        Annotated[int, BeforeValidator(int)],
        int | str,
        Any,
        object,
        bytes,
        Literal["a"],
        tuple[int, ...],
        set[int],
        Strict | None,
    ],
    ids=str,
)
def test_what_may_tell_json_from_python_is_not(annotation: Any) -> None:
    assert json_reader(declared(annotation)) is None


@given(value=ORDERS | ANY, indent=st.sampled_from([None, 1]), ascii_only=st.booleans())
@settings(max_examples=300, deadline=None)
def test_a_value_is_the_same_by_both_ways(value: Any, indent: Any, ascii_only: bool) -> None:
    raw = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    for annotation in TYPES:
        field = declared(annotation)
        read = json_reader(field)
        assert read is not None
        at_once = outcome(lambda read=read: read(raw))
        if at_once == "refused":
            continue
        parsed = field.checker.validator.validate_python(from_json(raw), from_attributes=True)
        assert shown(at_once) == shown(parsed)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"number":1,"number":2}',
        b'{"number":1,"sizes":{"a":1,"a":2}}',
        b'{"number":1e2}',
        b'{"number":1.0000000000000000001}',
        b'{"number":-0}',
        b'{"number":' + b"9" * 500 + b"}",
        b'{"number":1,"sizes":{"a":Infinity,"b":-Infinity,"c":NaN}}',
        b'{"number":1,"sizes":{"a":1e999}}',
        b'{"number":1,"lines":[{"sku":"\\ud83d\\ude00"}]}',
        b'{"number":1,"lines":[{"sku":"\\ud83d!"}]}',
        b' {"number" : 1 }\n',
        b'{"number":1} x',
        b'\xef\xbb\xbf{"number":1}',
        '{"number":1}'.encode("utf-16"),
        b"[" * 300 + b"]" * 300,
        b"null",
        b"",
    ],
)
def test_a_reply_does_not_tell_how_a_body_was_read(raw: bytes) -> None:
    app = App()
    seen: list[str] = []

    @app.post("/at-once")
    async def at_once(order: Order) -> None:
        seen.append(shown(order))

    @app.post("/parsed")
    def parsed(order: Order) -> None:
        # a `def` handler is called by the long way
        seen.append(shown(order))

    client = TestClient(app)
    headers = {"content-type": "application/json"}
    first, second = (
        client.post(path, content=raw, headers=headers) for path in ("/at-once", "/parsed")
    )

    assert (first.status_code, first.content) == (second.status_code, second.content)
    assert len(seen) in (0, 2)
    assert len(set(seen)) < 2
