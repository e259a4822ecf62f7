"""The comparison over sockets: right replies only, nothing left running, ratios within a round."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from bench.serving import environment, load, replies, report
from bench.serving.alone import Alone
from bench.serving.endpoints import BY_NAME as ENDPOINTS
from bench.serving.endpoints import Endpoint
from bench.serving.goals import Ratio, Verdict, verdicts
from bench.serving.lasting import Growth, Streams, hold_streams
from bench.serving.peers import BY_NAME as PEERS
from bench.serving.peers import Peer
from bench.serving.rounds import Plan, Results, Run, Sample
from bench.serving.server import PROGRAMS, serve
from trivium.cli.benchmark.errors import CannotMeasure, LoadFailed, NotServing
from trivium.cli.benchmark.processes import (
    Memory,
    cores,
    cpu_seconds,
    is_running,
    memory,
    state,
    tree,
)
from trivium.cli.benchmark.server import ServerProcess, free_port

CORE = max(os.sched_getaffinity(0))


def sample(rate: float, *, cpu: float = 100.0, busy: float = 1.0, client: float = 0.3) -> Sample:
    return Sample(rate, 1.0, 2.0, cpu, busy, client)


def results(**peers: list[Sample | None]) -> Results:
    named = {name.replace("_", "-"): samples for name, samples in peers.items()}
    return Results(samples={"json": named})


def goal(found: list[Verdict], what: str) -> Verdict:
    return next(verdict for verdict in found if verdict.what == what)


# -- Goals -----------------------------------------------------------------------------------------


def test_a_ratio_is_taken_within_a_round() -> None:
    # The second round was disturbed on both sides alike.
    taken = results(
        trivium=[sample(600), sample(60), sample(700)],
        fastapi=[sample(100), sample(10), sample(100)],
    )

    found = goal(verdicts(taken, {}, {}, {}), "JSON, against FastAPI")

    assert found.ratio == Ratio(6.0, 6.0, 7.0)
    assert found.met


def test_a_round_in_which_one_side_failed_counts_for_neither() -> None:
    taken = results(trivium=[sample(600), sample(1)], fastapi=[sample(100), None])

    found = goal(verdicts(taken, {}, {}, {}), "JSON, against FastAPI")

    assert found.ratio == Ratio(6.0, 6.0, 6.0)


def test_a_missed_goal_is_shown_as_missed_with_its_figure() -> None:
    taken = results(trivium=[sample(590, cpu=20)], fastapi=[sample(100, cpu=100)])

    table = report._goals(verdicts(taken, {}, {}, {}))

    assert table.rows[0] == ["JSON, against FastAPI", "≥ 6", "5.9", "5.9–5.9", "5", "MISSED"]
    assert 0 in table.bad


def test_a_figure_that_the_client_limited_says_so() -> None:
    limited = sample(600, busy=0.5, client=0.99)
    taken = results(trivium=[limited], fastapi=[sample(100)])

    found = goal(verdicts(taken, {}, {}, {}), "JSON, against FastAPI")

    assert found.note == "the load was at its limit, not the server"


def test_a_framework_on_two_servers_is_compared_at_its_best() -> None:
    taken = results(trivium=[sample(300)], litestar=[sample(100)], litestar_granian=[sample(250)])

    found = goal(verdicts(taken, {}, {}, {}), "JSON, against Litestar on granian")

    assert found.ratio == Ratio(1.2, 1.2, 1.2)
    assert found.met is False


def test_a_goal_whose_side_has_no_figure_is_not_measured_and_says_why() -> None:
    taken = results(fastapi=[sample(100)])
    taken.reasons["", "trivium"] = "does not start: ended with status 1: first\nlast"

    found = goal(verdicts(taken, {}, {}, {}), "JSON, against FastAPI")

    assert found.met is None
    assert found.note == "trivium: last"


def test_memory_is_compared_by_pss_after_load() -> None:
    ours = Alone(started=[Memory(9, 9)], loaded=[Memory(50, 30)])
    flask = Alone(started=[Memory(1, 1)], loaded=[Memory(60, 40)])

    found = goal(
        verdicts(Results(), {"trivium": ours, "flask": flask}, {}, {}),
        "memory (PSS) of one route after load, against Flask under gunicorn",
    )

    assert found.ratio == Ratio(0.75, 0.75, 0.75)
    assert found.met


@pytest.mark.parametrize(
    ("changed", "met"),
    [
        ({}, True),
        ({"closed": 1}, False),
        ({"lost": 1}, False),
        ({"fewest": 11}, False),
    ],
)
def test_streams_are_held_when_none_closed_lost_or_starved(
    changed: dict[str, int], met: bool
) -> None:
    whole = {"opened": 10_000, "seconds": 60.0, "events": 120_000, "lost": 0, "closed": 0}
    whole |= {"fewest": 12, "due": 12}
    streams = Streams(**{**whole, **changed}, before=Memory(50, 40), open=Memory(150, 140))

    found = verdicts(Results(), {}, {"trivium": streams}, {})

    verdict = next(each for each in found if each.what.startswith("streams held"))
    assert verdict.met is met
    assert streams.kib_a_stream == pytest.approx(10.24)


def test_growth_compares_rss_after_many_requests_with_rss_after_few() -> None:
    growth = Growth(10_000, 1_000_000, Memory(50, 40), Memory(52, 40))

    found = verdicts(Results(), {}, {}, {"trivium": growth})

    assert found[-1].ratio == Ratio(1.04, 1.04, 1.04)
    assert found[-1].met is False


def test_the_page_and_the_record_hold_every_figure_and_every_reason() -> None:
    taken = results(trivium=[sample(590)], fastapi=[sample(100)])
    taken.reasons["", "robyn"] = "not installed: ERROR: no wheel | for this machine"
    peers = [PEERS["trivium"], PEERS["fastapi"], PEERS["robyn"]]
    outcome = report.Outcome(
        command="python -m bench.serving",
        how="Made by a test.",
        environment={"python": "3"},
        peers=peers,
        endpoints=[ENDPOINTS["json"]],
        results=taken,
        alone={},
        streams={"trivium": "the client ended"},
        growth={},
        verdicts=verdicts(taken, {}, {}, {}),
    )

    page, record = report.markdown(outcome), json.loads(report.record(outcome))

    assert "| JSON, against FastAPI | ≥ 6 | 5.9 | 5.9–5.9 | 1 | MISSED |" in page
    assert "| robyn | everything | not installed: ERROR: no wheel \\| for this machine |" in page
    assert record["samples"]["json"]["trivium"][0]["rate"] == 590
    assert record["streams"] == {"trivium": "the client ended"}


# -- Replies ---------------------------------------------------------------------------------------


class Handler(BaseHTTPRequestHandler):
    reply: tuple[int, str, bytes]

    def do_GET(self) -> None:
        status, kind, body = self.reply
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the terminal of the tests."""


