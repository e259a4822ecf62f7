"""A name for each request: in the header of its reply, in log lines, for a proxy to follow."""

import os
import re
from collections.abc import Iterable
from contextvars import ContextVar

from trivium.errors import DeclarationError
from trivium.exchange import Exchange, Plain, RawHeaders
from trivium.stages.headers import remove
from trivium.stages.networks import Networks
from trivium.stages.stage import Stage

__all__ = ["RequestId", "request_id"]

request_id: ContextVar[str] = ContextVar("trivium_request_id", default="-")
"""The id of the request that runs in this context, ``-`` outside of requests."""

_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_NAME = re.compile(r"[a-z0-9-]+")
_SIZE, _AT_ONCE = 12, 256
"""Bytes of an id, and how many ids are made at once."""


class RequestId(Stage):
    """Gives each request an id, and sends it with the reply, errors included.

    header: the name of the header.
    trusted: the networks of the peers whose ids are taken over, if letters, digits, ``.``, ``_``
        and ``-``, 128 at most. What others send is ignored, for it ends up in logs.

    Ids are random, 96 bits of them: nobody can tell one from another, or how many there have been.

    Raises DeclarationError for what is not a header's name or not a network.
    """

    place = 10
    keeps_headers = True

    def __init__(self, header: str = "x-request-id", *, trusted: Iterable[str] = ()) -> None:
        if not _NAME.fullmatch(header.lower()):
            raise DeclarationError(
                "Not the name of a header", written=repr(header), instead="'x-request-id'"
            )
        self.header = header.lower().encode()
        self._name = header.lower() + ": "
        self.lines = frozenset({self.header})
        self.trusted = Networks(trusted)
        self._trusts_some = bool(self.trusted)
        # none before the first request: a process that is forked off must not have the same
        self._ids: list[str] = []

    def enter(self, ex: Exchange) -> None:
        name: str | None = None
        if ex.must_be_released and "app_root_path" in ex.scope and (own := request_id.get()) != "-":
            # mounted: the request has its name already
            name = own
        elif self._trusts_some:
            name = self._given(ex)
        if name is None:
            try:
                name = self._ids.pop()
            except IndexError:
                name = self._new()
        ex.id = name
        request_id.set(name)

    def _new(self) -> str:
        """A new id, and more of them for requests to come: all at once is cheaper."""
        ids = os.urandom(_SIZE * _AT_ONCE).hex(" ", _SIZE).split(" ")
        name = ids.pop()
        # not in place, for another thread may have had the same need
        self._ids = ids
        return name

    def _given(self, ex: Exchange) -> str | None:
        peer = ex.peer
        if (None if peer is None else peer[0]) not in self.trusted:
            return None
        given = ex.header(self.header)
        return given if given is not None and _ID.fullmatch(given) else None

    def head(self, ex: Exchange, status: int, headers: RawHeaders) -> None:
        for header in headers:
            if header[0] == self.header:
                # one of the application's own, or of one around which another stage stands
                remove(headers, self.lines)
                break
        headers.append(Plain((self.header, ex.id.encode())))

    def line(self, ex: Exchange) -> bytes:
        return f"{self._name}{ex.id}\r\n".encode()

    def described(self) -> str:
        return f"request id ({self.header.decode()})"
