"""The judge: both sides of a program, call by call, and what counts as the same."""

from __future__ import annotations

import importlib
import json
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

from .allowances import broke_on_bad_input, promised, refuses_half_a_surrogate, same_events
from .driver import Call, Driver, Reply
from .sides import LEFT, RIGHT, Built, build

# Headers compared as a set of items: their order comes from a Python set on both sides.
UNORDERED = {b"allow"}
# Headers left out: none. Over raw ASGI no server adds `date` or `server`, so every header that is
# seen was written by the framework or by the program, and matters. The order of two headers with
# different names means nothing (RFC 9110, section 5.3) and is not compared; the order of values
# under one name is.


class Difference(AssertionError):
    """The two sides disagree."""


def assert_same(source: str, calls: Iterable[Call] = (), *, pieces: bool = False) -> None:
    """Builds `source` on both sides and compares the OpenAPI document and the reply to each call.

    Raises Difference, whose text holds the program. With `pieces`, the body must also arrive in
    the same pieces, as matters for a stream.
    """
    driver = Driver()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            problems = _judge(driver, source, list(calls), pieces)
            report = next(problems, None)
    finally:
        driver.close()
    if report is not None:
        raise Difference(f"{report}\n\nThe program:\n\n{source}")


def _judge(driver: Driver, source: str, calls: list[Call], pieces: bool) -> Iterator[str]:
    left, right = build(source, LEFT), build(source, RIGHT)
    if left.refused is not None or right.refused is not None:
        yield from _compare_refusals(left, right)
        return
    document = Call(path=(left.app.openapi_url or "/openapi.json").encode())
    for call in [document, *calls]:
        del left.trace[:], right.trace[:]
        with left.running():
            mine = driver.call(left.app, call, left.trace)
        with right.running():
            yours = driver.call(right.app, call, right.trace)
        if LEFT != RIGHT and refuses_half_a_surrogate(call, yours):
            continue
        found = list(compare_replies(call, mine, yours, pieces=pieces))
        broken_off = yours.escaped is not None and not yours.complete
        same = same_events(left.trace, right.trace, broken_off=broken_off)
        if not found and not same and not broke_on_bad_input(mine):
            found = [f"order of events: {left.trace} != {right.trace}"]
        if found:
            yield "\n".join(
                [
                    *found,
                    f"\nThe request:\n{call}",
                    f"\n{LEFT} answered:\n{mine}\n{left.trace}",
                    f"\n{RIGHT} answered:\n{yours}\n{right.trace}",
                ]
            )


def _compare_refusals(left: Built, right: Built) -> Iterator[str]:
    for built in (left, right):
        if isinstance(built.refused, SyntaxError | NameError):
            raise built.refused  # the generator wrote a program that is none
    if left.refused is None:
        yield f"only {RIGHT} refuses the program: {_describe(right.refused)}"
    elif right.refused is None:
        yield f"only {LEFT} refuses the program: {_describe(left.refused)}"
    elif not _corresponds(left.refused, right.refused):
        yield f"refused as {_describe(left.refused)} != {_describe(right.refused)}"


def compare_replies(call: Call, left: Reply, right: Reply, *, pieces: bool) -> Iterator[str]:
    """Each way in which two replies to one call differ, as a line of text."""
    if broke_on_bad_input(left) and LEFT != RIGHT:
        if right.escaped is not None or right.status is None or not 400 <= right.status < 500:
            yield f"a request that breaks {LEFT} must be a 4xx, and is {right.status}"
        return
    if LEFT != RIGHT:
        left = promised(call, left, right)
        yield from _check_length(call, right)
    if left.status != right.status:
        yield f"status: {left.status} != {right.status}"
    if left.complete != right.complete:
        yield f"complete: {left.complete} != {right.complete}"
    if (left.escaped is None) != (right.escaped is None) or not _corresponds(
        left.escaped, right.escaped
    ):
        yield f"escaped: {_describe(left.escaped)} != {_describe(right.escaped)}"
    mine, yours = _grouped(left.headers), _grouped(right.headers)
    for name in sorted(mine.keys() | yours.keys()):
        if mine.get(name) != yours.get(name):
            yield f"header {name.decode('latin-1')}: {mine.get(name)} != {yours.get(name)}"
    if left.body != right.body:
        yield from _compare_bodies(left.body, right.body)
    elif pieces and [p for p in left.pieces if p] != [p for p in right.pieces if p]:
        yield f"pieces: {left.pieces} != {right.pieces}"


def _corresponds(left: BaseException | None, right: BaseException | None) -> bool:
    """Whether an `except` written for the left error catches the right one."""
    if left is None or right is None:
        return left is right
    expected: type[BaseException] = type(left)
    if expected.__module__.split(".")[0] == LEFT:
        module = importlib.import_module(RIGHT + expected.__module__.removeprefix(LEFT))
        expected = getattr(module, expected.__name__)
    elif expected.__module__ == "program":
        return expected.__name__ == type(right).__name__ and str(left) == str(right)
    if not isinstance(right, expected):
        return False
    if hasattr(left, "errors") and hasattr(right, "errors"):
        return repr(left.errors()) == repr(right.errors())
    return True


def _describe(error: BaseException | None) -> str:
    return "nothing" if error is None else f"{type(error).__qualname__}({str(error)[:1500]})"


def _grouped(headers: list[tuple[bytes, bytes]]) -> dict[bytes, Any]:
    grouped: dict[bytes, Any] = {}
    for name, value in headers:
        grouped.setdefault(name.lower(), []).append(value)
    for name in UNORDERED & grouped.keys():
        items = b", ".join(grouped[name]).split(b", ")
        grouped[name] = sorted(items)
    return grouped


def _check_length(call: Call, reply: Reply) -> Iterator[str]:
    lengths = [value for name, value in reply.headers if name.lower() == b"content-length"]
    if len(lengths) > 1:
        yield f"{RIGHT} sends content-length {len(lengths)} times"
    bodiless = call.method == "HEAD" or reply.status in (204, 304)
    unfinished = bodiless or not reply.complete
    if lengths and not unfinished and int(lengths[0]) != len(reply.body):
        yield f"{RIGHT} promises {int(lengths[0])} bytes and sends {len(reply.body)}"


def _compare_bodies(left: bytes, right: bytes) -> Iterator[str]:
    try:
        mine, yours = json.loads(left), json.loads(right)
    except ValueError:
        yield f"body: {left[:3000]!r} != {right[:3000]!r}"
        return
    found = list(differences(mine, yours))
    yield from found or [f"bytes of an equal JSON body: {left[:3000]!r} != {right[:3000]!r}"]


def differences(left: Any, right: Any, place: str = "body") -> Iterator[str]:
    """The places at which two JSON documents differ, with both values."""
    if isinstance(left, dict) and isinstance(right, dict):
        for key in [*left, *(key for key in right if key not in left)]:
            where = f"{place}[{key!r}]"
            if key not in right:
                yield f"{where}: {left[key]!r} != (absent)"
            elif key not in left:
                yield f"{where}: (absent) != {right[key]!r}"
            else:
                yield from differences(left[key], right[key], where)
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for index, (mine, yours) in enumerate(zip(left, right, strict=True)):
            yield from differences(mine, yours, f"{place}[{index}]")
    elif left != right or type(left) is not type(right):
        yield f"{place}: {left!r} != {right!r}"
