"""Names of files: what a client calls one, and the keys under which files are stored."""

import re
import unicodedata
from pathlib import PurePosixPath

from trivium.storage.errors import InvalidKey

__all__ = ["checked_key", "safe_name"]

LONGEST_PART = 255
"""Bytes of UTF-8 that a file system takes for one name."""

LONGEST_ENDING = 16

_NOT_SAFE = re.compile(r"[^\w.\-]+")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])(?:\..*)?", re.I)
_ENDING = re.compile(r"\.[A-Za-z0-9]{1,15}\Z")
_NO_PART = re.compile(r"[\x00-\x1f\x7f\\:*?\"<>|]")


def safe_name(given: str | None, *, limit: int = 100) -> str:
    """The name of a file as a client gives it, made one that every file system takes.

    What stands before the last slash or backslash goes, and so do control characters, spaces and
    what Windows forbids; letters of all scripts stay. The result has no leading dot, is none of
    Windows's reserved names, and its ending is kept where it has to be shortened.

    limit: bytes of UTF-8.
    """
    name = unicodedata.normalize("NFKC", given or "")
    # a name may hold what cannot be encoded, and after NFKC a slash that was none before
    name = name.encode("utf-8", "ignore").decode()
    name = re.split(r"[/\\]", name)[-1]
    name = _NOT_SAFE.sub("_", name).strip("._ ")
    if not name.strip("_-."):
        return "file"
    if _RESERVED.fullmatch(name):
        name = f"_{name}"
    return _shortened(name, limit)


def _shortened(name: str, limit: int) -> str:
    if len(name.encode()) <= limit:
        return name
    found = _ENDING.search(name)
    ending = found[0] if found else ""
    stem = name[: len(name) - len(ending)].encode()[: limit - len(ending)]
    return stem.decode("utf-8", "ignore").rstrip("._ ") + ending


def split_ending(name: str) -> tuple[str, str]:
    """``("photo", ".jpg")``; an ending that is longer than endings are belongs to the stem."""
    found = _ENDING.search(name)
    if found is None or found.start() == 0:
        return name, ""
    return name[: found.start()], found[0]


def checked_key(key: str) -> PurePosixPath:
    """The key as a relative path. Raises ``InvalidKey`` for one that could lead elsewhere.

    Every part of it is a plain name: not empty, without a leading dot (so neither ``..`` nor a file
    that is still being written), without backslashes, colons and control characters.
    """
    parts = key.split("/")
    for part in parts:
        if (
            not part
            or part.startswith(".")
            or part.endswith((".", " "))
            or _NO_PART.search(part)
            or _RESERVED.fullmatch(part)
            or len(part.encode("utf-8", "surrogatepass")) > LONGEST_PART
        ):
            raise InvalidKey(f"{key!r} is not the key of a file")
    try:
        key.encode()
    except UnicodeEncodeError:
        raise InvalidKey(f"{key!r} is not the key of a file") from None
    return PurePosixPath(*parts)
