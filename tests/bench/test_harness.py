"""The benchmarks compare right answers only, round by round, and say which goals are met."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.cases import CORE, SUITES, find, select
from bench.harness import callgrind
from bench.harness.asgi import Call, Reply, exchange, lifespan, repeat
from bench.harness.case import Goal, RequestCase
from bench.harness.compare import Ratio, compare
from bench.harness.report import row
from bench.harness.rounds import Measured, Plan, Run, Side
from bench.harness.worker import Outcome
from trivium import App, Request
from trivium.testing import TestClient

PLAN = Plan(rounds=1, samples=1, seconds=0.001, core=0, loop="asyncio")


def case(name: str, *goals: Goal) -> RequestCase:
    return RequestCase(
        name=name, title=name, build=lambda framework: App(), call=Call("/"), goals=goals
    )


def measured(name: str, ours: list[float], peer: list[float], *goals: Goal) -> Measured:
    return Measured(case(name, *goals), {"trivium": ours, "fastapi": peer})


# -- Comparing -------------------------------------------------------------------------------------


def test_a_ratio_is_the_median_of_the_rounds_ratios() -> None:
    # The third round was disturbed on both sides alike.
    assert Ratio.of([1.0, 2.0, 30.0], [2.0, 8.0, 100.0]) == Ratio(0.3, 0.25, 0.5)


@pytest.mark.parametrize(("ours", "met"), [(33.0, True), (34.0, False)])
def test_a_goal_towards_the_peer_is_met_up_to_its_bound(ours: float, met: bool) -> None:
    entries = {"a": measured("a", [ours], [100.0], Goal(1 / 3))}

    (line,) = compare(entries, "trivium", "fastapi")

    assert [verdict.met for verdict in line.verdicts] == [met]


def test_a_goal_towards_another_case_compares_our_own_figures() -> None:
    entries = {
        "first": measured("first", [10.0], [10.0]),
        "last": measured("last", [10.9], [500.0], Goal(1.10, to="first")),
    }

    _, last = compare(entries, "trivium", "fastapi")

    assert last.verdicts[0].met
    assert last.verdicts[0].ratio.middle == pytest.approx(1.09)


def test_counted_instructions_decide_a_goal() -> None:
    entry = measured("a", [90.0], [100.0], Goal(1 / 3))
    entry.instructions = {"trivium": 30_000, "fastapi": 100_000}

    (line,) = compare({"a": entry}, "trivium", "fastapi")

    assert line.verdicts[0].met
    assert "met: 0.30" in row(line, "trivium", "fastapi")[-1]


def test_nothing_is_compared_with_a_figure_of_zero() -> None:
    (line,) = compare({"a": measured("a", [0.5], [0.0])}, "trivium", "fastapi")

    assert line.ratio is None
    assert line.middles == {"trivium": 0.5, "fastapi": 0.0}


def test_a_void_case_has_no_figures_and_meets_no_goal() -> None:
    entry = measured("a", [1.0], [100.0], Goal(1 / 3))
    entry.problem = "the replies differ: status 200 != 500"

    (line,) = compare({"a": entry}, "trivium", "fastapi")

    assert line.verdicts == ()
    assert row(line, "trivium", "fastapi")[2:] == [
        *("–", "–", "–", "–", "–"),
        "VOID: the replies differ: status 200 != 500",
    ]


# -- Checking --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        (Reply(200, (("a", "1"), ("b", "2")), b"x"), None),
        (Reply(201, (("b", "2"), ("a", "1")), b"x"), "status"),
        (Reply(200, (("a", "1"),), b"x"), "headers"),
        (Reply(200, (("b", "2"), ("a", "1")), b"y"), "body"),
    ],
)
def test_replies_are_alike_in_status_headers_and_body(other: Reply, difference: str | None) -> None:
    found = Reply(200, (("b", "2"), ("a", "1")), b"x").difference(other)

    assert found is None if difference is None else (found or "").startswith(difference)


@pytest.mark.slow
def test_a_case_that_the_sides_answer_differently_is_void_and_not_measured() -> None:
    sides = [Side("trivium", "trivium.fastapi"), Side("fastapi", "tests.bench.impostor")]
    run = Run([find("path"), find("ready_response")], sides, PLAN, say=lambda text: None)

    run.check()
    run.measure()

    assert (run.measured["path"].problem or "").startswith("the replies differ: body")
    assert run.measured["path"].figures == {}
    assert run.measured["ready_response"].problem is None
    assert set(run.measured["ready_response"].figures) == {"trivium", "fastapi"}


def test_an_outcome_survives_its_way_from_the_worker() -> None:
    outcome = Outcome("a", 1.5, [Reply(200, (("a", "1"),), b"\xff")], None)

    assert Outcome.load(outcome.dump()) == outcome


# -- Driving ---------------------------------------------------------------------------------------


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_the_driver_sends_what_a_client_sends() -> None:
    app = App()

    @app.post("/items/{item_id}")
    async def read(item_id: int, request: Request) -> list[str]:
        body = (await request.body()).decode()
        return [str(request.url), request.headers["x-a"], body]

    call = Call("/items/7?q=1", method="POST", headers=(("X-A", "b"),), body=b"body")

    async with lifespan(app):
        reply = await exchange(app, call)

    client = TestClient(app, base_url="http://bench.test")
    expected = client.post("/items/7?q=1", headers={"x-a": "b"}, content=b"body")
    assert (reply.status, reply.body) == (200, expected.content)


async def test_the_driver_refuses_a_status_that_was_not_expected() -> None:
    with pytest.raises(RuntimeError, match="404"):
        await repeat(App(), Call("/nowhere"), 2)


# -- Choosing --------------------------------------------------------------------------------------


def test_every_case_has_a_name_of_its_own_and_a_goal_names_one() -> None:
    names = [each.name for cases in SUITES.values() for each in cases]

    assert len(names) == len(set(names))
    assert {goal.to for name in names for goal in find(name).goals if goal.to} <= set(names)


def test_a_quick_run_leaves_out_what_is_slow_and_only_the_core_runs_unasked() -> None:
    everything = {each.name for each in select([], None, quick=False)}
    quick = {each.name for each in select([], None, quick=True)}

    assert everything == {each.name for suite in CORE for each in SUITES[suite]}
    assert "last_of_10000" in everything - quick
    assert [each.name for each in select(["growth"], None, quick=False)] == ["growth_million"]


def test_an_unknown_suite_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SystemExit, match="no suite speed; there are routing, building"):
        select(["speed"], None, quick=False)


def test_instructions_of_one_run_are_the_difference_of_two_counts(tmp_path: Path) -> None:
    for part, (times, total) in enumerate([(20, 1_500), (40, 2_500)], 1):
        (tmp_path / f"out.{part}").write_text(
            f"desc: Trigger: Client Request: path {times}\nevents: Ir\nsummary: {total}\n"
        )

    assert callgrind.read_dumps(tmp_path, "out") == {"path": 50.0}
