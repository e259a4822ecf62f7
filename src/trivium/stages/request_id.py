"""A name for each request: in the header of its reply, in log lines, for a proxy to follow."""

import re
import secrets
from collections.abc import Iterable
from contextvars import ContextVar
from itertools import count

from trivium.errors import DeclarationError
from trivium.exchange import Exchange, Plain, RawHeaders
from trivium.stages.networks import Networks
from trivium.stages.stage import Stage

__all__ = ["RequestId", "request_id"]

request_id: ContextVar[str] = ContextVar("trivium_request_id", default="-")
"""The id of the request that runs in this context, ``-`` outside of requests."""

_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_NAME = re.compile(r"[a-z0-9-]+")


class RequestId(Stage):
    """Gives each request an id, and sends it with the reply, errors included.

    header: the name of the header.
    trusted: the networks of the peers whose ids are taken over, if letters, digits, ``.``, ``_``
        and ``-``, 128 at most. What others send is ignored, for it ends up in logs.

    Ids are unique, not secret: a random part for each process, and a number.

    Raises DeclarationError for what is not a header's name or not a network.
    """

    place = 10

    def __init__(self, header: str = "x-request-id", *, trusted: Iterable[str] = ()) -> None:
        if not _NAME.fullmatch(header.lower()):
            raise DeclarationError(
                "Not the name of a header", written=repr(header), instead="'x-request-id'"
            )
        self.header = header.lower().encode()
        self._name = self.header + b": "
        self.trusted = Networks(trusted)
        self._trusts_some = bool(self.trusted)
        self._start = secrets.token_hex(6) + "-"
        self._numbers = count(1)

    def enter(self, ex: Exchange) -> None:
        name = self._given(ex) if self._trusts_some else None
        if name is None:
            name = self._start + str(next(self._numbers))
        ex.id = name
        request_id.set(name)

    def _given(self, ex: Exchange) -> str | None:
        peer = ex.peer
        if (None if peer is None else peer[0]) not in self.trusted:
            return None
        given = ex.header(self.header)
        return given if given is not None and _ID.fullmatch(given) else None

    def head(self, ex: Exchange, status: int, headers: RawHeaders) -> None:
        headers.append(Plain((self.header, ex.id.encode())))

    def line(self, ex: Exchange) -> bytes:
        return b"%b%b\r\n" % (self._name, ex.id.encode())

    def described(self) -> str:
        return f"request id ({self.header.decode()})"
