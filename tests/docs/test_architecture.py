"""What ``docs/architecture.md`` says of the code is so."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from types import FrameType
from typing import Any

import anyio
from pydantic import BaseModel

from tests.test_house_rules import HOUSE, ROOMS
from trivium import App

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
LONGEST_WAY = 8


def section(heading: str) -> str:
    """The text from a heading of the page to the next one."""
    found = re.search(rf"^##+ {re.escape(heading)}\n(.*?)(?=^##+ |\Z)", PAGE, re.M | re.S)
    assert found is not None
    return found[1]


def first_cells(table: str) -> list[str]:
    """The first column of a table, without its head."""
    rows = [line.strip("|").split("|")[0].strip() for line in table.splitlines() if line[:1] == "|"]
    return rows[2:]


def test_the_rooms_are_listed_in_the_order_in_which_they_may_import() -> None:
    cells = first_cells(section("The rooms"))
    listed = [cell.strip("`").removesuffix(".py").rstrip("/") for cell in cells]

    built = {path.stem for path in HOUSE.iterdir() if path.suffix in ("", ".py")}

    assert listed == [room for room in ROOMS if room in built]


def test_every_file_that_the_page_names_is_there() -> None:
    named = re.findall(r"`((?:\w+/)+\w+\.py)`", PAGE)

    assert named
    assert [name for name in named if not (HOUSE / name).exists()] == []


def test_every_file_of_binding_and_routing_is_named() -> None:
    for room in ("binding", "routing"):
        there = {path.name for path in (HOUSE / room).glob("*.py")} - {"__init__.py"}

        assert there - set(re.findall(r"`(\w+\.py)`", section(f"`{room}/`"))) == set(), room


class Flight(BaseModel):
    id: int


def files_run(app: Any, path: str) -> list[str]:
    """The files of the house that run for a request, in order of first use."""
    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": [],
    }
    found: list[str] = []

    def note(frame: FrameType, event: str, argument: Any) -> None:
        file = Path(frame.f_code.co_filename)
        if event == "call" and file.is_relative_to(HOUSE):
            name = file.relative_to(HOUSE).as_posix()
            if name not in found:
                found.append(name)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            assert message["status"] == 200

    async def call_twice() -> None:
        # the first request compiles the route
        await app(dict(scope), receive, send)
        before = sys.getprofile()
        sys.setprofile(note)
        try:
            await app(dict(scope), receive, send)
        finally:
            sys.setprofile(before)

    anyio.run(call_twice)
    return found


def test_a_request_runs_the_files_that_the_page_lists_in_that_order() -> None:
    app = App()

    @app.get("/flights/{id}")
    async def read_flight(id: int) -> Flight:
        return Flight(id=id)

    listed = re.findall(r"^\d+\. `([\w/]+\.py)`", section("The way of a request"), re.M)

    assert len(listed) <= LONGEST_WAY
    assert files_run(app, "/flights/1545") == listed


def test_every_runtime_dependency_has_its_line() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    declared = [re.split(r"[<>=!~;\[ ]", each)[0] for each in project["dependencies"]]

    assert first_cells(section("Dependencies")) == sorted(declared)
