"""The WebSocket: what a client may say, what it hears, and one connection that does both."""

import json
from contextlib import suppress
from typing import Annotated, Any, Literal

from anyio import create_task_group
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from trivium import WebSocket, WebSocketDisconnect

from .fields import FlightId, Origin
from .models import Flight
from .replay import Pace, Reel
from .schemas import FlightSummary


class Message(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Subscribe(Message):
    """Hear of the departures of an airport, until `unsubscribe`."""

    type: Literal["subscribe"]
    airport: Origin


class Unsubscribe(Message):
    type: Literal["unsubscribe"]
    airport: Origin


class AskStatus(Message):
    """Ask what became of a flight."""

    type: Literal["status"]
    flight: FlightId


_read = TypeAdapter[Subscribe | Unsubscribe | AskStatus](
    Annotated[Subscribe | Unsubscribe | AskStatus, Field(discriminator="type")]
).validate_json


class Conversation:
    """One connection. It plays the day to the client and answers what the client asks, at once."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self._airports: set[str] = set()

    async def run(self, reel: Reel, speed: float, pace: Pace) -> None:
        """Accept the connection and serve it until the client leaves."""
        await self._websocket.accept()
        async with create_task_group() as tasks:
            tasks.start_soon(self._announce, reel, speed, pace)
            await self._listen()
            tasks.cancel_scope.cancel()

    async def _announce(self, reel: Reel, speed: float, pace: Pace) -> None:
        with suppress(WebSocketDisconnect):  # the listener hears it too, and ends the conversation
            async for departure in reel.play(speed, pace):
                if departure is None:
                    await self._say("end")
                elif departure.origin in self._airports:
                    content = departure.model_dump(mode="json")
                    await self._say(departure.event, departure=content)

    async def _listen(self) -> None:
        while (received := await self._websocket.receive())["type"] == "websocket.receive":
            text = received.get("text")
            if text is None:
                await self._refuse("messages are JSON in text frames, not binary ones")
                continue
            try:
                message = _read(text)
            except ValidationError as error:
                await self._refuse(json.loads(error.json(include_url=False)))
            else:
                await self._answer(message)

    async def _answer(self, message: Subscribe | Unsubscribe | AskStatus) -> None:
        match message:
            case Subscribe():
                self._airports.add(message.airport)
                await self._say("subscribed", airports=sorted(self._airports))
            case Unsubscribe():
                self._airports.discard(message.airport)
                await self._say("subscribed", airports=sorted(self._airports))
            case AskStatus():
                flights = Flight.objects.select_related(*Flight.SUMMARY)
                flight = await flights.filter(id=message.flight).first()
                if flight is None:
                    await self._refuse(f"there is no flight {message.flight}")
                else:
                    summary = FlightSummary.model_validate(flight)
                    await self._say("status", flight=summary.model_dump(mode="json"))

    async def _refuse(self, detail: object) -> None:
        """Say what was wrong. The conversation goes on: one bad message does not end it."""
        await self._say("error", detail=detail)

    async def _say(self, kind: str, **content: Any) -> None:
        await self._websocket.send_json({"type": kind, **content})
