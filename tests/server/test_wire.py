"""What a client sends reaches the handler as under uvicorn's own protocol; so does the reply."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.server.differences import DIFFERENCES
from tests.server.made_up import cut, sound_requests, streams
from tests.server.requests import CHUNKED, MALFORMED, NEXT, VALID, post, request
from tests.server.twins import Twins, as_app, as_asgi, twins

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=[as_app, as_asgi], ids=["app", "asgi"])
def served(request: Any) -> Iterator[Twins]:
    # uvicorn leaves a connection open after what it has dropped
    with twins(request.param, timeout_keep_alive=1) as both:
        yield both


@pytest.mark.parametrize("name", VALID)
def test_a_request_reaches_the_handler_as_under_uvicorn(served: Twins, name: str) -> None:
    direct, uvicorn = served.outcomes(VALID[name])

    if name in DIFFERENCES:
        assert direct != uvicorn, "no difference any more: take it off the list"
    else:
        assert direct == uvicorn
    assert not direct.was_reset
    assert direct.rest == b""
    assert 400 not in direct.statuses


@pytest.mark.parametrize("name", [name for name, sent in VALID.items() if len(sent) < 300])
def test_a_request_that_comes_byte_by_byte_is_the_same_request(served: Twins, name: str) -> None:
    sent = VALID[name]
    whole = served.direct.outcome(sent)

    pieces = served.direct.outcome(*(sent[i : i + 1] for i in range(len(sent))))

    assert pieces.seen == whole.seen
    assert [reply for reply in pieces.replies if reply.status != 100] == whole.replies


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_no_request_is_refused_and_the_connection_closed(served: Twins, name: str) -> None:
    direct, uvicorn = served.outcomes(MALFORMED[name])

    assert direct.statuses == [400]
    assert direct.replies[-1].header(b"connection") == b"close"
    assert "/smuggled" not in direct.paths
    assert (direct.statuses, direct.paths) == (uvicorn.statuses, uvicorn.paths)


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_no_request_after_one_that_is_gets_its_400_after_the_reply(
    served: Twins, name: str
) -> None:
    direct = served.direct.outcome(request("/first", closes=False) + MALFORMED[name])

    assert direct.statuses == [200, 400]
    assert direct.paths == ["/first"]


def test_the_address_of_trailers_is_no_header(served: Twins) -> None:
    direct = served.direct.outcome(VALID["trailers"])

    assert [name for name, _ in direct.seen[0].headers].count(b"host") == 1
    assert direct.seen[0].body == b"hello"


@pytest.mark.parametrize("coding", ["length", "chunks"])
def test_a_body_is_not_the_next_request_where_an_upgrade_was_refused(
    served: Twins, coding: str
) -> None:
    inner = request("/smuggled")
    upgrade = ["Connection: Upgrade", "Upgrade: h2c"]
    if coding == "length":
        sent = post(b"", f"Content-Length: {len(inner)}", *upgrade, closes=False)
    else:
        sent = post(b"", CHUNKED, *upgrade, closes=False)
        inner = b"%x\r\n%b\r\n0\r\n\r\n" % (len(inner), inner)

    direct = served.direct.outcome(sent, inner, request("/next"))

    assert direct.paths == ["/x", "/next"]
    assert direct.seen[0].body.endswith(request("/smuggled"))
    assert direct.statuses == [200, 200]


@pytest.mark.parametrize("coding", ["xchunked", "chunked, identity"])
def test_a_body_of_unknown_length_is_refused_where_an_upgrade_was(
    served: Twins, coding: str
) -> None:
    upgrade = ["Connection: Upgrade", "Upgrade: h2c", f"Transfer-Encoding: {coding}"]

    direct = served.direct.outcome(post(NEXT, *upgrade, closes=False))

    assert direct.statuses == [400]
    assert direct.paths == []


def test_a_thousand_requests_to_change_the_protocol_are_answered(served: Twins) -> None:
    once = request("/u", "GET", "Connection: Upgrade", "Upgrade: h2c", closes=False)

    direct = served.direct.outcome(once * 1000 + request("/end"))

    assert direct.statuses == [200] * 1001


@given(data=st.data())
@settings(max_examples=30)
def test_requests_in_any_pieces_are_the_same_on_a_socket(
    served: Twins, data: st.DataObject
) -> None:
    pieces = data.draw(cut(streams(sound_requests()).map(lambda sent: sent + request("/end"))))

    direct, uvicorn = served.outcomes(*pieces)

    assert direct.seen == uvicorn.seen
    assert direct.bodies == uvicorn.bodies
    assert direct.paths[-1] == "/end"


def test_a_thousand_requests_in_one_packet_are_answered_in_order(served: Twins) -> None:
    sent = b"".join(request(f"/{i}", closes=i == 999) for i in range(1000))

    direct, uvicorn = served.outcomes(sent)

    assert direct.paths == [f"/{i}" for i in range(1000)]
    assert direct == uvicorn
