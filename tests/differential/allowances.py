"""Where Trivium differs from FastAPI 0.165.0 on purpose: each case, its reason, and its limits.

`promised()` turns FastAPI's reply into the one that Trivium owes for the same call. Everything that
is not written here has to be equal.
"""

from __future__ import annotations

import json
from dataclasses import replace

from .driver import Call, Reply

# How FastAPI breaks while it writes the 422 of a bad request: the offending input is put back into
# the answer, and cannot be encoded. It answers 500; Trivium must answer a 4xx instead.
_UNWRITABLE = (UnicodeEncodeError, UnicodeDecodeError, RecursionError)


def broke_on_bad_input(reply: Reply) -> bool:
    """Whether FastAPI failed to write down why a request is invalid, and answered 500."""
    error = reply.escaped
    unwritable = isinstance(error, _UNWRITABLE) or (
        isinstance(error, ValueError) and "Out of range float" in str(error)
    )
    cause = error
    while unwritable and cause is not None:
        if type(cause).__name__ == "RequestValidationError":
            return True
        cause = cause.__context__
    return False


def promised(call: Call, left: Reply, right: Reply) -> Reply:
    """FastAPI's reply, corrected to what Trivium promises. `right` is Trivium's own reply."""
    for allowance in (
        _allow_of_all_routes,
        _bare_error_of_a_stream,
        _swallowed_error,
        _own_traceback,
        _true_length,
        _uploads_in_errors,
        _pages,
        _middleware_around_errors,
    ):
        left = allowance(call, left, right)
    return left


def _allow_of_all_routes(call: Call, left: Reply, right: Reply) -> Reply:
    """RFC 9110, section 10.2.1: Allow lists what the resource supports.

    FastAPI lists the methods of the first route at the path, Trivium those of all of them.
    """
    if left.status == 405 and _methods(left) <= _methods(right):
        kept = [(name, value) for name, value in left.headers if name != b"allow"]
        kept += [(name, value) for name, value in right.headers if name == b"allow"]
        return replace(left, headers=kept)
    return left


def _methods(reply: Reply) -> set[str]:
    found = b", ".join(value for name, value in reply.headers if name == b"allow")
    return set(found.decode("latin-1").split(", "))


def _bare_error_of_a_stream(call: Call, left: Reply, right: Reply) -> Reply:
    """An error in the middle of an event stream is the program's own error, and breaks it off.

    FastAPI wraps it in an ExceptionGroup, past every handler that is declared for its class, and
    may end the body as if the stream had been complete.
    """
    group = left.escaped
    streams = any(value.startswith(b"text/event-stream") for _, value in left.headers)
    if not (streams and isinstance(group, ExceptionGroup) and len(group.exceptions) == 1):
        return left
    (error,) = group.exceptions
    if right.escaped is not None and type(right.escaped.__cause__) is type(error):
        # It has a handler, which comes too late: the response has already started.
        error = right.escaped
    # An item that was given before the error may get lost on its way through two queues.
    pieces = right.pieces if right.body.startswith(left.body) else left.pieces
    return replace(left, escaped=error, complete=False, pieces=pieces)


def _swallowed_error(call: Call, left: Reply, right: Reply) -> Reply:
    """Where a dependency swallows an error, there is no response; Trivium always says so.

    FastAPI says so too, or stumbles over a variable that was never bound.
    """
    if isinstance(left.escaped, UnboundLocalError) and isinstance(right.escaped, RuntimeError):
        return replace(left, escaped=right.escaped)
    return left


def _own_traceback(call: Call, left: Reply, right: Reply) -> Reply:
    """With `debug`, a 500 shows a traceback: the frames of the framework are its own affair."""
    start = b"Traceback (most recent call last)"
    if not (left.body.startswith(start) and right.body.startswith(start)):
        return left
    if left.body.splitlines()[-1] != right.body.splitlines()[-1]:
        return left
    return _with_body(left, right.body)


def _true_length(call: Call, left: Reply, right: Reply) -> Reply:
    """FastAPI announces the length of a body that it then drops, where the status is 205."""
    if left.status == 205 and left.complete and not left.body:
        return _with_body(left, b"")
    return left


def _uploads_in_errors(call: Call, left: Reply, right: Reply) -> Reply:
    """An error about an upload quotes the attributes of its temporary file.

    They depend on how far the file happens to have been read, and are nobody's promise.
    """
    if not (b'"_TemporaryFileArgs"' in left.body and left.status == right.status == 422):
        return left
    body = json.loads(left.body)
    for mine, yours in zip(body["detail"], json.loads(right.body)["detail"], strict=False):
        if "_TemporaryFileArgs" in json.dumps(mine.get("input")) and "input" in yours:
            mine["input"] = yours["input"]
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return _with_body(left, text.encode())


def _middleware_around_errors(call: Call, left: Reply, right: Reply) -> Reply:
    """The 500 of an unhandled error passes the middleware: CORS and its kind may add to it.

    FastAPI sends it around them, so that a browser does not even see the status.
    """
    unhandled = left.status == right.status == 500 and left.escaped is not None
    added = {name for name, _ in right.headers} - {name for name, _ in left.headers}
    if unhandled and added & {b"vary", b"access-control-allow-origin", b"content-encoding"}:
        return replace(left, headers=right.headers, pieces=right.pieces)
    return left


def _pages(call: Call, left: Reply, right: Reply) -> Reply:
    """The documentation pages are Trivium's own: tests/openapi looks at them in a browser."""
    for page in (b"swagger-ui", b"redoc", b"swaggerUIRedirectOauth2"):
        if (
            left.body.lstrip()[:9].lower() == b"<!doctype"
            and page in left.body
            and page in right.body
        ):
            return _with_body(left, right.body)
    return left


def _with_body(reply: Reply, body: bytes) -> Reply:
    headers = list(reply.headers)
    for index, (name, _) in enumerate(headers):
        if name == b"content-length":
            headers[index] = (name, b"%d" % len(body))
    return replace(reply, headers=headers, pieces=[body])


def same_events(left: list[str], right: list[str], *, broken_off: bool) -> bool:
    """Whether two traces tell the same story.

    Where an error breaks a stream off, FastAPI leaves the generator to the garbage collector and
    may end the body; Trivium closes the one and not the other. Then its trace may hold more.
    """
    if not broken_off:
        return left == right
    remaining = iter(right)
    return all(event in remaining for event in left if event != "<- end")


def refuses_half_a_surrogate(call: Call, right: Reply) -> bool:
    """Whether Trivium refused JSON for half of a surrogate pair, and rightly.

    FastAPI lets it through; a program that returns or stores the text then fails.
    """
    if right.status != 422 or b"surrogate" not in right.body:
        return False
    try:
        json.dumps(json.loads(b"".join(call.body)), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False