@pytest.fixture
def handler() -> Iterator[type[Handler]]:
    made = type("Made", (Handler,), {"port": 0})
    with ThreadingHTTPServer(("127.0.0.1", 0), made) as server:
        made.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        server.shutdown()
        thread.join()


GREETING = b'{"message": "Hello, World!"}'


@pytest.mark.parametrize(
    ("reply", "wrong"),
    [
        ((200, "application/json", GREETING), None),
        ((200, "application/json; charset=utf-8", GREETING), None),
        ((500, "application/json", GREETING), "status 500"),
        ((200, "text/html", GREETING), "content type 'text/html'"),
        ((200, "application/json", b'{"message": "Hello"}'), "not {'message': 'Hello, World!'}"),
        ((200, "application/json", b"Hello"), "is no JSON"),
    ],
)
def test_a_reply_is_right_in_status_content_type_and_value(
    handler: Any, reply: tuple[int, str, bytes], wrong: str | None
) -> None:
    handler.reply = reply

    if wrong is None:
        replies.check(ENDPOINTS["json"], handler.port)
    else:
        with pytest.raises(replies.WrongReply, match=wrong):
            replies.check(ENDPOINTS["json"], handler.port)


def test_a_stream_without_its_last_event_is_wrong(handler: Any) -> None:
    events = [f'data: {{"n": {n}}}\n\n' for n in range(len(ENDPOINTS["events"].expected) - 1)]
    handler.reply = (200, "text/event-stream", "".join(events).encode())

    with pytest.raises(replies.WrongReply, match="/events"):
        replies.check(ENDPOINTS["events"], handler.port)


