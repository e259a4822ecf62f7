"""The synchronous test client: Starlette's, with overrides of its own and a way to leave."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from typing import Any, Literal, cast

import anyio
import anyio.from_thread
from starlette import testclient as starlette_testclient
from starlette.types import ASGIApp, Receive, Scope, Send

from trivium.testing._httpx import httpx
from trivium.testing.line import DisconnectPoint, Line, WebSocketLine
from trivium.testing.overrides import OverriddenApp, Overrides
from trivium.testing.responses import Disconnected, LiveResponse


class _Calls:
    """The lines of the app's calls that one `send` made: one, and one more for each redirect."""

    def __init__(self, patience: float, point: DisconnectPoint | None = None) -> None:
        self._patience = patience
        self._point = point
        self._lines: list[Line] = []

    def new_line(self) -> Line:
        self._lines.append(Line(self._patience, self._point))
        return self._lines[-1]

    @property
    def last(self) -> Line:
        """The line of the last call; one that nothing ran over when there was no call."""
        return self._lines[-1] if self._lines else self.new_line()


# Starlette's transport starts the app's call from the thread that called `send`, in a copy of its
# context. That carries the line to the call without touching the transport or the scope.
_calls: ContextVar[_Calls | None] = ContextVar("trivium_testing_calls", default=None)


