"""The departures of the example: its event stream and its WebSocket, with and without a server."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from examples.flights.dependencies import get_pace
from tests.examples.conftest import Serve
from tests.examples.slice import NEW_FLIGHT, Hurry, Standstill, writer
from trivium import App
from trivium.testing import TestClient

pytestmark = pytest.mark.slow

STREAM = "/departures/stream?day=2013-01-01"
LIVE = "/departures/live?day=2013-01-01&start=00:00"


@dataclass
class Event:
    kind: str
    id: str | None
    data: Any


def read_events(lines: Iterable[str]) -> Iterator[Event]:
    """Server-Sent Events as a browser would understand them; comments are skipped."""
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        if line and name:
            fields[name] = value.removeprefix(" ")
        elif not line and fields:
            yield Event(fields["event"], fields.get("id"), json.loads(fields["data"]))
            fields = {}


@pytest.fixture
def hurry(app: App) -> Hurry:
    """Makes time pass at once for the viewers of `app`."""
    hurry = Hurry()
    app.dependency_overrides[get_pace] = lambda: hurry
    return hurry


def watch(client: TestClient, query: str = "", **headers: str) -> list[Event]:
    answer = client.get(STREAM + query, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    return list(read_events(answer.text.split("\n")))


# -- The stream ------------------------------------------------------------------------------------


def test_the_stream_plays_every_departure_of_the_day_in_order(
    client: TestClient, hurry: Hurry
) -> None:
    opening, *events, end = watch(client)

    assert (opening.kind, opening.data["departures"]) == ("opening", 842)
    assert end.kind == "end"
    assert len(events) == 842
    moments = [event.data["moment"] for event in events]
    assert moments == sorted(moments)
    assert [event.id for event in events] == [str(event.data["id"]) for event in events]


def test_a_cancelled_flight_is_a_cancellation_when_it_should_have_left(
    client: TestClient, hurry: Hurry
) -> None:
    cancelled = [event.data for event in watch(client) if event.kind == "cancellation"]

    assert len(cancelled) == 4
    assert all(flight["moment"] == flight["scheduled"] for flight in cancelled)


def test_the_day_takes_its_length_divided_by_the_speed(client: TestClient, hurry: Hurry) -> None:
    opening, *_, last, _ = watch(client, "&start=06:00&speed=600")

    begins = datetime.fromisoformat(opening.data["begins"])
    ends = datetime.fromisoformat(last.data["moment"])
    assert opening.data["begins"] == "2013-01-01T06:00:00-05:00"
    assert sum(hurry.waits) == pytest.approx((ends - begins).total_seconds() / 600)


def test_a_replay_begins_at_the_first_departure_or_where_it_is_told_to(
    client: TestClient, hurry: Hurry
) -> None:
    whole = watch(client)
    afternoon = watch(client, "&start=12:00")

    assert whole[0].data["begins"] == whole[1].data["moment"] == "2013-01-01T10:17:00Z"
    assert afternoon[1].data["moment"] >= "2013-01-01T17:00:00Z" > whole[1].data["moment"]


def test_recent_departures_are_sent_first_and_without_waiting(
    client: TestClient, hurry: Hurry
) -> None:
    _, *without, _ = watch(client, "&start=23:50")
    waits = list(hurry.waits)
    hurry.waits.clear()

    _, *events, _ = watch(client, "&start=23:50&recent=3")

    assert events[3:] == without
    assert all(event.data["moment"] < "2013-01-02T04:50:00Z" for event in events[:3])
    assert hurry.waits == waits


def test_the_stream_of_an_airport_has_only_its_departures(client: TestClient, hurry: Hurry) -> None:
    _, *events, _ = watch(client, "&origin=LGA")

    assert {event.data["origin"] for event in events} == {"LGA"}
    assert len(events) == client.get("/flights?until=2013-01-01&origin=LGA").json()["total"]


def test_a_client_that_reconnects_goes_on_after_the_last_event_it_saw(
    client: TestClient, hurry: Hurry
) -> None:
    _, *events, end = watch(client)
    seen = events[99]

    opening, *rest = watch(client, **{"Last-Event-ID": str(seen.id)})

    assert rest == [*events[100:], end]
    assert opening.data["begins"] == seen.data["moment"]


def test_a_planned_flight_is_on_the_next_replay_of_its_day(
    client: TestClient, hurry: Hurry
) -> None:
    planned = client.post("/flights", json=NEW_FLIGHT, headers=writer()).json()

    (event,) = [event for event in watch(client) if event.id == str(planned["id"])]

    assert (event.kind, event.data["status"], event.data["delay"]) == (
        "departure",
        "scheduled",
        None,
    )


def test_a_day_without_flights_is_over_at_once(client: TestClient, hurry: Hurry) -> None:
    answer = client.get("/departures/stream?day=1999-12-31")

    assert [event.kind for event in read_events(answer.text.split("\n"))] == ["opening", "end"]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("day=tomorrow", "day"),
        ("start=25:00", "start"),
        ("start=12:00Z", "start"),
        ("speed=0", "speed"),
        ("speed=-1", "speed"),
        ("speed=inf", "speed"),
        ("speed=nan", "speed"),
        ("speed=3601", "speed"),
        ("recent=101", "recent"),
        ("origin=SFO", "origin"),
        ("airport=JFK", "airport"),
    ],
)
def test_a_wrong_wish_is_a_422_before_the_stream_begins(
    reader: TestClient, query: str, parameter: str
) -> None:
    answer = reader.get(f"/departures/stream?{query}")

    assert answer.status_code == 422
    assert {tuple(problem["loc"]) for problem in answer.json()["detail"]} == {("query", parameter)}


@pytest.mark.parametrize(("last_event_id", "status"), [("99999999", 400), ("first", 422)])
def test_a_last_event_that_never_was_is_refused(
    reader: TestClient, last_event_id: str, status: int
) -> None:
    answer = reader.get(STREAM, headers={"Last-Event-ID": last_event_id})

    assert answer.status_code == status


# -- The WebSocket ---------------------------------------------------------------------------------


def receive_until(socket: Any, kind: str) -> list[dict[str, Any]]:
    """Everything that is said up to and with a message of that kind."""
    said: list[dict[str, Any]] = []
    while not said or said[-1]["type"] != kind:
        said.append(socket.receive_json())
    return said


@pytest.fixture
def standstill(app: App) -> Standstill:
    """Makes time stand still, so that the client speaks and nothing departs."""
    standstill = Standstill()
    app.dependency_overrides[get_pace] = lambda: standstill
    return standstill


def test_a_subscriber_hears_the_departures_of_its_airports_and_no_others(
    client: TestClient, standstill: Standstill
) -> None:
    with client.websocket_connect(LIVE) as socket:
        socket.send_json({"type": "subscribe", "airport": "JFK"})
        socket.send_json({"type": "subscribe", "airport": "LGA"})
        socket.send_json({"type": "unsubscribe", "airport": "LGA"})
        answers = [socket.receive_json() for _ in range(3)]
        standstill.go_on()

        *heard, end = receive_until(socket, "end")

    assert [answer["airports"] for answer in answers] == [["JFK"], ["JFK", "LGA"], ["JFK"]]
    assert {message["departure"]["origin"] for message in heard} == {"JFK"}
    assert len(heard) == client.get("/flights?until=2013-01-01&origin=JFK").json()["total"]
    assert end == {"type": "end"}


def test_the_status_of_a_flight_is_answered(client: TestClient, standstill: Standstill) -> None:
    with client.websocket_connect(LIVE) as socket:
        socket.send_json({"type": "status", "flight": 1})

        answer = socket.receive_json()

    assert (answer["type"], answer["flight"]["name"]) == ("status", "UA 1545")
    assert answer["flight"]["status"] == "landed"


@pytest.mark.parametrize(
    ("junk", "kind", "loc"),
    [
        ("", "json_invalid", []),
        ("hello", "json_invalid", []),
        ("[" * 5000, "json_invalid", []),
        ("[]", "dict_type", []),
        ("{}", "union_tag_not_found", []),
        ('{"type": "dance"}', "union_tag_invalid", []),
        ('{"type": "subscribe"}', "missing", ["subscribe", "airport"]),
        ('{"type": "subscribe", "airport": "LAX"}', "literal_error", ["subscribe", "airport"]),
        (
            '{"type": "subscribe", "airport": "JFK", "loud": 1}',
            "extra_forbidden",
            ["subscribe", "loud"],
        ),
        ('{"type": "status", "flight": "one"}', "int_parsing", ["status", "flight"]),
        ('{"type": "status", "flight": -1}', "greater_than_equal", ["status", "flight"]),
        ('{"type": "status", "flight": 1e300}', "int_parsing_size", ["status", "flight"]),
    ],
)
def test_junk_is_answered_with_what_is_wrong_and_the_conversation_goes_on(
    client: TestClient, standstill: Standstill, junk: str, kind: str, loc: list[str]
) -> None:
    with client.websocket_connect(LIVE) as socket:
        socket.send_text(junk)
        refused = socket.receive_json()
        socket.send_json({"type": "status", "flight": 1})
        answered = socket.receive_json()

    assert refused["type"] == "error"
    assert [(problem["type"], problem["loc"]) for problem in refused["detail"]] == [(kind, loc)]
    assert answered["type"] == "status"


def test_binary_junk_and_unknown_flights_are_answered_in_words(
    client: TestClient, standstill: Standstill
) -> None:
    with client.websocket_connect(LIVE) as socket:
        socket.send_bytes(b"\x00\xff")
        binary = socket.receive_json()
        socket.send_json({"type": "status", "flight": 999999999})
        unknown = socket.receive_json()

    assert binary["detail"] == "messages are JSON in text frames, not binary ones"
    assert unknown["detail"] == "there is no flight 999999999"


# -- Over a socket ---------------------------------------------------------------------------------


@contextmanager
def streaming(address: str, path: str) -> Iterator[Iterator[Event]]:
    """The events of a stream while it is open; leaving the block leaves the stream."""
    with (
        httpx.Client(timeout=30) as client,
        client.stream("GET", f"http://{address}{path}") as answer,
    ):
        yield read_events(answer.iter_lines())


def test_a_server_sends_each_event_when_it_happens_and_stops_when_the_client_leaves(
    app: App, serve: Serve
) -> None:
    pace = Standstill(after=5)
    app.dependency_overrides[get_pace] = lambda: pace

    with serve(app) as (address, _):
        with streaming(address, STREAM) as events:
            heard = [next(events).kind for _ in range(6)]
            assert pace.reached.wait(30)
            assert not pace.abandoned.is_set()
        assert pace.abandoned.wait(30)

    assert heard == ["opening"] + ["departure"] * 5


def test_a_server_that_stops_ends_its_streams_without_saying_that_the_day_is_over(
    app: App, serve: Serve
) -> None:
    with serve(app) as (address, server):
        with streaming(address, f"{STREAM}&start=00:00&speed=1") as events:
            assert next(events).kind == "opening"
            server.should_exit = True

            assert list(events) == []


def test_a_server_converses_over_a_websocket(app: App, serve: Serve) -> None:
    pace = Standstill()
    app.dependency_overrides[get_pace] = lambda: pace

    with serve(app) as (address, _):
        with connect(f"ws://{address}{LIVE}") as socket:
            for said in ('{"type": "subscribe", "airport": "JFK"}', "junk", b"\xff"):
                socket.send(said)
            answers = [json.loads(socket.recv(30))["type"] for _ in range(3)]
            pace.go_on()
            departures = []
            while (message := json.loads(socket.recv(30)))["type"] != "end":
                departures.append(message["departure"])

    assert answers == ["subscribed", "error", "error"]
    assert {departure["origin"] for departure in departures} == {"JFK"}


def test_a_server_ends_the_replay_of_a_websocket_whose_client_leaves(
    app: App, serve: Serve
) -> None:
    pace = Standstill()
    app.dependency_overrides[get_pace] = lambda: pace

    with serve(app) as (address, _):
        with connect(f"ws://{address}{LIVE}") as socket:
            socket.send('{"type": "subscribe", "airport": "JFK"}')
            socket.recv(30)
            assert pace.reached.wait(30)

        assert pace.abandoned.wait(30)


def test_a_server_that_stops_closes_its_websockets(app: App, serve: Serve) -> None:
    with serve(app) as (address, server):
        with connect(f"ws://{address}{LIVE}&speed=1") as socket:
            socket.send('{"type": "subscribe", "airport": "JFK"}')
            socket.recv(30)
            server.should_exit = True

            with pytest.raises(ConnectionClosed):
                socket.recv(30)


def test_a_viewer_who_stays_holds_no_connection_to_the_database(app: App, serve: Serve) -> None:
    pace = Standstill()
    app.dependency_overrides[get_pace] = lambda: pace

    with serve(app) as (address, _), httpx.Client(timeout=30) as client:
        streams = [
            client.send(client.build_request("GET", f"http://{address}{STREAM}"), stream=True)
            for _ in range(20)  # the pool has room for 15 connections
        ]
        answer = client.get(f"http://{address}/flights/1")
        for stream in streams:
            stream.close()

    assert answer.status_code == 200
