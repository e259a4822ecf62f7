"""How much a client may send, and how long it may take."""

from typing import NamedTuple

__all__ = ["Bounds"]


class Bounds(NamedTuple):
    """The bounds of a connection. None lifts one; the body's size is bounded by the application."""

    max_url_size: int | None = 16 * 1024
    """Bytes of the target of a request; 414 beyond (RFC 9110, section 15.5.15)."""
    max_header_size: int | None = 64 * 1024
    """Bytes of all headers together; 431 beyond (RFC 6585, section 5)."""
    max_headers: int | None = 128
    """Number of headers; 431 beyond."""
    header_timeout: float | None = 15.0
    """Seconds from the first byte of a request to the end of its headers; 408 after them
    (RFC 9110, section 15.5.9)."""
    body_timeout: float | None = 30.0
    """Seconds in which a body has to bring ``min_body_rate`` bytes each second; 408 if not."""
    min_body_rate: int = 128
    """Bytes a second, on the average of ``body_timeout`` seconds."""
    write_timeout: float | None = 60.0
    """Seconds in which a client has to read something of a reply that waits for it; then the
    connection is cut."""
