"""Multipart bodies by hand, so that they can be wrong by hand."""

BOUNDARY = b"frontier"
MULTIPART = (b"content-type", b"multipart/form-data; boundary=" + BOUNDARY)
END = b"--" + BOUNDARY + b"--\r\n"


def opened(name: str, content: bytes, filename: str | None = None) -> bytes:
    """A part that another may follow."""
    disposition = f'Content-Disposition: form-data; name="{name}"'.encode()
    if filename is not None:
        disposition += f'; filename="{filename}"'.encode()
    return b"--" + BOUNDARY + b"\r\n" + disposition + b"\r\n\r\n" + content + b"\r\n"


def part(name: str, content: bytes, filename: str | None = None) -> bytes:
    """A whole body of one part."""
    return opened(name, content, filename) + END