def test_a_refused_websocket_is_wrong(handler: Any) -> None:
    handler.reply = (404, "text/plain", b"")

    with pytest.raises(replies.WrongReply, match=r"404 .*, not 101"):
        replies.check(ENDPOINTS["echo"], handler.port)


def test_nobody_there_is_wrong_and_no_crash() -> None:
    with pytest.raises(replies.WrongReply, match="ConnectionRefusedError"):
        replies.check(ENDPOINTS["json"], free_port())


# -- Servers ---------------------------------------------------------------------------------------

SERVING = """
import http.server, sys

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""

PARENT = """
import subprocess, sys
subprocess.run([sys.executable, "server.py", *sys.argv[1:]])
"""


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    (tmp_path / "server.py").write_text(SERVING)
    (tmp_path / "parent.py").write_text(PARENT)
    return tmp_path


@pytest.mark.slow
def test_a_server_that_does_not_come_up_says_what_it_wrote(tmp_path: Path) -> None:
    with pytest.raises(NotServing, match="status 3: no such wing"):
        ServerProcess(
            [sys.executable, "-c", "print('no such wing'); raise SystemExit(3)"],
            free_port(),
            core=CORE,
            directory=tmp_path,
        )


@pytest.mark.slow
def test_a_server_is_pinned_and_nothing_of_its_tree_is_left(programs: Path) -> None:
    port = free_port()

    with ServerProcess(
        [sys.executable, "parent.py", str(port)], port, core=CORE, directory=programs
    ) as server:
        processes = tree(server.pid)
        pinned = [os.sched_getaffinity(pid) for pid in processes]
        held, used = memory(server.pid), cpu_seconds(server.pid)

    assert len(processes) == 2
    assert pinned == [{CORE}, {CORE}]
    assert held.rss >= held.pss > 5
    assert used > 0
    assert not any(map(is_running, processes))


@pytest.mark.slow
def test_a_paused_server_uses_no_cpu_and_answers_when_it_is_resumed(programs: Path) -> None:
    port = free_port()
    with ServerProcess(
        [sys.executable, "server.py", str(port)], port, core=CORE, directory=programs
    ) as server:
        server.pause()
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            while state(server.pid) != "T":
                os.sched_yield()
            before = cpu_seconds(server.pid)
            with pytest.raises(TimeoutError):
                receive(connection, timeout=0.05)
            after = cpu_seconds(server.pid)

            server.resume()

            assert receive(connection, timeout=10) == b"HTTP/1.1 200"
    assert after == before


def receive(connection: socket.socket, *, timeout: float) -> bytes:
    connection.settimeout(timeout)
    return connection.recv(12)


def test_one_core_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0})

    with pytest.raises(CannotMeasure, match="Two cores"):
        cores()


# -- The load --------------------------------------------------------------------------------------


@pytest.fixture
def wrk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts a program named wrk first on the path: the figures it gives are the test's."""

    def replace(script: str) -> None:
        file = tmp_path / "wrk"
        file.write_text(f"#!{sys.executable}\n{textwrap.dedent(script)}")
        file.chmod(file.stat().st_mode | stat.S_IEXEC)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    return replace


