"""The screen at start-up: what runs where, and with which settings."""

import logging
import sys
from collections.abc import Iterator
from typing import Any, TextIO

__all__ = ["announce", "lines"]

logger = logging.getLogger("trivium.server")


def announce(facts: dict[str, Any], settings: dict[str, Any], stream: TextIO | None = None) -> None:
    """Writes the screen, on stderr; one line of the log where that is JSON or the screen unwanted.

    facts: what the first worker says of itself. settings: as JSON-able data.
    """
    if settings["quiet"] or settings["log_format"] == "json":
        logger.info("Serving %s at %s", facts["app"], ", ".join(facts["addresses"]))
        return
    out = sys.stderr if stream is None else stream
    bold, dim, end = ("\x1b[1m", "\x1b[2m", "\x1b[0m") if out.isatty() else ("", "", "")
    shown = list(lines(facts, settings))
    width = max(len(label) for label, _ in shown)
    text = [f"\n  {bold}Trivium {facts['version']}{end}  {dim}{facts['mode']}{end}\n"]
    text += [f"  {dim}{label:<{width}}{end}  {value}" for label, value in shown]
    try:
        out.write("\n".join(text) + f"\n\n  {dim}{_HOW_TO_END}{end}\n\n")
        out.flush()
    except OSError:
        return  # nobody reads it, which is no reason not to serve


_HOW_TO_END = "Ctrl+C stops: open requests are answered first. A second one cancels them."


def lines(facts: dict[str, Any], settings: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The lines of the screen, as label and value."""
    yield "app", f"{facts['app']}  ({facts['title']})" if facts["title"] else facts["app"]
    first, *others = facts["addresses"]
    yield "address", first
    for address in others:
        yield "", address
    if facts["docs"] and not first.startswith("unix:"):
        yield "docs", first + facts["docs"]
    loop = facts["loop"]
    yield "protocol", f"{facts['protocol']}, {loop}, Python {facts['python']}"
    yield "workers", _workers(settings)
    yield "threads", f"{settings['threads']} for def code"
    if limits := list(_limits(settings)):
        yield "limits", ", ".join(limits)
    if settings["proxy_headers"]:
        yield "proxies", f"believed: {', '.join(settings['forwarded_allow_ips']) or 'none'}"
    if settings["root_path"]:
        yield "root path", settings["root_path"]
    if settings["reload"]:
        yield "reload", f"watching {', '.join(facts['watched'])}"
    if facts["debug"]:
        yield "debug", "on: errors are shown to clients"


def _workers(settings: dict[str, Any]) -> str:
    count = settings["workers"]
    recycled = [
        said
        for said, is_set in (
            (f"{settings['max_requests']} requests", settings["max_requests"]),
            (f"{settings['max_worker_age']} seconds", settings["max_worker_age"]),
            (
                f"{(settings['max_worker_memory'] or 0) / 1e6:.0f} MB",
                settings["max_worker_memory"],
            ),
        )
        if is_set is not None
    ]
    return f"{count}" + (f", each replaced after {' or '.join(recycled)}" if recycled else "")


def _limits(settings: dict[str, Any]) -> Iterator[str]:
    if settings["limit_concurrency"] is not None:
        yield f"{settings['limit_concurrency']} at once"
    yield f"{settings['graceful_timeout']:g} s to end at shutdown"
    yield f"{settings['timeout_keep_alive']} s idle"
