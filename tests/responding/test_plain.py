"""The quick road to JSON ends where the complete one does."""

import json
import warnings
from decimal import Decimal
from typing import Any

import pytest
from fastapi.encoders import jsonable_encoder as reference_encoder
from fastapi.routing import _normalize_non_finite_floats
from hypothesis import given, note
from hypothesis import strategies as st
from starlette.responses import JSONResponse

from tests.differential.profiles import fuzz
from tests.responding.values import ODDITIES, RECIPES, Flight, Plain, Str, Text
from trivium.responding import encoders, plain
from trivium.responding.plain import encode_json, encode_json_stream_item


def reply(value: Any) -> bytes:
    return JSONResponse(reference_encoder(value)).body


def stream_item(value: Any) -> bytes:
    return json.dumps(_normalize_non_finite_floats(reference_encoder(value))).encode()


def outcome(encode, value):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pydantic's, about extras of another type
        try:
            return encode(value)
        except Exception as error:
            return type(error)


@pytest.mark.slow
@fuzz(200)
@given(recipe=RECIPES)
def test_a_reply_has_the_bytes_or_the_error_of_fastapis(recipe):
    note(repr(recipe()))
    assert outcome(encode_json, recipe()) == outcome(reply, recipe())


@pytest.mark.slow
@fuzz(200)
@given(recipe=RECIPES)
def test_an_item_of_a_stream_has_the_bytes_or_the_error_of_fastapis(recipe):
    note(repr(recipe()))
    assert outcome(encode_json_stream_item, recipe()) == outcome(stream_item, recipe())


@pytest.mark.parametrize("value", ODDITIES, ids=lambda value: type(value).__name__)
def test_an_odd_value_has_the_bytes_or_the_error_of_fastapis(value):
    assert outcome(encode_json, [value]) == outcome(reply, [value])
    assert outcome(encode_json_stream_item, {"a": value}) == outcome(stream_item, {"a": value})


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"_sa_instance_state": 1, "a": 2}, b'{"a":2}'),
        ([{"a": {"_sa_x": 1}}], b'[{"a":{}}]'),
        ({Str("_sa_x"): 1, Str("b"): 2}, b'{"b":2}'),
        ({Plain.TEXT: 1, Text.A: 2, Plain.NUMBER: 3}, b'{"text":1,"a":2,"1":3}'),
        ({1: 1, None: 2, False: 3, 1.5: 4}, b'{"1":1,"null":2,"false":3,"1.5":4}'),
        ("_sa_text", b'"_sa_text"'),
        (["_sa_text"], b'["_sa_text"]'),
        ((1, (2, {3})), b"[1,[2,[3]]]"),
        ((n for n in (1, Decimal("2.50"))), b"[1,2.5]"),
        ([Flight(number=1)], reply([Flight(number=1)])),
        ("ä\u2028/", '"ä\u2028/"'.encode()),
        (2**70, b"1180591620717411303424"),
    ],
)
def test_values_that_look_ordinary_and_are_not(value, written):
    assert encode_json(value) == written


@pytest.mark.parametrize("number", [float("nan"), float("inf"), Decimal("NaN"), -float("inf")])
def test_a_number_that_json_does_not_have_is_an_error_in_a_reply_and_null_in_a_stream(number):
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode_json({"a": [number]})
    assert encode_json_stream_item({"a": [number, 1]}) == b'{"a": [null, 1]}'


def test_a_generator_is_read_once_though_its_items_have_to_be_written_twice():
    numbers = (n for n in (1.0, float("nan")))
    assert encode_json_stream_item([numbers, float("inf")]) == b"[[1.0, null], null]"


def test_a_lone_surrogate_is_an_error_in_a_reply_and_escaped_in_a_stream():
    with pytest.raises(UnicodeEncodeError):
        encode_json("\ud800")
    assert encode_json_stream_item("\ud800") == b'"\\ud800"'


def test_an_unknown_object_is_the_error_of_the_json_module():
    with pytest.raises(TypeError, match="Object of type Decimal is not JSON serializable"):
        encode_json(Plain.DECIMAL)


def test_an_ordinary_value_is_written_without_the_complete_encoder(monkeypatch):
    monkeypatch.setattr(plain, "jsonable_encoder", None)
    value = {"a": [1, 2.5, True, None, "x", ("y",)], "b": {"c": Decimal(1), "d": b"e"}}
    assert encode_json(value) == b'{"a":[1,2.5,true,null,"x",["y"]],"b":{"c":1,"d":"e"}}'


def test_a_value_is_left_as_it_was():
    value = {"a": [1, {"b": Decimal("1.5")}], "_sa": 1}
    encode_json(value)
    assert value == {"a": [1, {"b": Decimal("1.5")}], "_sa": 1}