def test_what_wrk_counted_becomes_a_rate_and_latencies(wrk: Any) -> None:
    wrk("print('Running 1s test')\nprint('RESULT 5000 500000 1500 9000 0')")

    seen = load.apply(ENDPOINTS["json"], 1, seconds=5, core=CORE)

    assert (seen.count, seen.rate, seen.p50, seen.p99) == (5000, 10_000, 1.5, 9.0)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("print('RESULT 5000 500000 1500 9000 3')", "3 errors in 5000 requests"),
        ("print('RESULT 0 500000 0 0 0')", "0 errors in 0 requests"),
        ("print('unable to connect')", "unable to connect"),
    ],
)
def test_an_error_under_load_is_no_figure(wrk: Any, script: str, reason: str) -> None:
    wrk(script)

    with pytest.raises(LoadFailed, match=reason):
        load.apply(ENDPOINTS["json"], 1, seconds=5, core=CORE)


def test_wrk_is_ended_after_the_time_of_the_sample_and_still_reports(wrk: Any) -> None:
    wrk(
        """
        import signal, sys
        signal.signal(signal.SIGINT, lambda *of: (print("RESULT 10 100 1 1 0"), sys.exit()))
        signal.pause()
        """
    )

    assert load.apply(ENDPOINTS["json"], 1, seconds=0.5, core=CORE).count == 10


def test_a_missing_wrk_is_told_with_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert "apt-get install wrk" in (load.wrk_missing() or "")


# -- The whole way ---------------------------------------------------------------------------------


def plan(rounds: int) -> Plan:
    return Plan(rounds, 0.2, min(os.sched_getaffinity(0)), CORE, sys.executable)


@pytest.mark.slow
def test_streams_and_sockets_are_measured_for_those_who_answer_rightly() -> None:
    absent = Peer("absent", "Absent", "none", "absent", ("{module}.py", "{port}"), ())
    peers = [PEERS["trivium-asgi"], absent]
    run = Run([ENDPOINTS["events"], ENDPOINTS["echo"]], peers, plan(1), say=lambda text: None)

    run.check()
    run.measure(until=0.0)

    (events,) = run.results.of("events", "trivium-asgi")
    (echo,) = run.results.of("echo", "trivium-asgi")
    assert events.rate > 0
    assert events.cpu_micros > 0
    assert echo.p99 is not None
    assert echo.p50 is not None
    assert echo.p99 >= echo.p50 > 0
    assert run.results.samples["events"].keys() == {"trivium-asgi"}
    assert "absent_app.py" in (run.results.reason("events", "absent") or "")


@pytest.mark.slow
def test_open_streams_are_counted_and_held() -> None:
    held = hold_streams(
        PEERS["trivium-asgi"],
        streams=20,
        seconds=0.2,
        python=sys.executable,
        cores=(min(os.sched_getaffinity(0)), CORE),
    )

    assert (held.opened, held.closed, held.lost) == (20, 0, 0)
    assert held.held


# -- What is compared ------------------------------------------------------------------------------


def test_every_peer_has_both_programs_and_its_packages_are_pinned() -> None:
    pinned = dict(line.split("==") for line in environment.requirements())

    for peer in PEERS.values():
        assert (PROGRAMS / f"{peer.program}_app.py").is_file()
        assert (PROGRAMS / f"{peer.program}_one.py").is_file()
        assert set(peer.packages) - {"trivium"} <= set(pinned)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["trivium", "fastapi"])
def test_every_endpoint_is_answered_rightly(name: str) -> None:
    asked: list[Endpoint] = [each for each in ENDPOINTS.values() if not each.production]
    peer = PEERS["trivium-asgi" if name == "trivium" else name]

    with serve(peer, python=sys.executable, core=CORE) as server:
        for endpoint in asked:
            replies.check(endpoint, server.port)


@pytest.mark.slow
def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.serving", "--only", "jsno"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
    )

    assert done.returncode != 0
    assert "jsno" in done.stderr or "wrk is not installed" in done.stderr
