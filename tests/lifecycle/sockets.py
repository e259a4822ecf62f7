"""The far end of one WebSocket, which may go away."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.lifecycle.story import Message, Story


class Socket:
    """Sends what it was given, then waits; tells what the application does."""

    def __init__(self, story: Story, *texts: str) -> None:
        self.story = story
        self._incoming: list[Message] = [
            {"type": "websocket.connect"},
            *({"type": "websocket.receive", "text": text} for text in texts),
        ]
        self._gone = asyncio.Event()

    def leaves_at(self, event: str) -> Socket:
        """Goes away without a closing handshake when the event is told."""
        self.story.at(event, self._gone.set)
        return self

    async def receive(self) -> Message:
        if self._incoming:
            return self._incoming.pop(0)
        await self._gone.wait()
        return {"type": "websocket.disconnect", "code": 1006}

    async def send(self, message: Message) -> None:
        if self._gone.is_set():
            raise OSError("the client has gone")
        kind = message["type"].removeprefix("websocket.")
        if kind == "send":
            self.story.tell(f"sent {message['text']}")
        elif kind == "close":
            self.story.tell(f"closed {message.get('code', 1000)}")
        else:
            self.story.tell("accepted")

    async def connect(self, app: Any) -> None:
        """Opens the connection and waits until the application is done with it."""
        scope = {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "ws",
            "path": "/",
            "raw_path": b"/",
            "root_path": "",
            "query_string": b"",
            "headers": [(b"host", b"test")],
            "client": ("test", 1),
            "server": ("test", 80),
            "subprotocols": [],
            "state": {},
        }
        try:
            await app(scope, self.receive, self.send)
        except Exception as error:
            self.story.tell(f"raised {type(error).__name__}")
