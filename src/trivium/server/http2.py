"""HTTP/2 beside HTTP/1.1 on the same sockets: uvicorn's protocol for it, bounded, through ASGI.

Over TLS client and server agree on one of the two by ALPN. Without TLS a client that begins with
HTTP/2's preface has said what it speaks (RFC 9113, 3.3); whatever else begins is HTTP/1.1.
"""

import asyncio
from importlib import import_module
from typing import Any, ClassVar

from uvicorn.config import Config
from uvicorn.server import ServerState

from trivium.server.bounds import Bounds
from trivium.server.errors import WrongSetting
from trivium.server.frames import PREFACE

__all__ = ["require_http2", "with_http2"]

_HOME = "uvicorn.protocols.http.zttp_h2_impl"
_BOUNDED = "trivium.server.streams"


def require_http2() -> None:
    """Raises WrongSetting where HTTP/2 cannot be served."""
    try:
        import_module(_HOME)
    except ImportError as error:
        raise WrongSetting(
            f"HTTP/2 is served by zttp, and by a uvicorn that knows it: {error}.\n"
            "  install:  python -m pip install 'trivium[http2]'"
        ) from error


def with_http2(
    http1: type[asyncio.Protocol], bounds: Bounds | None = None
) -> type[asyncio.Protocol]:
    """A protocol class for uvicorn's ``http=``; `http1` is the one for HTTP/1.1."""
    http2 = import_module(_BOUNDED).BoundedHttp2Protocol.bounded(bounds or Bounds())
    return type("EitherProtocol", (EitherProtocol,), {"http1": http1, "http2": http2})


class EitherProtocol(asyncio.Protocol):
    """A connection until it is known what it speaks; then the protocol of that has it."""

    # What uvicorn offers in its TLS handshakes.
    alpn_protocols: ClassVar[list[str]] = ["h2", "http/1.1"]
    http1: ClassVar[Any]
    http2: ClassVar[Any]

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._config = config
        self._server_state = server_state
        self._app_state = app_state
        self._loop = _loop or asyncio.get_running_loop()
        self._begun = b""
        self._timer: asyncio.TimerHandle | None = None
        self.transport: asyncio.Transport = None  # type: ignore[assignment]  # see connection_made

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Over TLS it is known already."""
        self.transport = transport  # type: ignore[assignment]  # of a stream
        handshake = transport.get_extra_info("ssl_object")
        if handshake is not None:
            self._become(self.http2 if handshake.selected_alpn_protocol() == "h2" else self.http1)
            return
        self._server_state.connections.add(self)  # type: ignore[arg-type]  # what it does with one
        self._timer = self._loop.call_later(self._config.timeout_keep_alive, transport.close)

    def data_received(self, data: bytes) -> None:
        """The first bytes."""
        self._begun += data
        if len(self._begun) < len(PREFACE) and PREFACE.startswith(self._begun):
            return
        self._forget()
        self._become(self.http2 if self._begun.startswith(PREFACE) else self.http1)

    def eof_received(self) -> None:
        """There will be no more of them: the connection closes."""

    def connection_lost(self, exc: Exception | None) -> None:
        """It went before it said what it speaks."""
        self._forget()

    def shutdown(self) -> None:
        """The server ends."""
        self.transport.close()

    def _forget(self) -> None:
        self._server_state.connections.discard(self)
        if self._timer is not None:
            self._timer.cancel()

    def _become(self, protocol_class: Any) -> None:
        protocol = protocol_class(
            config=self._config,
            server_state=self._server_state,
            app_state=self._app_state,
            _loop=self._loop,
        )
        self.transport.set_protocol(protocol)
        protocol.connection_made(self.transport)
        if self._begun:
            protocol.data_received(self._begun)