def test_an_encoder_put_into_the_table_is_used(monkeypatch):
    monkeypatch.setitem(encoders.ENCODERS_BY_TYPE, Decimal, str)
    assert encode_json([Decimal("1.50")]) == b'["1.50"]'


def test_an_encoder_taken_out_of_the_table_is_not_used(monkeypatch):
    monkeypatch.delitem(encoders.ENCODERS_BY_TYPE, bytes)
    monkeypatch.setattr(encoders, "_by_class", {bytes.hex: (bytes,)})
    assert encode_json([b"a"]) == b'["61"]'


def test_nesting_may_be_as_deep_as_for_fastapi():
    value: Any = Decimal(1)
    for level in range(800):
        value = [value] if level % 2 else {"a": value}
    assert encode_json(value) == reply(value)


def test_a_value_that_contains_itself_is_an_error():
    value: list[Any] = []
    value.append(value)
    with pytest.raises(RecursionError):
        encode_json(value)


def test_the_writer_without_the_c_module_writes_the_same(monkeypatch):
    monkeypatch.setattr(plain.json_encoder, "c_make_encoder", None)
    write = plain._writer(separators=(",", ":"), ascii_only=False, allow_nan=False)
    assert write({"a": [1, "ä"]}) == '{"a":[1,"ä"]}'


FLAT = st.dictionaries(
    st.text(), st.one_of(st.text(), st.integers(), st.booleans(), st.none()), max_size=5
)


@given(FLAT)
def test_a_flat_object_has_the_bytes_that_json_writes(value):
    written = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)

    assert encode_json(value) == written.encode()


LEAVES = st.one_of(st.text(), st.integers(), st.booleans(), st.none(), st.floats())
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner), st.tuples(inner, inner), st.dictionaries(st.text(max_size=4), inner)
    ),
    max_leaves=20,
)


@pytest.mark.slow
@fuzz(300)
@given(TREES)
def test_many_trees_have_the_bytes_or_the_error_of_fastapis(tree):
    many = [tree] * 16

    assert outcome(encode_json, many) == outcome(reply, many)
    assert outcome(encode_json, {"a": many, "b": 1}) == outcome(reply, {"a": many, "b": 1})


@pytest.mark.parametrize(
    "odd",
    [
        0.00001,
        -0.00009999,
        0.0001,
        1e15,
        1e16,
        -1e22,
        5e-324,
        float("nan"),
        -float("inf"),
        -0.0,
        2**64,
        10**400,
        "\ud800",
        "_sa",
        {"_sa_instance_state": 1, "a": 1},
        {"a": 1, Str("a"): 2},
        {Text.A: 1},
        {None: 1},
        {1: 2},
        {True: 2},
        Text.A,
        Str("a"),
        b"a",
        {1},
        Decimal("1.5"),
        Flight(number=1),
        (1, [2, {"a": ()}]),
        {},
        [],
    ],
    ids=repr,
)
def test_one_odd_value_among_many_has_the_bytes_or_the_error_of_fastapis(odd):
    for many in ([*range(20), odd], [{"a": odd}] * 20, {"rows": [[odd]] * 20}, (odd,) * 20):
        assert outcome(encode_json, many) == outcome(reply, many)


def test_a_key_that_equals_one_before_it_is_written_as_fastapi_writes_it():
    rows = [{"text": 1} for _ in range(20)] + [{Str("text"): 2, Text.A: 3}]

    assert encode_json(rows) == reply(rows)


def test_many_ordinary_values_are_not_looked_at_one_by_one(monkeypatch):
    monkeypatch.setattr(plain, "_plain", None)

    rows = [{"id": n, "name": "ä", "delay": n / 7, "tags": ("a",)} for n in range(20)]

    assert encode_json({"rows": rows}) == reply({"rows": rows})


def test_a_generator_among_many_values_is_run_once():
    def numbers() -> Any:
        yield from range(3)

    assert encode_json([*range(20), numbers()]) == reply([*range(20), numbers()])
    assert encode_json({"rows": [*range(20), numbers()]}).endswith(b"[0,1,2]]}")


@pytest.mark.parametrize("width", [1, 16])
def test_a_value_with_many_that_contains_itself_is_an_error(width):
    value: list[Any] = [1] * 16
    value += [value] * width
    with pytest.raises(RecursionError):
        encode_json(value)


def test_many_values_may_be_nested_deeper_than_pydantic_writes():
    value: Any = 1
    for level in range(400):
        value = [value] if level % 2 else {"a": value}
    assert encode_json([value] * 16) == reply([value] * 16)