class TestClient(starlette_testclient.TestClient):
    """Starlette's `TestClient` of the same constructor, and what it lacks.

        with TestClient(app, overrides={get_db: fake_db}) as client:
            assert client.get("/flights").status_code == 200

    overrides: replaces dependencies for this client only; `app.dependency_overrides` is left alone,
        so clients with different overrides work in parallel threads.
    patience: seconds that the app's call may go on for after its client left.

    `stream` gives a response that can `disconnect`, `disconnect_after` leaves at a stated point,
    and a WebSocket session can `disconnect` without a closing handshake.
    """

    __test__ = False

    def __init__(
        self,
        app: ASGIApp,
        base_url: str = "http://testserver",
        raise_server_exceptions: bool = True,
        root_path: str = "",
        backend: Literal["asyncio", "trio"] = "asyncio",
        backend_options: dict[str, Any] | None = None,
        cookies: httpx._types.CookieTypes | None = None,
        headers: dict[str, str] | None = None,
        follow_redirects: bool = True,
        client: tuple[str, int] = ("testclient", 50000),
        *,
        overrides: Overrides | None = None,
        patience: float = 5.0,
    ) -> None:
        self._entry = OverriddenApp(_as_asgi3(app), overrides)
        super().__init__(
            self._call_app,
            base_url,
            raise_server_exceptions,
            root_path,
            backend,
            backend_options,
            cookies,
            headers,
            follow_redirects,
            client,
        )
        # Tests reach for `client.app.state` and the like: this is their app, not the way into it.
        self.app = cast(Any, app)
        self._raise_server_exceptions = raise_server_exceptions
        self._patience = patience

    def overriding(self, overrides: Overrides) -> AbstractContextManager[None]:
        """Override these dependencies too, for this client, until the block is left."""
        return self._entry.overriding(overrides)

    async def _call_app(self, scope: Scope, receive: Receive, send: Send) -> None:
        calls = _calls.get() if scope["type"] == "http" else None
        if calls is None:
            await self._entry(scope, receive, send)
        else:
            # A client used inside the app inherits this context, and must not find this line.
            _calls.set(None)
            await calls.new_line().run(self._entry, scope, receive, send)

    async def lifespan(self) -> None:
        """Run the app's lifespan with this client's overrides. Called by Starlette's client."""
        scope = {"type": "lifespan", "state": self.app_state}
        try:
            await self._entry(scope, self.stream_receive.receive, self.stream_send.send)
        finally:
            await self.stream_send.send(None)

    def send(
        self,
        request: httpx.Request,
        *,
        stream: bool = False,
        auth: httpx._types.AuthTypes
        | httpx._client.UseClientDefault
        | None = httpx.USE_CLIENT_DEFAULT,
        follow_redirects: bool | httpx._client.UseClientDefault = httpx.USE_CLIENT_DEFAULT,
    ) -> httpx.Response:
        """Send `request`; with `stream=True` the response is a `LiveResponse`."""
        if not stream:
            return super().send(request, auth=auth, follow_redirects=follow_redirects)
        calls = _Calls(self._patience)
        with _in_context(calls):
            response = super().send(
                request, stream=True, auth=auth, follow_redirects=follow_redirects
            )
        response.__class__ = LiveResponse  # made by Starlette's transport; the layout is the same
        live = cast(LiveResponse, response)
        live._line = calls.last
        live._raise_server_exceptions = self._raise_server_exceptions
        return live

    @contextmanager
    def stream(self, method: str, url: httpx.URL | str, **request: Any) -> Iterator[LiveResponse]:
        """A response whose body is read in the block, as the app sends it.

        It can `disconnect`. Leaving the block before the body has ended cancels the app's call, as
        in Starlette's client: no server does that, so a test of a disconnect says `disconnect()`.
        """
        with super().stream(method, url, **request) as response:
            yield cast(LiveResponse, response)

    def disconnect_after(
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
        `chunks` of the response's body, or `when` that callable has returned (it is called in a
        thread, or awaited in the app's event loop). Redirects are not followed. The other arguments
        are those of `request`.

        Raises DisconnectNotReached when the call ends before that point, AppStillRunning when it
        has not ended `patience` seconds after it, and what the app raised, unless that was the news
        of this disconnect.
        """
        point = DisconnectPoint(uploaded, downloaded, chunks, when)
        calls = _Calls(self._patience, point)
        built = self.build_request(method, url, **request)
        seen: list[bytes] = []
        response = None
        try:
            with _in_context(calls):
                response = super().send(built, stream=True, follow_redirects=False)
            seen.extend(response.iter_raw())
        except BaseException as error:
            # The app's error is checked below; that a client which left got no answer is no error.
            no_answer = isinstance(error, AssertionError) and not calls.last.has_started
            if error is not calls.last.error and not no_answer:
                raise
        line = calls.last
        line.check(raise_server_exceptions=self._raise_server_exceptions)
        if response is None or not line.has_started:
            return Disconnected(None, httpx.Headers(), (), line.error)
        return Disconnected(response.status_code, response.headers, tuple(seen), line.error)

    def websocket_connect(
        self, url: str, subprotocols: Sequence[str] | None = None, **request: Any
    ) -> "WebSocketSession":
        """A WebSocket session, open in its `with` block, that can also `disconnect`."""
        session = super().websocket_connect(url, subprotocols, **request)
        return WebSocketSession(
            session.app,
            session.scope,
            session.portal_factory,
            patience=self._patience,
            raise_server_exceptions=self._raise_server_exceptions,
        )


class WebSocketSession(starlette_testclient.WebSocketTestSession):
    """Starlette's session of a WebSocket, and a client that can vanish."""

    def __init__(
        self,
        app: ASGIApp,
        scope: Scope,
        portal_factory: Callable[[], AbstractContextManager[anyio.from_thread.BlockingPortal]],
        *,
        patience: float,
        raise_server_exceptions: bool,
    ) -> None:
        line = self._line = WebSocketLine(patience)
        self._raise_server_exceptions = raise_server_exceptions

        async def call(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await line.run(app, scope, receive, send)
            except BaseException as error:
                # After `disconnect`, which of the app's errors is one is said there.
                if error is not line.error or not line.is_cut:
                    raise

        super().__init__(call, scope, portal_factory)

    def disconnect(self, code: int = 1006) -> None:
        """Vanish without a closing handshake; return when the app's call has ended.

        1006 is RFC 6455's code for that; some servers say 1005.

        The app receives what was sent before, then `websocket.disconnect` with `code`; what it
        sends from now on fails with an OSError, as under a real server.

        Raises AppStillRunning when the call has not ended `patience` seconds later, and what the
        app raised, unless that was the news of this disconnect.
        """
        # Cut first: the line tells an app that raises at the news of this from one that is broken.
        self._line.cut_from_thread()
        with suppress(anyio.ClosedResourceError):  # the call has ended
            self.close(code)
        self._line.wait_in_thread()
        self._line.check(raise_server_exceptions=self._raise_server_exceptions)


@contextmanager
def _in_context(calls: _Calls) -> Iterator[None]:
    token = _calls.set(calls)
    try:
        yield
    finally:
        _calls.reset(token)


def _as_asgi3(app: Any) -> ASGIApp:
    """An app of ASGI 2, which is called with the scope alone, as one of ASGI 3."""
    target = app
    while isinstance(target, partial):
        target = target.func
    takes_all = (
        hasattr(target, "__await__")
        if inspect.isclass(target)
        else inspect.iscoroutinefunction(target)
        or inspect.iscoroutinefunction(getattr(target, "__call__", None))  # noqa: B004  # its kind
    )
    if takes_all:
        return cast(ASGIApp, app)

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope)(receive, send)

    return call
