"""Flights, statistics, reports and accounts of the example, through the test client."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from statistics import fmean
from typing import Any

import jwt
import pytest
from sqlalchemy import Engine, event

from examples.flights.accounts import WRITE
from examples.flights.app import BOARD, create_app
from examples.flights.dataset import Dataset, Row
from examples.flights.settings import Settings
from tests.examples.slice import (
    FLIGHTS,
    NEW_FLIGHT,
    SECRET,
    login,
    writer,
)
from trivium import App
from trivium.testing import TestClient


@pytest.fixture(scope="module")
def rows(dataset: Dataset) -> list[Row]:
    """The flights as the data set has them, to compare with."""
    return list(dataset.flights())


@contextmanager
def queries() -> Iterator[list[str]]:
    """The SQL statements that any engine is given meanwhile."""
    statements: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def problems(answer: Any) -> list[tuple[list[Any], str]]:
    """Where a refused request was wrong, and in what way."""
    assert answer.status_code == 422, answer.text
    return [(problem["loc"], problem["type"]) for problem in answer.json()["detail"]]


# -- Reading ---------------------------------------------------------------------------------------


def test_a_flight_is_read_with_its_airline_airports_plane_and_weather(reader: TestClient) -> None:
    flight = reader.get("/flights/1").json()

    assert flight["name"] == "UA 1545"
    assert flight["airline"] == {"code": "UA", "name": "United Air Lines Inc."}
    assert flight["origin"]["name"] == "Newark Liberty Intl"
    assert flight["destination"]["code"] == "IAH"
    assert flight["plane"]["manufacturer"] == "BOEING"
    assert flight["weather"]["temperature_f"] == 39.02
    assert (flight["status"], flight["departure_delay"]) == ("landed", 2)


def test_times_are_moments_that_take_the_zones_of_both_airports_into_account(
    reader: TestClient,
) -> None:
    flight = reader.get("/flights/1").json()

    assert flight["scheduled_departure"] == "2013-01-01T10:15:00Z"  # 05:15 in New York
    assert flight["scheduled_arrival"] == "2013-01-01T14:19:00Z"  # 08:19 in Houston


def test_a_flight_that_is_not_there_is_a_404_that_names_it(reader: TestClient) -> None:
    answer = reader.get("/flights/999999999")

    assert answer.status_code == 404
    assert answer.json() == {"detail": "There is no flight 999999999"}


@pytest.mark.parametrize(
    ("flight_id", "kind"),
    [
        ("one", "int_parsing"),
        ("1.5", "int_parsing"),
        ("0", "greater_than_equal"),
        ("-1", "greater_than_equal"),
        ("9223372036854775808", "less_than_equal"),
        ("9" * 400, "less_than_equal"),
        ("%00", "int_parsing"),
    ],
)
def test_an_impossible_flight_id_is_a_422(reader: TestClient, flight_id: str, kind: str) -> None:
    assert problems(reader.get(f"/flights/{flight_id}")) == [(["path", "flight_id"], kind)]


# -- Listing ---------------------------------------------------------------------------------------


def test_a_list_is_a_page_of_a_whole_whose_size_it_tells(reader: TestClient) -> None:
    page = reader.get("/flights?limit=3&offset=5").json()

    assert (page["total"], page["limit"], page["offset"]) == (FLIGHTS, 3, 5)
    assert len(page["items"]) == 3


def test_the_pages_together_hold_every_flight_once_and_in_order(reader: TestClient) -> None:
    pages = [
        reader.get(f"/flights?limit=500&offset={offset}&order=-delay").json()["items"]
        for offset in range(0, FLIGHTS, 500)
    ]

    flights = [flight for page in pages for flight in page]
    delays = [flight["departure_delay"] for flight in flights]
    known = [delay for delay in delays if delay is not None]
    assert len({flight["id"] for flight in flights}) == FLIGHTS
    assert known == sorted(known, reverse=True)
    assert delays == known + [None] * (FLIGHTS - len(known))


@pytest.mark.parametrize(
    ("order", "key"),
    [
        ("departure", "scheduled_departure"),
        ("delay", "departure_delay"),
        ("distance", "distance_miles"),
    ],
)
def test_each_order_goes_both_ways(reader: TestClient, order: str, key: str) -> None:
    upwards = reader.get(f"/flights?order={order}&limit=500&status=landed").json()["items"]
    downwards = reader.get(f"/flights?order=-{order}&limit=500&status=landed").json()["items"]

    values = [flight[key] for flight in upwards]
    assert values == sorted(values)
    values = [flight[key] for flight in downwards]
    assert values == sorted(values, reverse=True)
    assert upwards[0][key] < downwards[0][key]


@pytest.mark.parametrize(
    ("query", "belongs"),
    [
        ("airline=B6", lambda row: row["airline_code"] == "B6"),
        ("origin=LGA", lambda row: row["origin_code"] == "LGA"),
        ("destination=SFO", lambda row: row["destination_code"] == "SFO"),
        ("number=1545", lambda row: row["number"] == 1545),
        ("tail_number=N14228", lambda row: row["tail_number"] == "N14228"),
        ("status=cancelled", lambda row: row["status"] == "cancelled"),
        ("min_delay=60", lambda row: (row["departure_delay"] or 0) >= 60),
        ("since=2013-01-02", lambda row: row["day"].day == 2),
        ("until=2013-01-01", lambda row: row["day"].day == 1),
        ("since=2013-01-01&until=2013-01-02", lambda row: True),
        (
            "airline=UA&origin=EWR&destination=IAH&min_delay=1",
            lambda row: (
                (row["airline_code"], row["origin_code"], row["destination_code"])
                == ("UA", "EWR", "IAH")
                and (row["departure_delay"] or 0) >= 1
            ),
        ),
    ],
)
def test_a_filter_keeps_exactly_the_flights_that_match(
    reader: TestClient, rows: list[Row], query: str, belongs: Any
) -> None:
    page = reader.get(f"/flights?{query}&limit=500").json()

    expected = Counter(
        (row["airline_code"], row["number"], row["day"].isoformat()) for row in rows if belongs(row)
    )
    found = Counter(
        (flight["airline"]["code"], flight["number"], flight["day"]) for flight in page["items"]
    )
    assert expected
    assert page["total"] == expected.total()
    assert found <= expected
    assert found.total() == min(500, expected.total())


def test_an_airline_that_nobody_flies_with_gives_an_empty_page(reader: TestClient) -> None:
    page = reader.get("/flights?airline=ZZ").json()

    assert (page["total"], page["items"]) == (0, [])


@pytest.mark.parametrize(
    ("query", "parameter", "kind"),
    [
        ("airline=UNITED", "airline", "string_pattern_mismatch"),
        ("airline=", "airline", "string_pattern_mismatch"),
        ("airline=U%00", "airline", "string_pattern_mismatch"),
        ("origin=SFO", "origin", "literal_error"),
        ("destination=Boston", "destination", "string_pattern_mismatch"),
        ("number=0", "number", "greater_than_equal"),
        ("number=10000", "number", "less_than_equal"),
        ("tail_number=N%27%20OR%201=1", "tail_number", "string_pattern_mismatch"),
        ("status=late", "status", "enum"),
        ("min_delay=much", "min_delay", "int_parsing"),
        ("min_delay=1e9", "min_delay", "int_parsing"),
        ("min_delay=3001", "min_delay", "less_than_equal"),
        ("since=yesterday", "since", "date_from_datetime_parsing"),
        ("since=2013-02-30", "since", "date_from_datetime_parsing"),
        ("since=2013-01-02&until=2013-01-01", "until", "period"),
        ("order=id;drop", "order", "literal_error"),
        ("limit=0", "limit", "greater_than_equal"),
        ("limit=501", "limit", "less_than_equal"),
        ("offset=-1", "offset", "greater_than_equal"),
        ("offset=99999999999999999999", "offset", "less_than_equal"),
        ("airlines=UA", "airlines", "extra_forbidden"),
    ],
)
def test_a_wrong_filter_is_a_422_that_says_which_and_why(
    reader: TestClient, query: str, parameter: str, kind: str
) -> None:
    assert problems(reader.get(f"/flights?{query}")) == [(["query", parameter], kind)]


def test_several_wrong_filters_are_all_reported(reader: TestClient) -> None:
    answer = reader.get("/flights?origin=SFO&limit=x&min_delay=y")

    assert {loc[1] for loc, _ in problems(answer)} == {"origin", "limit", "min_delay"}


def test_a_list_takes_two_queries_however_long_it_is(reader: TestClient) -> None:
    with queries() as short:
        reader.get("/flights?limit=1")
    with queries() as long:
        reader.get("/flights?limit=500")

    assert len(short) == len(long) == 2


def test_a_flight_with_everything_around_it_takes_one_query(reader: TestClient) -> None:
    with queries() as statements:
        reader.get("/flights/1")

    assert len(statements) == 1


# -- Planning --------------------------------------------------------------------------------------


JSON = {"Content-Type": "application/json"}


def plan(client: TestClient, **changes: Any) -> Any:
    body = json.dumps(NEW_FLIGHT | changes)
    return client.post("/flights", content=body, headers=writer() | JSON)


def test_a_planned_flight_is_answered_with_its_address_and_can_be_read_there(
    client: TestClient,
) -> None:
    answer = plan(client)

    assert answer.status_code == 201
    flight = answer.json()
    assert (flight["name"], flight["status"]) == ("UA 2013", "scheduled")
    assert flight["scheduled_departure"] == "2013-01-01T23:00:00Z"
    assert flight["plane"]["tail_number"] == "N14228"
    assert flight["weather"]["hour"] == "2013-01-01T23:00:00Z"
    assert client.get(answer.headers["Location"]).json() == flight


def test_the_distance_of_a_planned_flight_is_about_that_of_the_data_set(client: TestClient) -> None:
    flight = plan(client).json()

    assert flight["distance_miles"] == pytest.approx(
        2586, rel=0.005
    )  # the earth is not quite a ball


def test_the_day_of_a_flight_is_new_yorks_whatever_zone_it_was_planned_in(
    client: TestClient,
) -> None:
    flight = plan(
        client,
        scheduled_departure="2013-07-02T03:30:00Z",
        scheduled_arrival="2013-07-02T09:30:00Z",
    ).json()

    assert flight["day"] == "2013-07-01"


def test_the_same_flight_twice_is_a_409(client: TestClient) -> None:
    plan(client)

    answer = plan(client, destination="LAX")

    assert answer.status_code == 409
    assert answer.json() == {"detail": "UA 2013 from JFK on 2013-01-01 is already planned"}
    assert client.get("/flights?number=2013&airline=UA").json()["total"] == 1


def test_everything_that_nobody_knows_is_listed_in_one_422(client: TestClient) -> None:
    answer = plan(client, airline="ZZ", destination="XXX", tail_number="N00000")

    assert problems(answer) == [
        (["body", "airline"], "unknown"),
        (["body", "destination"], "unknown"),
        (["body", "tail_number"], "unknown"),
    ]
    assert answer.json()["detail"][0]["msg"] == "There is no airline ZZ"


@pytest.mark.parametrize(
    ("changes", "field", "kind"),
    [
        ({"airline": "united"}, "airline", "string_pattern_mismatch"),
        ({"airline": 7}, "airline", "string_type"),
        ({"number": 0}, "number", "greater_than_equal"),
        ({"number": "many"}, "number", "int_parsing"),
        ({"number": 10**400}, "number", "less_than_equal"),
        ({"origin": "SFO"}, "origin", "literal_error"),
        ({"destination": "JFK"}, "destination", "round_trip"),
        ({"scheduled_departure": "2013-01-01T18:00:00"}, "scheduled_departure", "timezone_aware"),
        ({"scheduled_departure": "noon"}, "scheduled_departure", "datetime_from_date_parsing"),
        ({"scheduled_arrival": "2013-01-01T17:00:00-05:00"}, "scheduled_arrival", "duration"),
        ({"scheduled_arrival": "2013-01-03T18:00:00-05:00"}, "scheduled_arrival", "duration"),
        ({"seats": 3}, "seats", "extra_forbidden"),
    ],
)
def test_a_flight_that_cannot_be_is_a_422_that_says_why(
    client: TestClient, changes: dict[str, Any], field: str, kind: str
) -> None:
    assert problems(plan(client, **changes)) == [(["body", field], kind)]


@pytest.mark.parametrize("text", ["\ud800", "\0", "N14228\n", "🛫" * 5, "N" * 50_000])
def test_text_that_no_tail_number_has_is_a_422(client: TestClient, text: str) -> None:
    answer = plan(client, tail_number=text)

    assert {loc[0] for loc, _ in problems(answer)} == {"body"}


@pytest.mark.parametrize(
    ("body", "content_type", "loc", "kind"),
    [
        ('{"airline": "UA",', "application/json", ["body", 17], "json_invalid"),
        ("", "application/json", ["body"], "missing"),
        ("[]", "application/json", ["body"], "model_attributes_type"),
        ("{}", "text/plain", ["body"], "model_attributes_type"),
    ],
)
def test_a_body_that_is_no_flight_is_a_422(
    client: TestClient, body: str, content_type: str, loc: list[Any], kind: str
) -> None:
    headers = {**writer(), "Content-Type": content_type}

    answer = client.post("/flights", content=body, headers=headers)

    assert problems(answer) == [(loc, kind)]


def test_a_body_that_is_too_large_is_a_413(client: TestClient) -> None:
    answer = client.post("/flights", content=b" " * 70_000, headers=writer())

    assert answer.status_code == 413


# -- Reports ---------------------------------------------------------------------------------------


def read_report(client: TestClient, url: str) -> list[dict[str, str]]:
    answer = client.get(url)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/csv")
    return list(csv.DictReader(answer.text.splitlines()))


def test_planning_a_flight_builds_the_report_of_its_day_in_the_background(
    client: TestClient,
) -> None:
    answer = plan(client)

    (url,) = re.findall("<(.+)>", answer.headers["Link"])
    lines = read_report(client, url)
    assert len(lines) == 842 + 1
    assert {
        "flight": "UA 2013",
        "from": "JFK",
        "to": "SFO",
        "scheduled": "18:00",
        "status": "scheduled",
        "departure_delay": "",
        "arrival_delay": "",
    } in lines


def test_a_refused_flight_builds_no_report(client: TestClient) -> None:
    plan(client, airline="ZZ")

    assert client.get("/reports").json() == []


def test_a_report_can_be_ordered_and_is_then_listed(client: TestClient) -> None:
    ordered = client.post("/reports/2013-01-02", headers=writer())

    assert ordered.status_code == 202
    assert len(read_report(client, ordered.headers["Location"])) == 943
    (listed,) = client.get("/reports").json()
    assert (listed["day"], listed["url"]) == ("2013-01-02", ordered.json()["report"])


def test_no_half_written_report_is_left_beside_the_whole_one(
    client: TestClient, settings: Settings
) -> None:
    client.post("/reports/2013-01-02", headers=writer())

    assert [path.name for path in settings.reports.iterdir()] == ["2013-01-02.csv"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/reports/2013-01-01.csv", 404),  # not built yet
        ("POST", "/reports/1999-01-01", 404),  # no flights
        ("GET", "/reports/2013-13-01.csv", 422),
        ("POST", "/reports/someday", 422),
        ("GET", "/reports/..%2F..%2Fetc%2Fpasswd.csv", 404),
    ],
)
def test_a_report_that_cannot_be_is_refused(
    client: TestClient, method: str, path: str, status: int
) -> None:
    assert client.request(method, path, headers=writer()).status_code == status


# -- Statistics ------------------------------------------------------------------------------------


def test_delays_by_airline_are_those_of_the_data_set(reader: TestClient, rows: list[Row]) -> None:
    (united,) = [row for row in reader.get("/statistics/airlines").json() if row["airline"] == "UA"]

    flights = [row for row in rows if row["airline_code"] == "UA"]
    departures = [row["departure_delay"] for row in flights if row["departure_delay"] is not None]
    arrivals = [row["arrival_delay"] for row in flights if row["arrival_delay"] is not None]
    assert united["flights"] == len(flights)
    assert united["cancelled"] == sum(row["status"] == "cancelled" for row in flights)
    assert united["mean_departure_delay"] == pytest.approx(fmean(departures), abs=0.06)
    assert united["mean_arrival_delay"] == pytest.approx(fmean(arrivals), abs=0.06)
    assert united["worst_departure_delay"] == max(departures)
    assert united["on_time"] == pytest.approx(fmean(late < 15 for late in arrivals), abs=0.001)


@pytest.mark.parametrize(
    "path",
    [
        "airlines",
        "months",
        "weather/visibility",
        "weather/wind",
        "weather/precipitation",
        "weather/temperature",
    ],
)
def test_every_flight_is_in_one_group_of_each_statistic(reader: TestClient, path: str) -> None:
    groups = reader.get(f"/statistics/{path}").json()

    assert len(groups) > (path != "months")
    assert sum(group["flights"] for group in groups) == FLIGHTS


def test_statistics_of_a_part_count_only_that_part(reader: TestClient) -> None:
    query = "origin=JFK&airline=B6&since=2013-01-02"

    (month,) = reader.get(f"/statistics/months?{query}").json()

    assert month["month"] == "2013-01"
    assert month["flights"] == reader.get(f"/flights?{query}").json()["total"] > 0


def test_statistics_of_nothing_are_an_empty_list(reader: TestClient) -> None:
    assert reader.get("/statistics/airlines?since=2014-01-01").json() == []


@pytest.mark.parametrize(
    ("path", "loc", "kind"),
    [
        ("weather/fog", ["path", "condition"], "literal_error"),
        ("months?since=never", ["query", "since"], "date_from_datetime_parsing"),
        ("airlines?limit=3", ["query", "limit"], "extra_forbidden"),
    ],
)
def test_a_statistic_that_cannot_be_asked_for_is_a_422(
    reader: TestClient, path: str, loc: list[str], kind: str
) -> None:
    assert problems(reader.get(f"/statistics/{path}")) == [(loc, kind)]


# -- Accounts --------------------------------------------------------------------------------------


def log_in(client: TestClient, username: str, password: str = "clear-skies", **form: str) -> Any:
    form |= {"grant_type": "password", "username": username, "password": password}
    return client.post("/token", data=form)


def test_a_login_gives_a_token_that_says_who_is_asking_and_what_is_allowed(
    reader: TestClient,
) -> None:
    token = log_in(reader, "dispatcher").json()

    me = reader.get("/me", headers={"Authorization": f"Bearer {token['access_token']}"})

    assert (token["token_type"], token["scope"], token["expires_in"]) == ("bearer", WRITE, 3600)
    assert me.json() == {
        "username": "dispatcher",
        "full_name": "Dana Dispatcher",
        "scopes": [WRITE],
    }


def test_a_token_allows_no_more_than_the_account_may(reader: TestClient) -> None:
    token = log_in(reader, "visitor", scope=WRITE).json()

    assert token["scope"] == ""


def test_a_login_with_a_token_from_the_form_may_plan_a_flight(client: TestClient) -> None:
    token = log_in(client, "dispatcher", scope=WRITE).json()["access_token"]

    answer = client.post("/flights", json=NEW_FLIGHT, headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("dispatcher", "wrong"),
        ("dispatcher", "clear-skies "),
        ("nobody", "clear-skies"),
        ("nobody", "nobody"),
        ("dispatcher\0", "clear-skies"),
        ("' OR 1=1 --", "clear-skies"),
    ],
)
def test_a_wrong_login_is_a_400_that_does_not_say_what_was_wrong(
    reader: TestClient, username: str, password: str
) -> None:
    answer = log_in(reader, username, password)

    assert answer.status_code == 400
    assert answer.json() == {"detail": "Wrong username or password"}


def test_an_incomplete_login_is_a_422(reader: TestClient) -> None:
    answer = reader.post("/token", data={"grant_type": "password", "username": "dispatcher"})

    assert problems(answer) == [(["body", "password"], "missing")]


def test_passwords_are_kept_as_argon2_hashes(client: TestClient, settings: Settings) -> None:
    database = settings.database.read_bytes()

    assert b"$argon2id$" in database
    assert b"clear-skies" not in database


def test_another_password_in_the_settings_replaces_the_old_one(settings: Settings) -> None:
    with TestClient(create_app(settings)):
        pass
    changed = Settings.model_validate(settings.model_dump() | {"password": "thunderstorm"})

    with TestClient(create_app(changed)) as client:
        assert log_in(client, "dispatcher").status_code == 400
        assert log_in(client, "dispatcher", "thunderstorm").status_code == 200


def unsigned(**claims: str) -> dict[str, str]:
    return {"Authorization": "Bearer " + jwt.encode(claims, "", algorithm="none")}


@pytest.mark.parametrize(
    ("headers", "detail"),
    [
        pytest.param({}, "Not authenticated", id="none"),
        pytest.param({"Authorization": "Basic YTpi"}, "Not authenticated", id="another scheme"),
        pytest.param(
            {"Authorization": "Bearer junk"}, "The token is not one of ours", id="malformed"
        ),
        pytest.param(
            login(WRITE, secret="somebody else's secret, just as long as ours"),
            "The token is not one of ours",
            id="forged",
        ),
        pytest.param(
            unsigned(sub="dispatcher", exp="9999999999", scope=WRITE),
            "The token is not one of ours",
            id="unsigned",
        ),
        pytest.param(
            login(WRITE, lasts=timedelta(seconds=-1)),
            "The login has expired: log in again",
            id="expired",
        ),
        pytest.param(
            {"Authorization": "Bearer " + jwt.encode({"scope": WRITE}, SECRET, "HS256")},
            "The token is not one of ours",
            id="without a name or an end",
        ),
    ],
)
def test_without_a_good_token_nothing_is_written(
    client: TestClient, headers: dict[str, str], detail: str
) -> None:
    answer = client.post("/flights", json=NEW_FLIGHT, headers=headers)

    assert answer.status_code == 401
    assert answer.json() == {"detail": detail}
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert client.get("/flights?number=2013").json()["total"] == 0


@pytest.mark.parametrize("path", ["/flights", "/reports/2013-01-01"])
def test_a_token_without_the_scope_is_a_403_that_names_it(client: TestClient, path: str) -> None:
    answer = client.post(path, json=NEW_FLIGHT, headers=login(username="visitor"))

    assert answer.status_code == 403
    assert answer.json() == {"detail": "This login does not allow flights:write"}
    assert answer.headers["WWW-Authenticate"] == 'Bearer scope="flights:write"'


def test_the_token_of_an_account_that_is_gone_is_a_401(reader: TestClient) -> None:
    assert reader.get("/me", headers=login(username="gone")).status_code == 401


# -- The app ---------------------------------------------------------------------------------------


def test_the_landing_page_needs_nothing_from_elsewhere(reader: TestClient) -> None:
    page = reader.get("/")

    assert page.headers["content-type"].startswith("text/html")
    for file in BOARD.iterdir():
        assert reader.get(f"/{file.name}").status_code == 200
        addresses = re.findall(r"https?://[^'\"\s)]+", file.read_text("utf-8"))
        assert set(addresses) <= {"http://www.w3.org/2000/svg"}  # the name of a format


def test_the_landing_page_links_only_to_what_is_there(reader: TestClient) -> None:
    links = re.findall(r'href="([^":]+)"', reader.get("/").text)

    answers = {
        link: reader.get("/" + link.replace("&amp;", "&")).status_code
        for link in links
        if "stream" not in link
    }
    assert "docs" in answers
    assert set(answers.values()) == {200}


def test_a_path_that_leads_nowhere_is_a_404_and_not_the_landing_page(reader: TestClient) -> None:
    answer = reader.get("/fligths")

    assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})


def test_the_document_describes_every_path_and_the_scope(reader: TestClient) -> None:
    document = reader.get("/openapi.json").json()

    assert set(document["paths"]) == {
        "/flights",
        "/flights/{flight_id}",
        "/departures/stream",
        "/statistics/airlines",
        "/statistics/months",
        "/statistics/weather/{condition}",
        "/reports",
        "/reports/{day}",
        "/reports/{day}.csv",
        "/token",
        "/me",
    }
    assert document["paths"]["/flights"]["post"]["security"] == [{"OAuth2PasswordBearer": [WRITE]}]


def test_two_apps_in_one_process_share_nothing(
    client: TestClient, tmp_path: Path, loaded: Path
) -> None:
    other = Settings.model_validate({"data_dir": tmp_path / "other", "password": "turbulence"})
    other.data_dir.mkdir()
    shutil.copy(loaded, other.database)
    with TestClient(create_app(other)) as other_client:
        plan(client)

        assert client.get("/flights?number=2013").json()["total"] == 1
        assert other_client.get("/flights?number=2013").json()["total"] == 0
        assert log_in(other_client, "dispatcher", "turbulence").status_code == 200
        assert other_client.get("/me", headers=writer()).status_code == 401


def test_an_app_can_be_started_again_after_it_was_shut_down(app: App) -> None:
    for _ in range(2):
        with TestClient(app) as client:
            assert client.get("/flights/1").status_code == 200
