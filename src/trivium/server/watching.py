"""Sees when files change: with ``watchfiles`` where that is installed, else by looking at them."""

import fnmatch
import importlib.util
import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

__all__ = ["Watch", "watch"]

logger = logging.getLogger("trivium.server")

LOOK = 0.3
"""Seconds between two looks at all files."""

# Directories that hold no code of the application, and may hold a great many files.
_PASSED_OVER = frozenset({"__pycache__", "node_modules", "site-packages", "venv"})

Watch: TypeAlias = Callable[[Sequence[Path], threading.Event], Iterator[set[Path]]]
"""Gives the files that have changed, each time some have, until the event is set."""


def watch(
    directories: Sequence[Path], patterns: Sequence[str], stop: threading.Event
) -> Iterator[set[Path]]:
    """The files of such names that have changed, were made or removed; until ``stop`` is set.

    Directories whose names begin with a dot, environments and caches are passed over.
    """
    if importlib.util.find_spec("watchfiles") is not None:
        found = _told_if_possible(directories, stop)
    else:
        found = _looked_at(directories, stop)
    for changed in found:
        wanted = {
            path
            for path in changed
            if any(fnmatch.fnmatch(path.name, pattern) for pattern in patterns)
            and not _is_passed_over(path, directories)
        }
        if wanted:
            yield wanted


def _is_passed_over(path: Path, directories: Sequence[Path]) -> bool:
    below = next(
        (path.relative_to(each) for each in directories if path.is_relative_to(each)), path
    )
    return any(_skips(part) for part in below.parts[:-1])


def _skips(name: str) -> bool:
    return name.startswith(".") or name in _PASSED_OVER


def _told_if_possible(directories: Sequence[Path], stop: threading.Event) -> Iterator[set[Path]]:
    try:
        yield from _told(directories, stop)
    except (OSError, RuntimeError) as error:
        # The system tells of so many files and no more (fs.inotify.max_user_watches).
        logger.warning("Changes are looked for, as the system does not tell them: %s", error)
        yield from _looked_at(directories, stop)


def _told(directories: Sequence[Path], stop: threading.Event) -> Iterator[set[Path]]:
    from watchfiles import watch as changes

    # It tells of every file: of the log itself too, without end, where that is below a directory.
    logging.getLogger("watchfiles").setLevel(logging.WARNING)
    for some in changes(
        *directories,
        watch_filter=None,
        stop_event=stop,
        debounce=200,
        step=50,
        rust_timeout=1000,
        raise_interrupt=False,
        ignore_permission_denied=True,
    ):
        yield {each for _, path in some for each in _with_files_of(Path(path))}


def _with_files_of(path: Path) -> Iterator[Path]:
    """A path that has changed; of a directory also the files, which may have been made in it before
    anybody watched it."""
    yield path
    if path.is_dir() and not _skips(path.name):
        for root, inner, names in os.walk(path):
            inner[:] = [name for name in inner if not _skips(name)]
            yield from (Path(root, name) for name in names)


def _looked_at(directories: Sequence[Path], stop: threading.Event) -> Iterator[set[Path]]:
    before = _stamps(directories)
    while not stop.wait(LOOK):
        now = _stamps(directories)
        changed = {path for path, stamp in now.items() if before.get(path) != stamp}
        changed |= before.keys() - now.keys()
        before = now
        if changed:
            yield changed


def _stamps(directories: Sequence[Path]) -> dict[Path, tuple[int, int]]:
    """When each file was changed last, in nanoseconds, and its size."""
    stamps = {}
    for directory in directories:
        for root, inner, names in os.walk(directory):
            inner[:] = [name for name in inner if not _skips(name)]
            for name in names:
                path = Path(root, name)
                try:
                    found = path.stat()
                except OSError:
                    continue  # removed meanwhile, or a link to nothing
                stamps[path] = (found.st_mtime_ns, found.st_size)
    return stamps
