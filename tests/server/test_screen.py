"""The screen at start-up says what runs where."""

import io
import logging
from typing import Any

import pytest

from trivium.server.screen import announce
from trivium.server.settings import ServerSettings

FACTS = {
    "version": "1.0",
    "mode": "production",
    "pid": 1,
    "app": "main:app",
    "title": "Flights",
    "addresses": ["http://127.0.0.1:8000", "http://[::1]:8000"],
    "docs": "/docs",
    "protocol": "direct",
    "loop": "uvloop",
    "python": "3.11.7",
    "debug": False,
}


def screen(facts: dict[str, Any] | None = None, **given: Any) -> str:
    stream = io.StringIO()
    announce({**FACTS, **(facts or {})}, ServerSettings.validated(given).jsonable(), stream)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "app       main:app  (Flights)"),
        ({}, "address   http://127.0.0.1:8000\n            http://[::1]:8000"),
        ({}, "docs      http://127.0.0.1:8000/docs"),
        ({}, "protocol  direct, uvloop, Python 3.11.7"),
        ({"workers": 3}, "workers   3\n"),
        (
            {"max_requests": 9, "max_worker_memory": "1MB"},
            "1, each replaced after 9 requests or 1 MB",
        ),
        ({"limit_concurrency": 7}, "limits    7 at once, 30 s to end at shutdown, 5 s idle"),
        (
            {"proxy_headers": True, "forwarded_allow_ips": "10.0.0.1"},
            "proxies   believed: 10.0.0.1",
        ),
        ({"root_path": "api"}, "root path  /api"),
    ],
)
def test_what_runs_where_is_told(given: dict[str, Any], says: str) -> None:
    assert says in screen(**given)


def test_what_is_dangerous_is_told() -> None:
    assert "errors are shown to clients" in screen({"debug": True})
    assert "debug" not in screen()


def test_an_app_without_pages_has_no_line_for_them() -> None:
    assert "docs" not in screen({"docs": None})
    assert "docs" not in screen({"addresses": ["unix:/run/app.sock"]})


def test_a_terminal_gets_colours_and_nothing_else_does() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    announce(FACTS, ServerSettings().jsonable(), terminal)

    assert "\x1b[1mTrivium 1.0" in terminal.getvalue()
    assert "\x1b" not in screen()


@pytest.mark.parametrize("given", [{"quiet": True}, {"log_format": "json"}])
def test_where_a_screen_is_unwanted_one_line_of_the_log_says_it(
    given: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "trivium.server"):
        assert screen(**given) == ""

    assert "Serving main:app at http://127.0.0.1:8000, http://[::1]:8000" in caplog.text
