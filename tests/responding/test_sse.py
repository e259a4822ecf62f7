"""Server-Sent Events: FastAPI's bytes, nothing that forges a field, and no silence."""

import json
from collections.abc import AsyncIterator

import fastapi.sse as reference
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from tests.differential.profiles import fuzz
from trivium.responding import sse
from trivium.responding.sse import (
    KEEPALIVE_COMMENT,
    PING_INTERVAL,
    EventSourceResponse,
    ServerSentEvent,
    encode_sse_item,
    format_sse_event,
    sse_stream,
)


class Flight(BaseModel):
    number: int
    carrier: str = "UA"


TEXT = st.text(st.sampled_from('a:\n\r\u2028\x0b\x85 "ä'), max_size=6)
LINE = st.text(st.sampled_from('a: \u2028\x0b\x85"ä'), max_size=4)
FIELDS = {
    "data_str": st.none() | TEXT,
    "event": st.none() | LINE,
    "id": st.none() | LINE,
    "retry": st.none() | st.integers(0, 10**6),
    "comment": st.none() | TEXT,
}


def received(stream: bytes) -> list[dict[str, str]]:
    """The events of a stream, as section 9.2.6 of the HTML standard has a client read them."""
    events, event, data = [], {}, []
    text = stream.decode().replace("\r\n", "\n").replace("\r", "\n")
    for line in text.split("\n"):
        if not line:
            if data:
                events.append({**event, "data": "\n".join(data)})
            event, data = {}, []
        elif not line.startswith(":"):
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "data":
                data.append(value)
            elif field in ("event", "id", "retry"):
                event[field] = value
    return events


# One event.


@fuzz(150)
@given(st.fixed_dictionaries({}, optional=FIELDS))
def test_an_event_has_the_bytes_of_fastapis(fields):
    assert format_sse_event(**fields) == reference.format_sse_event(**fields)


@fuzz(150)
@given(st.fixed_dictionaries({**FIELDS, "data_str": TEXT}))
def test_a_client_receives_what_was_sent_and_no_field_more(fields):
    sent = {
        name: str(fields[name]) for name in ("event", "id", "retry") if fields[name] is not None
    }
    data = fields["data_str"].replace("\r\n", "\n").replace("\r", "\n")
    assert received(format_sse_event(**fields)) == [{**sent, "data": data}]


@pytest.mark.parametrize("field", ["event", "id"])
@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\r\ndata: forged", "\n"])
def test_a_line_break_in_a_field_of_one_line_is_refused(field, value):
    with pytest.raises(ValueError, match=f"SSE '{field}' must be a single line"):
        format_sse_event(**{field: value})
    event = ServerSentEvent(data=1).model_copy(update={field: value})
    with pytest.raises(ValueError, match=f"SSE '{field}' must be a single line"):
        encode_sse_item(event)


def test_a_null_character_in_an_id_is_refused():
    with pytest.raises(ValueError, match="SSE 'id' must not contain null characters"):
        format_sse_event(id="a\0")
    assert format_sse_event(event="a\0") == b"event: a\0\n\n"


VALUES = st.one_of(
    st.none(),
    st.sampled_from(["a", "a\nb", "a\rb", "a\0", "", 1, -1, 1.5, True, b"a", {"a": 1}, [1]]),
)


def outcome(model, fields):
    try:
        return model(**fields).model_dump()
    except ValidationError as error:
        return [(e["type"], e["loc"], _first_words(e["msg"])) for e in error.errors()]


def _first_words(message):
    return message.partition("'raw_data'")[0]


@fuzz(150)
@given(
    st.dictionaries(
        st.sampled_from(["data", "raw_data", "event", "id", "retry", "comment", "unknown"]), VALUES
    )
)
def test_the_event_accepts_and_refuses_what_fastapis_does(fields):
    assert outcome(ServerSentEvent, fields) == outcome(reference.ServerSentEvent, fields)


