"""``jsonable_encoder`` does what FastAPI's does, and knows two more kinds of class."""

import datetime
import decimal
import enum
import inspect
import json
import subprocess
import sys
import warnings
from typing import Any

import attrs
import fastapi.encoders as reference
import msgspec
import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from pydantic import BaseModel

from tests.differential.profiles import fuzz
from tests.responding.values import ODDITIES, RECIPES, Data, Flight, Plain, Str
from trivium.errors import PydanticV1NotSupportedError
from trivium.responding import encoders
from trivium.responding.encoders import jsonable_encoder


def outcome(encode, *args, **options):
    """What came out, or the type of error: values that cannot be encoded count as well."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pydantic's, about extras of another type
        try:
            return same(encode(*args, **options))
        except Exception as error:
            return type(error)


def same(value: Any) -> Any:
    """The value in a form that ``==`` compares exactly: types, order, NaN."""
    if isinstance(value, dict):
        return type(value), [(same(key), same(item)) for key, item in value.items()]
    if isinstance(value, list):
        return type(value), [same(item) for item in value]
    return type(value), repr(value)


NAMES = st.one_of(
    st.none(),
    st.sampled_from(
        [
            set(),
            {},
            {"name"},
            {"number", "inner"},
            {"name": True, "number": True},
            ["name"],
            ("number", "delay"),
            {0},
        ]
    ),
)
CUSTOM = st.one_of(
    st.none(),
    st.sampled_from(
        [
            {},
            {str: str.upper},
            {datetime.date: lambda date: "a date"},
            {dict: lambda mapping: ["a", "dict"]},
            {Data: lambda data: [type(data.name).__name__]},
            {enum.Enum: lambda member: member.name, Plain: lambda member: "plain"},
            {int: lambda number: decimal.Decimal(number)},
            {object: lambda anything: type(anything).__name__},
        ]
    ),
)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "include": NAMES,
        "exclude": NAMES,
        "by_alias": st.booleans(),
        "exclude_unset": st.booleans(),
        "exclude_defaults": st.booleans(),
        "exclude_none": st.booleans(),
        "custom_encoder": CUSTOM,
        "sqlalchemy_safe": st.booleans(),
    },
)


@pytest.mark.slow
@fuzz(200)
@given(recipe=RECIPES, options=OPTIONS)
def test_any_value_is_encoded_as_by_fastapi(recipe, options):
    note(f"{recipe()!r} {options!r}")
    assert outcome(jsonable_encoder, recipe(), **options) == outcome(
        reference.jsonable_encoder, recipe(), **options
    )


@pytest.mark.parametrize("value", ODDITIES, ids=lambda value: type(value).__name__)
def test_an_odd_value_is_encoded_as_by_fastapi(value):
    assert outcome(jsonable_encoder, value) == outcome(reference.jsonable_encoder, value)


@fuzz(200)
@given(number=st.decimals())
def test_a_decimal_is_encoded_as_by_fastapi(number):
    assert outcome(encoders.decimal_encoder, number) == outcome(reference.decimal_encoder, number)


def test_the_signature_is_fastapis():
    ours, theirs = (
        inspect.signature(jsonable_encoder),
        inspect.signature(reference.jsonable_encoder),
    )
    assert [(p.name, p.kind, p.default) for p in ours.parameters.values()] == [
        (p.name, p.kind, p.default) for p in theirs.parameters.values()
    ]


def test_the_table_has_an_encoder_for_every_type_of_fastapis():
    missing = set(reference.ENCODERS_BY_TYPE) - set(encoders.ENCODERS_BY_TYPE)
    assert {kind.__name__ for kind in missing} <= {"PyExtraColor"}  # a placeholder where absent


def test_a_colour_is_its_text_wherever_its_class_lives():
    extra = pytest.importorskip(
        "pydantic_extra_types.color", reason="the optional types themselves are tested"
    ).Color
    assert jsonable_encoder(extra("blue")) == "blue"


def test_types_that_are_imported_late_are_known():
    program = (
        "import sys\n"
        "from trivium.responding.encoders import jsonable_encoder\n"
        "assert 'pydantic.networks' not in sys.modules\n"
        "from pydantic import AnyUrl, NameEmail\n"
        "print(jsonable_encoder([AnyUrl('http://x/'), NameEmail('Ada', 'ada@x.org')]))\n"
    )
    printed = subprocess.check_output([sys.executable, "-c", program], text=True, timeout=60)
    assert printed == "['http://x/', 'Ada <ada@x.org>']\n"


def test_a_table_is_turned_round_as_by_fastapi():
    table = {int: str, bool: str, float: repr}
    assert encoders.generate_encoders_by_class_tuples(table) == (
        reference.generate_encoders_by_class_tuples(table)
    )
    covered = {kind for kinds in encoders.encoders_by_class_tuples.values() for kind in kinds}
    assert covered == set(encoders.ENCODERS_BY_TYPE)


def test_a_type_can_be_taught_through_the_table(monkeypatch):
    class ObjectId:
        __slots__ = ()

    monkeypatch.setitem(encoders.ENCODERS_BY_TYPE, ObjectId, lambda _: "id")
    assert jsonable_encoder({"_id": ObjectId()}) == {"_id": "id"}


def test_what_is_returned_is_a_copy():
    inner = [1]
    value = {"a": inner}
    encoded = jsonable_encoder(value)
    encoded["a"].append(2)
    assert value == {"a": [1]}


def test_nesting_may_be_as_deep_as_for_fastapi():
    value: Any = 0
    for level in range(800):
        value = [value] if level % 2 else {"a": value}
    assert jsonable_encoder(value) == reference.jsonable_encoder(value) == value


def test_a_value_that_contains_itself_is_an_error():
    value: list[Any] = []
    value.append(value)
    with pytest.raises(RecursionError):
        jsonable_encoder(value)


def test_a_dataclass_itself_is_refused_with_its_name():
    with pytest.raises(ValueError, match=r"The dataclass Data itself"):
        jsonable_encoder(Data)


def test_a_model_of_pydantic_v1_is_refused_with_the_class_to_use():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pydantic import v1

    class Old(v1.BaseModel):
        name: str

    with pytest.raises(PydanticV1NotSupportedError, match=r"class Old\(pydantic\.BaseModel\)"):
        jsonable_encoder({"old": Old(name="x")})


# msgspec and attrs.


class Seat(msgspec.Struct, rename="camel", tag="seat"):
    seat_row: int
    letter: str = "A"


class Plane(msgspec.Struct):
    seats: list[Seat]
    built: datetime.date
    flight: Any = None
    by_row: dict[int, Seat] = {}


class Pair(msgspec.Struct, array_like=True):
    x: int
    y: int


def test_a_struct_is_written_as_msgspec_writes_it():
    plane = Plane([Seat(1)], datetime.date(2013, 1, 1), by_row={1: Seat(1, "B")})
    assert jsonable_encoder(plane) == json.loads(msgspec.json.encode(plane))
    assert jsonable_encoder([Pair(1, 2)]) == [[1, 2]]


def test_a_model_inside_of_a_struct_is_encoded_with_the_options():
    plane = Plane([], datetime.date(2013, 1, 1), flight=Flight(number=1))
    encoded = jsonable_encoder(plane, exclude_unset=True, exclude={"seats", "by_row"})
    assert encoded == {"built": "2013-01-01", "flight": {"number": 1}}


@attrs.define
class Airport:
    code: str
    opened: datetime.date
    _private: int = 1
    inner: Any = None


@attrs.define(slots=False)
class Loose:
    a: int


@pytest.mark.parametrize("kind", [Airport])
def test_an_attrs_class_gives_its_fields(kind):
    airport = kind("EWR", datetime.date(1928, 10, 1), inner=[Loose(1), Str("s")])
    assert jsonable_encoder(airport, exclude_none=True) == {
        "code": "EWR",
        "opened": "1928-10-01",
        "_private": 1,
        "inner": [{"a": 1}, "s"],
    }
    assert jsonable_encoder(airport, include={"code"}) == {"code": "EWR"}


def test_an_attrs_class_with_a_dict_is_encoded_as_by_fastapi():
    assert jsonable_encoder(Loose(1)) == reference.jsonable_encoder(Loose(1))


def test_importing_the_encoder_does_not_import_the_packages_it_knows():
    program = (
        "import sys, trivium.responding.encoders\n"
        "print([name for name in ('msgspec', 'attr', 'attrs', 'pydantic.v1', 'sqlalchemy')"
        " if name in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"


def test_a_model_is_dumped_once_however_it_is_nested(monkeypatch):
    dumps = []

    class Counted(BaseModel):
        inner: "Counted | None" = None

        def model_dump(self, **options):
            dumps.append(self)
            return super().model_dump(**options)

    jsonable_encoder([Counted(inner=Counted())])
    assert len(dumps) == 1
