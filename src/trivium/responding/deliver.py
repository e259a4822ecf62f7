"""The last step of a request: the reply is sent, what waits for its end is run and closed.

The order, here and nowhere else: function scope closed, reply sent, background tasks run, request
scope closed, uploaded files closed, tasks that an exit added run. See ``docs/lifecycle.md``.
"""

from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect
from starlette.responses import Response

from trivium.errors import TriviumError
from trivium.exchange import Exchange, Reply
from trivium.responding.reply import Outcome

__all__ = ["conclude", "send_outcome"]


async def conclude(ex: Exchange, produce: Callable[[Exchange], Awaitable[Outcome]]) -> None:
    """Produces the reply, sends it and ends the request.

    An error passes through the function scope, then the request scope, so that each dependency
    sees it, and leaves as it is; the reply to it is made further out.
    """
    try:
        outcome = await _produced(ex, produce)
        await send_outcome(ex, outcome)
    except BaseException as error:
        if ex.is_open and await ex.close_request(error):
            raise _swallowed() from error
        raise
    if ex.is_open:
        await ex.close_request()
    if ex.background is not None and ex.background.tasks:
        # added by a dependency's exit
        await ex.background()


async def send_outcome(ex: Exchange, outcome: Outcome) -> None:
    """Sends the reply, then runs its background tasks: also when the client went away meanwhile."""
    if isinstance(outcome, Reply):
        await ex.reply(outcome)
        if outcome.background is not None:
            await outcome.background()
        return
    await _send_response(ex, outcome)


async def _produced(ex: Exchange, produce: Callable[[Exchange], Awaitable[Outcome]]) -> Outcome:
    try:
        outcome = await produce(ex)
    except BaseException as error:
        if ex.has_function_scope and await ex.close_function(error):
            raise _swallowed() from error
        raise
    if ex.has_function_scope:
        await ex.close_function()
    return outcome


async def _send_response(ex: Exchange, response: Response) -> None:
    tasks, response.background = response.background, None
    try:
        await response(ex.scope, ex.receive, ex.send)
    except ClientDisconnect:
        # the tasks do not depend on a client that listens to the end
        if tasks is not None:
            await tasks()
        raise
    finally:
        # the same response object may be returned again
        response.background = tasks
    if tasks is not None:
        await tasks()


def _swallowed() -> TriviumError:
    return TriviumError(
        "There is no response: the handler is raising an exception and a dependency with yield"
        " swallows it.\n"
        "    written:  except Exception: ...\n"
        "    instead:  except Exception: ...; raise"
    )