def test_the_schema_of_the_event_is_fastapis_apart_from_its_description():
    ours, theirs = (
        {k: v for k, v in model.model_json_schema().items() if k != "description"}
        for model in (ServerSentEvent, reference.ServerSentEvent)
    )
    assert ours == theirs
    assert sse.EVENT_SCHEMA == reference._SSE_EVENT_SCHEMA


def test_the_constants_are_fastapis():
    assert KEEPALIVE_COMMENT == reference.KEEPALIVE_COMMENT
    assert PING_INTERVAL == reference._PING_INTERVAL


def test_the_response_class_sends_its_chunks_as_an_event_stream():
    response = EventSourceResponse(iter([b"data: 1\n\n"]))
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"


# A stream of events.

NAN = float("nan")
PLAIN = ["text", 1, None, {"a": "ä"}, [NAN], Flight(number=1)]
EVENTS = [
    {"data": "hello", "event": "greeting", "id": "1"},
    {"data": {"a": [1, NAN]}, "retry": 500},
    {"data": Flight(number=1)},
    {"raw_data": "two\nlines"},
    {"raw_data": ""},
    {"comment": "only"},
    {},
    {"data": 0, "comment": "a\r\nb"},
]


async def chunks_of(stream):
    async with stream as chunks:
        return [chunk async for chunk in chunks]


def served_by_fastapi(handler) -> bytes:
    app = FastAPI()
    app.get("/", response_class=reference.EventSourceResponse)(handler)
    with TestClient(app) as client:
        return client.get("/").content


@pytest.fixture(scope="module")
def expected():
    async def events():
        for item in PLAIN:
            yield item
        for fields in EVENTS:
            yield reference.ServerSentEvent(**fields)

    return served_by_fastapi(events)


@pytest.mark.anyio
async def test_a_stream_has_the_bytes_of_fastapis(expected):
    items = [*PLAIN, *(ServerSentEvent(**fields) for fields in EVENTS)]
    assert b"".join(await chunks_of(sse_stream(items))) == expected


@pytest.fixture(scope="module")
def expected_flights():
    async def flights() -> AsyncIterator[Flight]:
        yield Flight(number=1)
        yield Flight(number=2)

    return served_by_fastapi(flights)


@pytest.mark.anyio
async def test_the_encoder_of_a_declared_item_writes_the_data(expected_flights):
    stream = sse_stream(
        [Flight(number=1), Flight(number=2)], lambda flight: flight.model_dump_json().encode()
    )
    assert b"".join(await chunks_of(stream)) == expected_flights


@pytest.mark.anyio
async def test_an_event_is_a_chunk_of_its_own():
    assert await chunks_of(sse_stream([1, ServerSentEvent(event="e")])) == [
        b"data: 1\n\n",
        b"event: e\n\n",
    ]


@pytest.mark.anyio
async def test_silence_is_filled_with_comments_before_the_first_event_and_between_events():
    intervals = []
    silent = iter([True, True, False, True, False, False])

    async def wait(event, seconds):
        intervals.append(seconds)
        if next(silent):
            return False
        await event.wait()
        return True

    async def events():
        yield 1
        yield 2

    chunks = await chunks_of(sse_stream(events(), wait=wait))
    ping = KEEPALIVE_COMMENT
    assert chunks == [ping, ping, b"data: 1\n\n", ping, b"data: 2\n\n"]
    assert set(intervals) == {15.0}


@pytest.mark.anyio
async def test_a_client_reads_the_events_and_nothing_of_the_comments():
    async def wait(event, seconds):
        if (pinged := len(pings)) < 3:
            pings.append(pinged)
            return False
        await event.wait()
        return True

    pings: list[int] = []
    chunks = await chunks_of(sse_stream([{"a": 1}, "two"], interval=1.0, wait=wait))
    events = received(b"".join(chunks))
    assert [json.loads(event["data"]) for event in events] == [{"a": 1}, "two"]
    assert chunks.count(KEEPALIVE_COMMENT) == 3
