"""JSON that is malformed, too deep, too large a number, or none at all, is refused in words."""

import pytest

from .application import make_app as make_app
from .entrances import Send
from .messages import content, detail, errors, only_error, post


@pytest.mark.parametrize(
    ("body", "position"),
    [
        (b"{", 1),
        (b'{"name": "a"', 12),
        (b'{"name": "a"}x', 13),
        (b"{'name': 'a'}", 1),
        (b"{name: 1}", 1),
        (b'{"name": "a\n"}', 11),
        (b'{"name": "\\x"}', 10),
        (b'{"name": 01}', 10),
        (b"// comment", 0),
        (b"  ", 2),
        (b"undefined", 0),
        (b"\x00", 0),
    ],
    ids=repr,
)
def test_malformed_json_is_refused_with_the_position_of_the_mistake(
    send: Send, body: bytes, position: int
) -> None:
    reply = send(post("/item", body))
    assert only_error(reply) == ("json_invalid", ["body", position])
    assert errors(reply)[0]["ctx"]["error"]


@pytest.mark.parametrize("depth", [5_000, 100_000])
@pytest.mark.parametrize(("opens", "closes"), [(b"[", b"]"), (b'{"child":', b"}")])
@pytest.mark.parametrize("path", ["/any", "/number", "/node"])
def test_json_nested_beyond_what_can_be_parsed_is_a_400(
    send: Send, path: str, opens: bytes, closes: bytes, depth: int
) -> None:
    reply = send(post(path, opens * depth + b"null" + closes * depth))
    assert reply.status == 400
    assert "body" in detail(reply)


def test_json_nested_beyond_what_is_never_closed_is_a_400(send: Send) -> None:
    assert send(post("/any", b"[" * 100_000)).status == 400


def test_a_recursive_model_nested_too_deep_is_a_422(send: Send) -> None:
    reply = send(post("/node", b'{"child":' * 400 + b"null" + b"}" * 400))
    assert errors(reply)[0]["type"] == "recursion_depth_exceeded"


def test_a_deep_value_of_the_wrong_type_is_a_422(send: Send) -> None:
    reply = send(post("/number", b"[" * 300 + b"]" * 300))
    assert only_error(reply) == ("int_type", ["body"])


@pytest.mark.parametrize("depth", range(100, 1_200, 50))
@pytest.mark.parametrize("path", ["/number", "/item", "/counts", "/closed", "/node"])
def test_no_depth_of_nesting_makes_the_server_fail(send: Send, path: str, depth: int) -> None:
    """Near the limit of the stack some depths can be parsed and not be quoted in an error."""
    for body in (b"[" * depth + b"]" * depth, b'{"n":' * depth + b"{}" + b"}" * depth):
        assert send(post(path, body)).status in (200, 400, 422)


@pytest.mark.improves(500)
@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999"])
@pytest.mark.parametrize(
    ("path", "body", "place"),
    [
        ("/number", b"%b", ["body"]),
        ("/item", b'{"name": "a", "size": %b}', ["body", "size"]),
        ("/item", b'{"name": %b}', ["body", "name"]),
        ("/closed", b'{"other": [%b]}', ["body", "other"]),
    ],
)
def test_a_number_that_is_not_finite_is_a_422_where_it_does_not_fit(
    send: Send, path: str, body: bytes, place: list[str], number: bytes
) -> None:
    """FastAPI cannot write the offending NaN back into its 422, and answers 500."""
    reply = send(post(path, body % number))
    assert only_error(reply)[1] == place
    assert b"NaN" not in reply.body
    assert b"Infinity" not in reply.body


def test_nan_reaches_a_float_and_leaves_it_as_null(send: Send) -> None:
    reply = send(post("/item", b'{"name": "a", "ratio": -Infinity}'))
    assert reply.status == 200
    assert content(reply)["ratio"] is None


@pytest.mark.improves(500)
def test_nan_beyond_a_bound_is_a_422(send: Send) -> None:
    """FastAPI cannot write the offending NaN back into its 422, and answers 500."""
    reply = send(post("/item", b'{"name": "a", "ratio": Infinity}'))
    assert only_error(reply) == ("less_than_equal", ["body", "ratio"])


@pytest.mark.parametrize("digits", [4_301, 5_000, 100_000])
@pytest.mark.parametrize("sign", [b"", b"-"])
@pytest.mark.parametrize(
    ("path", "body"), [("/number", b"%b"), ("/any", b"[%b]"), ("/item", b'{"size": %b}')]
)
def test_an_integer_beyond_the_digit_limit_is_refused(
    send: Send, path: str, body: bytes, sign: bytes, digits: int
) -> None:
    reply = send(post(path, body % (sign + b"9" * digits)))
    assert reply.status == 400
    assert "body" in detail(reply)


def test_an_integer_within_the_digit_limit_is_exact(send: Send) -> None:
    reply = send(post("/number", b"9" * 4_300))
    assert content(reply) == "int: " + "9" * 4_300


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b'"%b"' % (b"9" * 5_000), "int_parsing_size"), (b"1e300", "int_parsing_size")],
    ids=["text", "exponent"],
)
def test_a_huge_integer_in_disguise_is_a_422(send: Send, body: bytes, kind: str) -> None:
    assert only_error(send(post("/number", body))) == (kind, ["body"])


def test_the_last_of_duplicate_keys_counts(send: Send) -> None:
    reply = send(post("/item", b'{"name": "a", "name": "b"}'))
    assert content(reply)["name"] == "b"
