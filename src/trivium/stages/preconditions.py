"""What a client makes a condition of its request: that a thing is still what it has read.

    @app.put("/flights/{number}")
    async def change(number: int, new: Flight, conditions: Preconditions) -> Flight:
        flight = flights[number]
        conditions.check(flight.version)
        ...

Without, of two people who change the same thing at the same time the second one undoes what the
first one did, and neither hears of it. See RFC 9110, section 13.
"""

import re
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Annotated

from starlette.requests import Request
from starlette.responses import Response

from trivium.binding.declare import Depends
from trivium.errors import HTTPException
from trivium.stages.etag import http_date, names_tag

__all__ = ["Conditions", "Preconditions"]

_TAG = re.compile(r"[\x21\x23-\x7e]+")


class Conditions:
    """The conditions of one request; ``Preconditions`` is the annotation that gives them."""

    def __init__(self, request: Request, response: Response) -> None:
        self._headers = request.headers
        self._reads = request.method in ("GET", "HEAD")
        self._response = response

    def require(self) -> None:
        """Answers 428 where a client that changes something has not said what it has read."""
        if not {"if-match", "if-unmodified-since"} & set(self._headers):
            raise HTTPException(428, "The request has to have If-Match (RFC 6585, section 3)")

    def check(self, version: str | int | None = None, *, modified: datetime | None = None) -> None:
        """Lets the request go on, or answers 412: what the client has in mind is not what is there.

        version: of what is there, another one after each change; a number, or what may stand in
            an ``ETag``. modified: when it was changed last, in UTC where it has no zone; changes
            within a second are not told apart. Without either there is nothing there yet.

        A GET gets them as ``ETag`` and ``Last-Modified`` with its reply, and 304 where the client
        has that version already. A tag that is weak because the reply was compressed counts, for
        it is that of the same version.

        Raises ValueError for a version that cannot be a tag.
        """
        tag = None if version is None else _tag(version)
        date = None if modified is None else _whole(modified)
        sent = {}
        if tag is not None:
            sent["etag"] = tag
        if date is not None:
            sent["last-modified"] = format_datetime(date, usegmt=True)
        if not self._is_meant(tag, date):
            raise HTTPException(412, "It is not what it was when it was read")
        if self._is_known(tag, date):
            if self._reads:
                raise HTTPException(304, headers=sent)
            raise HTTPException(412, "It is there already")
        if self._reads:
            self._response.headers.update(sent)

    def _is_meant(self, tag: str | None, date: datetime | None) -> bool:
        """Whether what is there is what the client has read."""
        match = self._all("if-match")
        if match is not None:
            # the other condition is not looked at then (RFC 9110, section 13.1.4)
            return names_tag(match, tag, is_there=tag is not None or date is not None)
        since = _date(self._headers.get("if-unmodified-since"))
        return since is None or date is None or date <= since

    def _is_known(self, tag: str | None, date: datetime | None) -> bool:
        """Whether the client has what is there, or wants nothing to be there."""
        match = self._all("if-none-match")
        if match is not None:
            return names_tag(match, tag, is_there=tag is not None or date is not None)
        since = _date(self._headers.get("if-modified-since"))
        return self._reads and since is not None and date is not None and date <= since

    def _all(self, name: str) -> str | None:
        return ", ".join(values) if (values := self._headers.getlist(name)) else None


async def _conditions(request: Request, response: Response) -> Conditions:
    return Conditions(request, response)


Preconditions = Annotated[Conditions, Depends(_conditions)]
"""The annotation of a parameter that is given the request's conditions."""


def _tag(version: str | int) -> str:
    text = str(version)
    if not _TAG.fullmatch(text):
        raise ValueError(f"Not what can be a tag: {text!r}")
    return f'"{text}"'


def _whole(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).replace(microsecond=0)


def _date(written: str | None) -> datetime | None:
    """The date; None for what is none, which is no condition (RFC 9110, section 13.1.3)."""
    found = None if written is None else http_date(written)
    return None if found is None or found.tzinfo is None else found
