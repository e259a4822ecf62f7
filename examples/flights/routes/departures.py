"""A day's departures as they happen: a stream of events, and a WebSocket that answers too."""

from collections.abc import AsyncIterator
from typing import Annotated

from trivium import APIRouter, Depends, Header, HTTPException, Query, WebSocket, status
from trivium.responding.sse import EventSourceResponse, ServerSentEvent

from ..dependencies import PaceDep
from ..fields import Origin
from ..live import Conversation
from ..replay import Opening, Reel, Replay
from ..schemas import Problem

router = APIRouter(prefix="/departures", tags=["departures"])


class StreamQuery(Replay):
    """Which replay, and of which airport."""

    origin: Origin | None = None


async def find_reel(
    replay: Annotated[StreamQuery, Query()],
    last_event_id: Annotated[
        int | None, Header(description="the last flight seen; a browser that reconnects sends it")
    ] = None,
) -> Reel:
    """What to stream: the day, or what is left of it for a client that has seen a part.

    It is read before the stream begins. A read gives its connection back at once: a viewer who
    stays for an hour does not hold one for an hour.
    """
    whole = await Reel.of(replay, replay.origin)
    reel = whole if last_event_id is None else whole.after(last_event_id)
    if reel is None:
        raise HTTPException(
            status.HTTP_400_BAD_REQUEST,
            f"Last-Event-ID {last_event_id} is not a departure of this replay",
        )
    return reel


@router.get("/stream", response_class=EventSourceResponse, responses={400: {"model": Problem}})
async def stream_departures(
    replay: Annotated[StreamQuery, Query()],
    reel: Annotated[Reel, Depends(find_reel)],
    pace: PaceDep,
) -> AsyncIterator[ServerSentEvent]:
    """Play a day as Server-Sent Events.

    An `opening` event says what is played. Then come `departure` and `cancellation` events, each
    with its flight as event id, and at the end of the day an `end` event. A browser that lost the
    connection goes on where it was.
    """
    opening = Opening(day=replay.day, begins=reel.begins, departures=len(reel.departures))
    yield ServerSentEvent(event="opening", data=opening)
    async for departure in reel.play(replay.speed, pace):
        if departure is None:
            yield ServerSentEvent(event="end", data={"day": replay.day})
        else:
            yield ServerSentEvent(event=departure.event, id=str(departure.id), data=departure)


@router.websocket("/live")
async def converse(
    websocket: WebSocket,
    replay: Annotated[Replay, Query()],
    pace: PaceDep,
) -> None:
    """Play a day over a WebSocket, to a client that says which airports it wants to hear of.

    It may send `{"type": "subscribe", "airport": "JFK"}`, `{"type": "unsubscribe", ...}` and
    `{"type": "status", "flight": 1}`.
    """
    reel = await Reel.of(replay)
    await Conversation(websocket).run(reel, replay.speed, pace)
