"""Headers of a reply, changed in place; names are in lower case."""

from collections.abc import Collection

from trivium.exchange import RawHeaders

__all__ = ["add_to_vary", "remove"]


def remove(headers: RawHeaders, names: Collection[bytes]) -> None:
    """Takes out all headers of these names."""
    headers[:] = [header for header in headers if header[0] not in names]


def add_to_vary(headers: RawHeaders, name: bytes) -> None:
    """Adds a name to ``Vary``, unless it says as much already."""
    for index, (key, value) in enumerate(headers):
        if key == b"vary":
            named = {one.strip().lower() for one in value.split(b",")}
            if b"*" not in named and name.lower() not in named:
                headers[index] = (b"vary", value + b", " + name)
            return
    headers.append((b"vary", name))
