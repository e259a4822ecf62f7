# pyright: reportUnnecessaryTypeIgnoreComment=true
"""Errors, background tasks and the test clients."""

from typing import assert_type

from trivium import App, BackgroundTasks, HTTPException, Response, WebSocketException
from trivium.testing import AsyncTestClient, Disconnected, TestClient

app = App()


def note(text: str, times: int = 1) -> None: ...


@app.get("/")
async def read(tasks: BackgroundTasks, response: Response) -> str:
    tasks.add_task(note, "read", times=2)
    response.headers["etag"] = "1"
    if not response.headers:
        raise HTTPException(404, {"reason": "nothing"}, headers={"retry-after": "1"})
    return "reply"


def what_checkers_see() -> None:
    """The synchronous client."""
    with TestClient(app, overrides={note: read}) as client:
        assert_type(client, TestClient)
        assert_type(client.get("/").status_code, int)
        assert_type(client.disconnect_after("GET", "/", chunks=1), Disconnected)


async def what_checkers_see_of_the_asynchronous_client() -> None:
    """The asynchronous one, which is httpx's."""
    async with AsyncTestClient(app) as client:
        reply = await client.get("/")
        assert_type(reply.status_code, int)


def mistakes(tasks: BackgroundTasks) -> None:
    """What both checkers find."""
    tasks.add_task(note, 3)  # type: ignore[arg-type]  # the task's own parameters
    tasks.add_task(note, "x", count=2)  # type: ignore[call-arg]  # by their own names
    HTTPException("404")  # type: ignore[arg-type]  # a status is a number
    WebSocketException(1008, reasn="late")  # type: ignore[call-arg]  # a misspelt argument
    TestClient(app, override={})  # type: ignore[call-arg]  # it is called overrides
