"""The asynchronous test client, which shares its event loop with the app."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from functools import partial
from typing import Any, Self, cast

from starlette.types import ASGIApp, Scope

from trivium.testing._httpx import httpx
from trivium.testing.lifespan import AppLifespan
from trivium.testing.line import POINT_KEY, DisconnectPoint
from trivium.testing.overrides import OverriddenApp, Overrides
from trivium.testing.responses import AsyncLiveResponse, Disconnected
from trivium.testing.transport import UPGRADE_KEY, LeftEarly, StreamingTransport, Upgrade
from trivium.testing.websocket import AsyncWebSocketSession


class AsyncTestClient(httpx.AsyncClient):
    """An `AsyncClient` that calls `app` in the event loop of the test, under asyncio or Trio.

        async with AsyncTestClient(app, overrides={get_db: fake_db}) as client:
            response = await client.get("/flights")

    No thread and no second loop: the test, the app and a pool of connections that both use live in
    one. The client is open in its `async with` block, which runs the app's lifespan (not with
    `lifespan=False`). `get` and its like return when the app's call has ended, background tasks
    included; `stream` gives each chunk as the app sends it.

    A request that is left early is a disconnect: by `response.disconnect()`, by leaving the block
    of `stream` or of a WebSocket session, or by cancelling the task that waits for a response. The
    app then has `patience` seconds to end its call.

    raise_server_exceptions: what the app raises is raised in the test.
    overrides: replaces dependencies for this client only; `app.dependency_overrides` is left alone.
    """

    __test__ = False

    def __init__(
        self,
        app: ASGIApp,
        base_url: str = "http://testserver",
        raise_server_exceptions: bool = True,
        root_path: str = "",
        cookies: httpx._types.CookieTypes | None = None,
        headers: dict[str, str] | None = None,
        follow_redirects: bool = True,
        client: tuple[str, int] = ("testclient", 50000),
        *,
        overrides: Overrides | None = None,
        lifespan: bool = True,
        patience: float = 5.0,
    ) -> None:
        self.app = app
        self._entry = OverriddenApp(app, overrides)
        self._calls = StreamingTransport(
            self._entry,
            raise_server_exceptions=raise_server_exceptions,
            root_path=root_path,
            client=client,
            patience=patience,
        )
        self._lifespan = AppLifespan(self._entry, self._calls.host) if lifespan else None
        super().__init__(
            base_url=base_url,
            headers={"user-agent": "testclient", **(headers or {})},
            transport=self._calls,
            follow_redirects=follow_redirects,
            cookies=cookies,
        )

    @property
    def app_state(self) -> dict[str, Any]:
        """The lifespan's state, of which each request gets a copy."""
        return self._calls.state

    def overriding(self, overrides: Overrides) -> AbstractContextManager[None]:
        """Override these dependencies too, for this client, until the block is left."""
        return self._entry.overriding(overrides)

    async def __aenter__(self) -> Self:
        """Open the client and start the app. Raises what the app raised when it cannot start."""
        await super().__aenter__()
        if self._lifespan is not None:
            self._calls.state = self._lifespan.state
            try:
                await self._lifespan.start_up()
            except BaseException:
                await super().__aexit__()
                raise
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        """End the calls that still run, shut the app down, and close the client."""
        try:
            await self._calls.end_calls()
            if self._lifespan is not None:
                await self._lifespan.shut_down()
        finally:
            await super().__aexit__(*exc_info)

    @asynccontextmanager
    async def stream(
        self, method: str, url: httpx.URL | str, **request: Any
    ) -> AsyncIterator[AsyncLiveResponse]:
        """A response whose body is read in the block, chunk by chunk, as the app sends it.

        It can `disconnect`; leaving the block before the body has ended does the same.
        """
        async with super().stream(method, url, **request) as response:
            yield cast(AsyncLiveResponse, response)

    async def disconnect_after(
        self,
        method: str,
        url: httpx.URL | str,
        *,
        uploaded: int | None = None,
        downloaded: int | None = None,
        chunks: int | None = None,
        when: Callable[[], Any] | None = None,
        **request: Any,
    ) -> Disconnected:
        """Make a request, leave at one point, and return when the app's call has ended.

        The point is one of `uploaded` bytes of the request's body, `downloaded` bytes or non-empty
        `chunks` of the response's body, or `when` that callable has returned (it is awaited in the
        event loop, or called in a thread). Redirects are not followed. The other arguments are
        those of `request`.

        Raises DisconnectNotReached when the call ends before that point, AppStillRunning when it
        has not ended `patience` seconds after it, and what the app raised, unless that was the news
        of this disconnect.
        """
        built = self.build_request(method, url, **request)
        built.extensions[POINT_KEY] = DisconnectPoint(uploaded, downloaded, chunks, when)
        try:
            response = await self.send(built, stream=True, follow_redirects=False)
        except LeftEarly as left:
            return Disconnected(None, httpx.Headers(), (), left.line.error)
        seen = [chunk async for chunk in response.aiter_raw()]
        line = cast(AsyncLiveResponse, response)._line
        return Disconnected(response.status_code, response.headers, tuple(seen), line.error)

    def websocket_connect(
        self, url: str, subprotocols: Sequence[str] | None = None, **request: Any
    ) -> AsyncWebSocketSession:
        """A WebSocket session, open in its `async with` block.

        The other arguments are those of `build_request`: `headers`, `params`, `cookies`.
        """
        return AsyncWebSocketSession(
            self._entry,
            partial(self._handshake, url, subprotocols, request),
            self._calls.host,
            patience=self._calls.patience,
            raise_server_exceptions=self._calls.raise_server_exceptions,
        )

    async def _handshake(
        self, url: str, subprotocols: Sequence[str] | None, request: dict[str, Any]
    ) -> Scope:
        """The scope of the WebSocket at `url`, made as an HTTP request, so that the client's
        headers, cookies and authentication are in it."""
        built = self.build_request("GET", url, **request)
        built.url = built.url.copy_with(
            scheme="wss" if built.url.scheme in ("https", "wss") else "ws"
        )
        built.headers.setdefault("connection", "upgrade")
        built.headers.setdefault("sec-websocket-key", "testserver==")
        built.headers.setdefault("sec-websocket-version", "13")
        if subprotocols is not None:
            built.headers.setdefault("sec-websocket-protocol", ", ".join(subprotocols))
        built.extensions[UPGRADE_KEY] = True
        try:
            await self.send(built)
        except Upgrade as upgrade:
            return upgrade.scope
        raise RuntimeError("The client answered a WebSocket's handshake without its transport.")
