"""Stages stand around everything, at both entrances."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.server.live import served
from trivium import App
from trivium.exchange import Exchange, RawHeaders, Reply
from trivium.responding import PlainTextResponse, StreamingResponse
from trivium.stages.stage import Answer, Serve, Stage, Transform
from trivium.testing import TestClient

Ask = Callable[[str], tuple[int, dict[str, str], str]]


class Told(Stage):
    """Tells what it is asked, and in which order."""

    def __init__(self, name: str, story: list[str]) -> None:
        self.name = name
        self.story = story

    def enter(self, ex: Exchange) -> None:
        self.story.append(f"{self.name} enter")

    def head(self, ex: Exchange, status: int, headers: RawHeaders) -> None:
        self.story.append(f"{self.name} head {status}")
        headers.append((f"x-{self.name}".encode(), b"yes"))

    def leave(self, ex: Exchange) -> None:
        self.story.append(f"{self.name} leave {ex.status} {ex.sent_bytes}")


class Refuse(Stage):
    def enter(self, ex: Exchange) -> Answer | None:
        return PlainTextResponse("no", 403) if ex.path == "/refused" else None


class AwaitingRefuse(Stage):
    async def enter(self, ex: Exchange) -> Answer | None:
        return PlainTextResponse("no", 429) if ex.path == "/refused" else None


class Upper(Stage):
    def reply(self, ex: Exchange, reply: Reply) -> Reply:
        return reply._replace(body=reply.body.upper())

    def transform(self, ex: Exchange, status: int, headers: RawHeaders) -> Transform | None:
        headers[:] = [header for header in headers if header[0] != b"content-length"]
        return lambda body, is_last: body.upper() + (b"!" if is_last else b"")


class Around(Stage):
    def __init__(self, story: list[str]) -> None:
        self.story = story

    def wrap(self, serve: Serve) -> Serve:
        async def around(ex: Exchange) -> None:
            self.story.append("before")
            await serve(ex)
            self.story.append("after")

        return around


def make_app(*stages: Stage, middleware: bool) -> App:
    app = App()
    app.add_stage(*stages)

    @app.get("/hello")
    async def hello() -> str:
        return "hello"

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def chunks() -> Any:
            yield b"one"
            yield b"two"

        return StreamingResponse(chunks())

    @app.get("/broken")
    async def broken() -> None:
        raise ValueError("broken")

    if middleware:

        @app.middleware("http")
        async def passing(request: Any, call_next: Any) -> Any:
            return await call_next(request)

    return app


@pytest.fixture(
    params=[
        "asgi",
        "asgi-middleware",
        pytest.param("direct", marks=pytest.mark.slow),
        pytest.param("direct-middleware", marks=pytest.mark.slow),
    ]
)
def asking(request: pytest.FixtureRequest) -> Callable[..., list[Any]]:
    """Asks an application with stages for some paths, at one of the entrances."""
    entrance, _, middleware = request.param.partition("-")

    def ask(*paths: str, stages: list[Stage]) -> list[Any]:
        app = make_app(*stages, middleware=bool(middleware))
        if entrance == "asgi":
            client = TestClient(app, raise_server_exceptions=False)
            replies = [client.get(path) for path in paths]
            return [(reply.status_code, dict(reply.headers), reply.text) for reply in replies]
        import httpx2

        with served(app) as live:
            port = live.listener.getsockname()[1]
            with httpx2.Client(base_url=f"http://127.0.0.1:{port}") as http:
                found = [http.get(path) for path in paths]
        return [(reply.status_code, dict(reply.headers), reply.text) for reply in found]

    return ask


def test_the_outer_stage_enters_first_and_leaves_last(asking: Callable[..., list[Any]]) -> None:
    story: list[str] = []

    [(status, headers, text)] = asking("/hello", stages=[Told("a", story), Told("b", story)])

    assert (status, text) == (200, '"hello"')
    assert headers["x-a"] == headers["x-b"] == "yes"
    assert story == [
        *("a enter", "b enter", "b head 200", "a head 200"),
        *("b leave 200 7", "a leave 200 7"),
    ]


@pytest.mark.parametrize("path", ["/nowhere", "/broken", "/stream"])
def test_every_kind_of_reply_passes_the_stages(asking: Callable[..., list[Any]], path: str) -> None:
    story: list[str] = []

    [(status, headers, text)] = asking(path, stages=[Told("a", story)])

    assert headers["x-a"] == "yes"
    assert story == ["a enter", f"a head {status}", f"a leave {status} {len(text)}"]


@pytest.mark.parametrize("refusing", [Refuse, AwaitingRefuse])
def test_an_answer_of_a_stage_is_sent_through_the_stages(
    asking: Callable[..., list[Any]], refusing: type[Stage]
) -> None:
    story: list[str] = []

    replies = asking("/refused", "/hello", stages=[Told("a", story), refusing()])

    assert [reply[2] for reply in replies] == ["no", '"hello"']
    assert replies[0][0] in (403, 429)
    assert replies[0][1]["x-a"] == "yes"


def test_a_stage_may_change_bodies_whole_and_in_pieces(asking: Callable[..., list[Any]]) -> None:
    whole, pieces = asking("/hello", "/stream", stages=[Upper()])

    assert whole[2].upper().startswith('"HELLO"')
    assert pieces[2] == "ONETWO!"


def test_a_stage_may_stand_around_a_request(asking: Callable[..., list[Any]]) -> None:
    story: list[str] = []

    asking("/hello", stages=[Around(story)])

    assert story == ["before", "after"]


def test_stages_take_their_places_whatever_the_order_of_adding() -> None:
    class Outer(Told):
        place = 1

    inner, outer = Told("inner", []), Outer("outer", [])
    app = App()
    app.add_stage(inner)
    app.add_stage(outer)

    assert app.stages == (outer, inner)


def test_a_stage_can_be_taken_away_again() -> None:
    story: list[str] = []
    stays, goes = Told("stays", story), Told("goes", story)
    app = App()
    app.add_stage(stays, goes)

    app.remove_stage(goes)

    assert app.stages == (stays,)
    with pytest.raises(ValueError, match="not in"):
        app.remove_stage(goes)


class Failing(Stage):
    place = 100

    def __init__(self, where: str) -> None:
        self.skips = frozenset({"enter", "head", "leave"} - {where})

    def enter(self, ex: Exchange) -> None:
        raise LookupError("enter")

    def head(self, ex: Exchange, status: int, headers: RawHeaders) -> None:
        raise LookupError("head")

    def leave(self, ex: Exchange) -> None:
        raise LookupError("leave")


class AwaitingFailing(Stage):
    place = 100

    async def enter(self, ex: Exchange) -> None:
        raise LookupError("enter")


@pytest.mark.parametrize("failing", [Failing("enter"), AwaitingFailing()], ids=["def", "async"])
def test_a_stage_that_fails_on_the_way_in_is_a_500_that_passes_the_stages(
    asking: Callable[..., list[Any]], failing: Stage
) -> None:
    story: list[str] = []
    outer = Told("a", story)
    outer.place = 1  # type: ignore[misc]  # of this one alone

    [(status, headers, text)] = asking("/hello", stages=[outer, failing])

    assert (status, text, headers["x-a"]) == (500, "Internal Server Error", "yes")
    assert story == ["a enter", "a head 500", "a leave 500 21"]


def test_a_stage_that_fails_in_every_reply_leaves_a_500(asking: Callable[..., list[Any]]) -> None:
    seen: list[int] = []

    class Seeing(Stage):
        def leave(self, ex: Exchange) -> None:
            seen.append(ex.status)

    [(status, *_)] = asking("/hello", stages=[Failing("head"), Seeing()])

    assert (status, seen) == (500, [500])


def test_a_stage_that_fails_in_the_end_keeps_no_other_from_being_told(
    asking: Callable[..., list[Any]],
) -> None:
    story: list[str] = []
    outer = Told("a", story)
    outer.place = 1  # type: ignore[misc]  # of this one alone

    replies = asking("/hello", "/hello", stages=[outer, Failing("leave")])

    assert [status for status, *_ in replies] == [200, 200]
    assert story == ["a enter", "a head 200", "a leave 200 7"] * 2
