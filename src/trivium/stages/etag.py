"""A client that has a reply already is told that it has not changed (RFC 9110, section 13)."""

import re
from datetime import datetime
from email.utils import parsedate_to_datetime
from hashlib import blake2b

from trivium.exchange import Exchange, Plain, RawHeaders, Reply
from trivium.stages.stage import Stage

__all__ = ["ETag", "http_date", "names_tag"]

# What describes a body that is not sent (RFC 9110, section 15.4.5).
_OF_A_BODY = frozenset(
    {
        b"content-encoding",
        b"content-language",
        b"content-length",
        b"content-range",
        b"content-type",
    }
)
# A comma may stand within one (RFC 9110, section 8.8.3); some applications forget the quotes.
_TAGS = re.compile(r'(?:W/)?("[^"]*"|[^\s,"]+)')


class ETag(Stage):
    """Gives each whole reply to a GET an ``ETag``, and answers conditional requests with 304.

    The tag is made of the body, so the handler runs all the same; what is saved is the way to the
    client. A body of less than ``minimum`` bytes has none made: an answer without it would be no
    shorter. A reply that brings an ``ETag`` or ``Last-Modified`` keeps them. Replies that say
    ``no-store``, that are no 200, or that are sent in pieces have no tag made.
    """

    place = 130

    def __init__(self, *, minimum: int = 512) -> None:
        self.minimum = self.smallest = minimum

    def reply(self, ex: Exchange, reply: Reply) -> Reply:
        status, headers, body, background = reply
        if status != 200 or ex.method not in ("GET", "HEAD"):
            return reply
        tag: bytes | None = None
        modified: bytes | None = None
        for name, value in headers:
            if name == b"etag":
                tag = value
            elif name == b"last-modified":
                modified = value
            elif name == b"cache-control" and b"no-store" in value.lower():
                return reply
        # an empty body is that of a HEAD as a rule, and says nothing of the GET's
        if tag is None and len(body) >= self.minimum:
            tag = b'"%b"' % blake2b(body, digest_size=10).hexdigest().encode()
            headers.append(Plain((b"etag", tag)))
        if (tag is None and modified is None) or not _is_known(ex, tag, modified):
            return reply
        kept: RawHeaders = [header for header in headers if header[0] not in _OF_A_BODY]
        return Reply(304, kept, b"", background)

    def described(self) -> str:
        return "ETag, 304 where nothing has changed"


def names_tag(condition: str, tag: str | None, *, is_there: bool) -> bool:
    """Whether ``If-Match`` or ``If-None-Match`` names the tag, weak or not, or whatever is."""
    if condition.strip() == "*":
        return is_there
    return tag is not None and tag.removeprefix("W/") in _TAGS.findall(condition)


def _is_known(ex: Exchange, tag: bytes | None, modified: bytes | None) -> bool:
    """Whether the client has what would be sent."""
    known = ex.header_map.get(b"if-none-match")
    if known is not None:
        # the other condition is not looked at then (RFC 9110, section 13.1.3)
        if tag is None:
            return False
        joined = ", ".join(ex.header_list(b"if-none-match"))
        return names_tag(joined, tag.decode("latin-1"), is_there=True)
    since = ex.header_map.get(b"if-modified-since")
    return since is not None and modified is not None and _is_no_later(modified, since)


def http_date(written: str) -> datetime | None:
    """The moment that a header names (RFC 9110, section 5.6.7); None for what is no date, such as
    numbers beyond any calendar. One without a zone has none here."""
    try:
        return parsedate_to_datetime(written)
    except (ValueError, OverflowError):
        return None


def _is_no_later(modified: bytes, since: bytes) -> bool:
    one, other = (http_date(date.decode("latin-1")) for date in (modified, since))
    if one is None or other is None or (one.tzinfo is None) != (other.tzinfo is None):
        return False
    return one <= other
