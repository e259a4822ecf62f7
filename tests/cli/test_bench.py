"""`trivium bench`: what is asked, that the replies are alike, and what is shown."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Annotated, Any
from uuid import UUID

import pytest

from tests.cli.conftest import Project
from trivium import App, Cookie, Header, Query
from trivium.cli.benchmark import engines, load
from trivium.cli.benchmark.comparison import Comparison, Row, Sample
from trivium.cli.benchmark.errors import CannotMeasure, LoadFailed
from trivium.cli.benchmark.replies import Reply, difference
from trivium.cli.benchmark.requests import (
    Request,
    Skipped,
    chosen,
    from_document,
    parse,
    parse_header,
)
from trivium.cli.benchmark.server import free_port
from trivium.cli.benchmark.table import failed

CORE = max(os.sched_getaffinity(0))

MAIN = """\
import fastapi
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


class Item(BaseModel):
    name: str
    price: float = 1.0


@app.get("/items/{item_id}")
async def read(item_id: int) -> Item:
    return Item(name=f"item {item_id}")


@app.post("/items")
async def make(item: Item) -> Item:
    return item


@app.get("/which")
async def which() -> str:
    return fastapi.__name__


@app.get("/refused/{word}")
async def refused(word: str):
    raise fastapi.HTTPException(404)
