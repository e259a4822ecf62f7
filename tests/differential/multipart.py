"""Forms on the wire: urlencoded and multipart bodies, well made and badly made."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from .calls import Headers, encoded, pairs_for, split
from .kinds import words
from .program import Param

BOUNDARY = b"frontier"


@dataclass(frozen=True)
class Part:
    """One part of a multipart body. A part with a filename is a file."""

    name: str
    content: bytes
    filename: str | None = None
    content_type: bytes = b""
    extra: bytes = b""

    def encode(self) -> bytes:
        disposition = f'Content-Disposition: form-data; name="{_quoted(self.name)}"'.encode()
        if self.filename is not None:
            disposition += f'; filename="{_quoted(self.filename)}"'.encode()
        lines = [disposition]
        if self.content_type:
            lines.append(b"Content-Type: " + self.content_type)
        if self.extra:
            lines.append(self.extra)
        return b"\r\n".join([*lines, b"", self.content])


def _quoted(text: str) -> str:
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def multipart(parts: list[Part], boundary: bytes = BOUNDARY) -> bytes:
    """The parts as a well-formed body."""
    opened = b"".join(b"--" + boundary + b"\r\n" + part.encode() + b"\r\n" for part in parts)
    return opened + b"--" + boundary + b"--\r\n"


FILENAMES = ("a.txt", "", "é.txt", "a\\b.txt", "../../etc/passwd", 'q"uote')
FILE_TYPES = (b"text/plain", b"", b"text/plain; charset=latin-1", b"application/json", b"x")
EXTRA_LINES = (b"", b"Content-Transfer-Encoding: base64", b"X-Part: 1", b"X-Part:", b"no colon")

BOUNDARIES = (
    b"multipart/form-data",
    b"multipart/form-data; boundary=",
    b"multipart/form-data; boundary=other",
    b'multipart/form-data; boundary="frontier"',
    b"multipart/form-data; charset=utf-16; boundary=frontier",
    b"multipart/form-data; charset=nonsense; boundary=frontier",
    b"multipart/mixed; boundary=frontier",
    b"Multipart/Form-Data; Boundary=frontier",
    b"multipart/form-data; boundary=" + b"b" * 300,
    b"multipart/form-data; boundary=\xff",
    b"application/x-www-form-urlencoded",
)


@st.composite
def parts_for(draw: st.DrawFn, declared: tuple[Param, ...]) -> list[Part]:
    """Parts for form and file parameters, now and then a field where a file is due."""
    fields = tuple(param for param in declared if param.place != "file")
    parts = [Part(name, text.encode()) for name, text in draw(pairs_for(fields))]
    for param in declared:
        if param.place != "file":
            continue
        for _ in range(draw(st.sampled_from([1, 1, 0, 2]))):
            name = draw(st.sampled_from(param.wire_names))
            content = draw(st.sampled_from([b"content", b"", b"\x00\xff\r\n--", b"x" * 300]))
            filename = draw(st.sampled_from(FILENAMES))
            parts.append(
                Part(
                    name,
                    content,
                    draw(st.sampled_from([filename, filename, filename, None])),
                    draw(st.sampled_from(FILE_TYPES)),
                    draw(st.sampled_from(EXTRA_LINES)),
                )
            )
    return draw(st.permutations(parts))


@st.composite
def broken(draw: st.DrawFn, body: bytes) -> bytes:
    """A multipart body with something wrong in it."""
    match draw(st.integers(0, 6)):
        case 0:
            return body[: draw(st.integers(0, len(body)))]
        case 1:
            return body.replace(b"\r\n", b"\n")
        case 2:
            return body.replace(b"Content-Disposition", b"Content-Disposal")
        case 3:
            return body.replace(b'; name="', b'; nom="')
        case 4:
            return b"preamble\r\n" + body + b"epilogue"
        case 5:
            return body.replace(b"form-data;", b"attachment;")
    at = draw(st.integers(0, len(body)))
    return body[:at] + draw(st.binary(min_size=1, max_size=3)) + body[at:]


@st.composite
def form_bodies(
    draw: st.DrawFn, declared: tuple[Param, ...], *, damage: bool = False
) -> tuple[Headers, tuple[bytes, ...]]:
    """The headers and the pieces of a form for some parameters."""
    has_files = any(param.place == "file" for param in declared)
    if has_files or draw(st.booleans()):
        body = multipart(draw(parts_for(declared)))
        content_type = b"multipart/form-data; boundary=" + BOUNDARY
        if damage:
            body = draw(st.one_of(broken(body), st.just(body)))
            content_type = draw(st.one_of(st.just(content_type), st.sampled_from(BOUNDARIES)))
    else:
        body = draw(encoded(draw(pairs_for(declared))))
        content_type = b"application/x-www-form-urlencoded"
        if damage:
            body = draw(st.one_of(st.binary(max_size=12), words.map(str.encode), st.just(body)))
            content_type = draw(
                st.sampled_from([content_type, b"", b"application/json", *BOUNDARIES[:2]])
            )
    headers: Headers = ((b"content-type", content_type),) if content_type else ()
    return headers, draw(split(body))
