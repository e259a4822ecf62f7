"""The reply is sent, and the background tasks that it promised are run.

A task belongs to the reply. Once the reply has been handed to the server every task runs, in
order: those that were injected first, then those of the returned response. Neither a client that
has gone nor a task that fails keeps the next one from running.
"""

from collections.abc import Iterable
from contextlib import nullcontext
from copy import copy
from typing import Any

import anyio
from starlette.background import BackgroundTask
from starlette.background import BackgroundTasks as StarletteBackgroundTasks
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Message

from trivium.background import BackgroundTasks, raise_failures, run_each
from trivium.exchange import Exchange, Reply
from trivium.responding.reply import Outcome

__all__ = ["handed_over", "run_promised", "whole_reply"]


async def handed_over(ex: Exchange, outcome: Outcome) -> Exception | None:
    """Sends the reply without its tasks; the error by which a client's absence showed, if any.

    Raises what keeps the reply from being complete: a stream that breaks off.
    """
    if isinstance(outcome, Reply):
        return await _sent_whole(ex, outcome)
    response = outcome
    if not ex.is_websocket and (whole := whole_reply(response)) is not None:
        return await _sent_whole(ex, whole)
    if response.background is not None:
        # a copy, because the same response may be on its way to another client
        response = copy(response)
        response.background = None
    lost: OSError | None = None

    async def send(message: Message) -> None:
        nonlocal lost
        try:
            await ex.send(message)
        except OSError as error:
            lost = error
            raise

    try:
        await response(ex.scope, ex.receive, send)
    except ClientDisconnect as gone:
        if lost is None and isinstance(gone.__context__, OSError):
            # Starlette takes every OSError of a stream for the client's absence
            raise gone.__context__ from None
        return gone
    except OSError as error:
        if error is not lost:
            raise
        return error
    finally:
        await _close_stream(response)
    return None


def whole_reply(response: Any) -> Reply | None:
    """A response that is nothing but a status, headers and a body, as a reply; else None."""
    if not isinstance(response, Response) or type(response).__call__ is not Response.__call__:
        return None
    body = response.body
    return Reply(
        response.status_code,
        # a copy, because stages add to it, and the same response may be sent again
        list(response.raw_headers),
        body if type(body) is bytes else bytes(body),
        response.background,
    )


async def _close_stream(response: Response) -> None:
    """Closes a generator that was not run to its end: else only the garbage collector would."""
    close = getattr(getattr(response, "body_iterator", None), "aclose", None)
    if close is not None:
        with anyio.CancelScope(shield=True):
            await close()


async def _sent_whole(ex: Exchange, reply: Reply) -> Exception | None:
    try:
        await ex.reply(reply)
    except OSError as gone:
        return gone
    return None


async def run_promised(injected: BackgroundTasks | None, own: BackgroundTask | None) -> None:
    """Runs the tasks that were injected, then the response's own. Raises once all have run."""
    failures = [] if injected is None else await injected.run()
    if own is not None and own is not injected:
        failures += await run_each(_each(own), getattr(own, "around", nullcontext))
    raise_failures(failures)


def _each(tasks: BackgroundTask) -> Iterable[BackgroundTask]:
    # The list itself: a task may add another. It keeps them, for the response may be sent again.
    return tasks.tasks if isinstance(tasks, StarletteBackgroundTasks) else [tasks]