"""


# -- What is asked ---------------------------------------------------------------------------------


class Colour(Enum):
    red = "red"


def document(*handlers: tuple[str, Any]) -> dict[str, Any]:
    app = App()
    for path, handler in handlers:
        app.get(path)(handler)
    return app.openapi()


def only(*handlers: tuple[str, Any], headers: tuple[tuple[str, str], ...] = ()) -> Any:
    (found,) = from_document(document(*handlers), headers)
    return found


async def typed(
    number: int,
    key: UUID,
    colour: Colour,
    many: Annotated[int, Query(ge=5)],
    few: Annotated[int, Query(lt=0)],
    between: Annotated[float, Query(gt=0, lt=1)],
    shown: Annotated[str, Query(examples=["an example & more"])],
    on: bool,
    optional: str = "left out",
) -> None: ...


def test_required_parameters_get_an_example_or_a_value_of_their_type() -> None:
    found = only(("/a/{number}/{key}/{colour}", typed))

    assert found == Request(
        "GET",
        "/a/1/00000000-0000-4000-8000-000000000000/red"
        "?many=5&few=-1&between=0.999&shown=an+example+%26+more&on=true",
    )


async def patterned(code: Annotated[str, Query(pattern="^[A-Z]{3}$")]) -> None: ...
async def baked(session: Annotated[str, Cookie()]) -> None: ...


@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        (patterned, "no example for its query parameter code"),
        (baked, "it needs the cookie session"),
    ],
)
def test_what_cannot_be_made_up_is_skipped_with_the_reason(handler: Any, reason: str) -> None:
    assert only(("/a", handler)) == Skipped("GET /a", reason)


async def keyed(x_key: Annotated[str, Header(pattern="^k")]) -> None: ...


def test_a_header_that_the_user_gives_fills_in_a_required_one() -> None:
    assert only(("/a", keyed), headers=(("X-Key", "k1"),)) == Request(
        "GET", "/a", (("X-Key", "k1"),)
    )


def test_a_document_without_anything_to_ask_says_so_and_how_to_go_on() -> None:
    with pytest.raises(CannotMeasure, match=r"GET /a: no example.*code\nSay what to ask"):
        chosen(document(("/a", patterned)), [], [])


def test_a_written_request_takes_the_place_of_the_documents() -> None:
    requests, skipped = chosen(document(("/a", patterned)), ["get /b?c=d"], ["X-A: b"])

    assert requests == [Request("GET", "/b?c=d", (("X-A", "b"),), written=True)]
    assert skipped == []


def test_a_written_body_is_sent_as_json() -> None:
    found = parse('POST /items {"name": "a"}', {})

    assert found.wire(80) == (
        b"POST /items HTTP/1.1\r\nHost: 127.0.0.1:80\r\nContent-Type: application/json\r\n"
        b'Content-Length: 13\r\n\r\n{"name": "a"}'
    )
    assert found.title == 'POST /items {"name": "a"}'


def test_a_body_that_is_not_written_is_the_documents_example() -> None:
    example = {"content": {"application/json": {"example": {"name": "b"}}}}
    shown = {"paths": {"/items/{id}": {"put": {"requestBody": example}}}}

    assert parse("PUT /items/7", shown).body == b'{"name": "b"}'
    assert parse("PUT /others/7", shown).body == b""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("items", "is no request"),
        ("GET items", "is no request"),
        ("POST /items {name}", "the body is no JSON"),
    ],
)
def test_what_is_no_request_is_refused(text: str, message: str) -> None:
    with pytest.raises(CannotMeasure, match=message):
        parse(text, {})


@pytest.mark.parametrize("text", ["X-A", ": b", "X A: b", "X-A: b\r\nX-B: c"])
def test_what_is_no_header_is_refused(text: str) -> None:
    with pytest.raises(CannotMeasure, match="--header"):
        parse_header(text)


# -- Alike or not ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("theirs", "found"),
    [
        (Reply(200, "application/json", b'{"b":2, "a": 1}'), None),
        (Reply(201, "application/json", b'{"a":1,"b":2}'), "status 200 != 201"),
        (Reply(200, "text/html", b'{"a":1,"b":2}'), "content type"),
        (Reply(200, "application/json", b'{"a":1}'), 'body {"a":1,"b":2} != {"a":1}'),
        (Reply(200, "application/json", b"{"), "body"),
    ],
)
def test_replies_are_alike_in_status_type_and_value(theirs: Reply, found: str | None) -> None:
    ours = Reply(200, "application/json", b'{"a":1,"b":2}')

    told = difference(ours, theirs)

    assert told is None if found is None else (told or "").startswith(found)


def comparison(*rows: Row) -> Comparison:
    made = object.__new__(Comparison)
    made.rows = list(rows)
    return made


def measured(*, written: bool = False) -> Row:
    sample = Sample(100.0, 1.0, 2.0, 50.0, 0.2)
    return Row(Request("GET", "/", written=written), {"trivium": [sample], "fastapi": [sample]})


def void(problem: str, *, unfit: bool, written: bool = False) -> Row:
    return Row(Request("GET", "/a", written=written), problem=problem, unfit=unfit)


@pytest.mark.parametrize(
    ("rows", "is_failure"),
    [
        ([measured()], False),
        ([measured(), void("both answer 404", unfit=True)], False),
        ([measured(), void("both answer 404", unfit=True, written=True)], True),
        ([measured(), void("the replies differ", unfit=False)], True),
        ([void("both answer 404", unfit=True)], True),
    ],
)
def test_what_was_asked_for_and_has_no_figure_is_a_failure(
    rows: list[Row], is_failure: bool
) -> None:
    assert failed(comparison(*rows)) is is_failure


def test_a_ratio_is_taken_within_a_round() -> None:
    def sample(rate: float) -> Sample:
        return Sample(rate, 1.0, 2.0, 50.0, 0.2)

    row = Row(
        Request("GET", "/"),
        {
            "trivium": [sample(300), sample(20), sample(500)],
            "fastapi": [sample(100), sample(10), sample(100)],
        },
    )

    assert row.ratio("trivium", "fastapi") == (3.0, 2.0, 5.0)


# -- Our own client --------------------------------------------------------------------------------


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    status = 200
    asked: set[tuple[str, bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.add((self.path, body))
        self.send_response(self.status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the terminal of the tests."""


@pytest.fixture
def handler() -> Iterator[Any]:
    made: Any = type("Made", (Handler,), {"port": 0, "asked": set()})
    with ThreadingHTTPServer(("127.0.0.1", 0), made) as server:
        made.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        server.shutdown()
        thread.join()


POST = Request("POST", "/a?b=c", (), b"body")


def by_client(port: int) -> load.Load:
    return load.load_by_client(POST, port, connections=3, seconds=0.1, core=CORE)


@pytest.mark.slow
def test_the_client_counts_complete_replies(handler: Any) -> None:
    seen = by_client(handler.port)

    assert seen.count > 0
    assert seen.rate == pytest.approx(seen.count / seen.seconds)
    assert seen.p50 is not None
    assert seen.p99 is not None
    assert 0 < seen.p50 <= seen.p99
    assert handler.asked == {("/a?b=c", b"body")}


