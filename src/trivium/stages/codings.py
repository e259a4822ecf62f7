"""The codings of compression, and which of them a client takes (RFC 9110, section 12.5.3)."""

import zlib
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any, NamedTuple, Protocol, TypeAlias

__all__ = ["Coding", "Encoder", "accepted", "available"]

Compress: TypeAlias = Callable[[bytes], bytes]


class Encoder(Protocol):
    """Compresses a body piece by piece."""

    def piece(self, data: bytes, /) -> bytes:
        """What the client needs to read all that was given so far."""
        ...

    def end(self) -> bytes:
        """What comes last."""
        ...


class Coding(NamedTuple):
    """One content coding."""

    name: str
    compress: Compress
    """A whole body."""
    encoder: Callable[[], Encoder]
    """For a body in pieces."""


class _Gzip:
    def __init__(self, level: int) -> None:
        self._encoder = zlib.compressobj(level, wbits=31)

    def piece(self, data: bytes) -> bytes:
        return self._encoder.compress(data) + self._encoder.flush(zlib.Z_SYNC_FLUSH)

    def end(self) -> bytes:
        return self._encoder.flush()


class _Brotli:
    def __init__(self, module: Any, quality: int) -> None:
        self._encoder = module.Compressor(quality=quality)

    def piece(self, data: bytes) -> bytes:
        out: bytes = self._encoder.process(data) + self._encoder.flush()
        return out

    def end(self) -> bytes:
        out: bytes = self._encoder.finish()
        return out


class _Zstd:
    def __init__(self, module: Any, level: int) -> None:
        self._encoder = module.ZstdCompressor(level=level).compressobj()
        self._block = module.COMPRESSOBJ_FLUSH_BLOCK

    def piece(self, data: bytes) -> bytes:
        out: bytes = self._encoder.compress(data) + self._encoder.flush(self._block)
        return out

    def end(self) -> bytes:
        out: bytes = self._encoder.flush()
        return out


def _gzip(level: int) -> Coding:
    return Coding("gzip", lambda body: zlib.compress(body, level, 31), lambda: _Gzip(level))


def _brotli(quality: int) -> Coding:
    brotli: Any = import_module("brotli")
    return Coding(
        "br",
        lambda body: brotli.compress(body, quality=quality),
        lambda: _Brotli(brotli, quality),
    )


def _zstd(level: int) -> Coding:
    zstandard: Any = import_module("zstandard")
    return Coding(
        "zstd",
        # a compressor is not shared: it may not be used by two threads at a time
        lambda body: zstandard.ZstdCompressor(level=level).compress(body),
        lambda: _Zstd(zstandard, level),
    )


# The preferred first, with levels for what is compressed anew for each reply: at these, zstd and
# brotli are both faster than gzip and smaller.
_CODINGS: dict[str, tuple[Callable[[int], Coding], int]] = {
    "zstd": (_zstd, 3),
    "br": (_brotli, 4),
    "gzip": (_gzip, 5),
}


def available(names: Iterable[str] | None = None) -> dict[str, Coding]:
    """The codings by name, in order of preference; of all, those whose package is installed.

    Raises ImportError for one that was named and whose package is not installed, and ValueError for
    one that is not known.
    """
    found: dict[str, Coding] = {}
    for name in _CODINGS if names is None else names:
        if name not in _CODINGS:
            raise ValueError(f"{name!r} is none of {', '.join(_CODINGS)}")
        make, level = _CODINGS[name]
        try:
            found[name] = make(level)
        except ImportError:
            if names is not None:
                raise
    return found


def accepted(header: str, codings: Iterable[str]) -> str | None:
    """The coding that a client likes best, of equals the first; None if it takes none of them."""
    qualities: dict[str, float] = {}
    for part in header.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip() == "q":
                quality = _quality(value.strip())
        qualities[{"x-gzip": "gzip"}.get(name, name)] = quality
    others = qualities.get("*", 0.0)
    liked = [(qualities.get(name, others), name) for name in codings]
    best = max((quality for quality, _ in liked), default=0.0)
    if best <= 0 or best < qualities.get("identity", 0.0):
        return None
    return next(name for quality, name in liked if quality == best)


def _quality(written: str) -> float:
    try:
        quality = float(written)
    except ValueError:
        return 0.0
    # neither NaN nor beyond the grammar
    return quality if 0.0 <= quality <= 1.0 else 0.0