@pytest.mark.slow
def test_an_error_under_load_is_no_figure(handler: Any) -> None:
    handler.status = 500

    with pytest.raises(LoadFailed, match="status 500"):
        by_client(handler.port)


@pytest.mark.slow
def test_nobody_there_is_no_figure() -> None:
    with pytest.raises(LoadFailed, match="no connection"):
        by_client(free_port())


# -- FastAPI's side --------------------------------------------------------------------------------


def launched(project: Project, program: str) -> subprocess.CompletedProcess[str]:
    project.write("program.py", program)
    return subprocess.run(
        [sys.executable, str(engines.LAUNCHER), "program", "argument"],
        capture_output=True,
        text=True,
        cwd=project.root,
    )


@pytest.mark.slow
def test_a_program_of_the_mirrors_names_runs_under_fastapi(project: Project) -> None:
    done = launched(
        project,
        "import sys, fastapi, fastapi.security.http, trivium.fastapi\n"
        "from trivium.fastapi import FastAPI\n"
        "from trivium.fastapi.security import http\n"
        "print(FastAPI.__module__, http is fastapi.security.http, trivium.fastapi is fastapi)\n"
        "print(fastapi.__spec__.name, sys.argv, __name__)\n",
    )

    assert done.stdout.splitlines() == [
        "fastapi.applications True True",
        "fastapi ['" + str(project.root / "program.py") + "', 'argument'] __main__",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("line", ["from trivium import App", "import trivium.routing"])
def test_a_program_of_triviums_own_names_is_told_that_it_cannot(
    project: Project, line: str
) -> None:
    done = launched(project, line)

    assert done.returncode == 1
    assert "is Trivium's own, so the program cannot run under FastAPI" in done.stderr


def test_without_fastapi_there_is_nothing_to_compare_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(CannotMeasure, match="pip install fastapi"):
        engines.fastapi()


# -- The command -----------------------------------------------------------------------------------


def bench(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: the command makes `fastapi` mean Trivium."""
    project.write("main.py", MAIN)
    return subprocess.run(
        [sys.executable, "-m", "trivium.cli", "bench", *arguments],
        capture_output=True,
        text=True,
        cwd=project.root,
    )


SHORT = ("--client", "builtin", "--seconds", "0.05", "--rounds", "1", "--connections", "2")


@pytest.mark.slow
def test_written_requests_are_measured_under_both(project: Project) -> None:
    request = 'POST /items {"name": "a"}'
    done = bench(project, "main.py", "--request", request, "--json", *SHORT)

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    (row,) = found["requests"]
    assert row["request"] == request
    assert row["problem"] is None
    assert row["ratio"][0] > 0
    assert {name: len(samples) for name, samples in row["samples"].items()} == {
        "trivium": 1,
        "fastapi": 1,
    }
    assert all(each["cpu_micros"] > 0 for each in row["samples"]["trivium"])
    assert found["servers"]["fastapi"]["memory"][0]["rss"] > 10


@pytest.mark.slow
def test_the_documents_operations_are_compared_first_and_then_measured(project: Project) -> None:
    done = bench(project, *SHORT)

    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split()[:3] == ["REQUEST", "trivium/s", "fastapi/s"]
    assert lines[1].startswith("GET /items/1 ")
    assert lines[2] == ""
    assert (
        "not compared: GET /which: the replies differ (trivium != fastapi): "
        'body "trivium.fastapi" != "fastapi"' in lines
    )
    assert "not compared: GET /refused/text: both answer 404" in lines


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--against", "flask"], "there is only fastapi"),
        (["--client", "ab"], "there are auto, wrk and builtin"),
        (["--request", "items"], "is no request"),
        (["nowhere.py"], "There is no"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_started(
    project: Project, arguments: list[str], message: str
) -> None:
    done = bench(project, *arguments)

    assert done.returncode == 1
    assert message in done.stderr
    assert "asking" not in done.stderr


@pytest.mark.slow
def test_a_program_that_only_trivium_runs_is_told_so(project: Project) -> None:
    own = "from trivium import App\n\napp = App()\n\n\n@app.get('/')\ndef read(): ...\n"
    project.write("own.py", own)

    done = bench(project, "own.py", *SHORT)

    assert done.returncode == 1
    assert "does not serve own:app" in done.stderr
    assert "trivium.App is Trivium's own" in done.stderr
