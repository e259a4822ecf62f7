"""A directory of a built frontend (a single-page app, a static site), served under a path.

Only the files: where a frontend stands among the routes is the table's business. It is asked last,
after every route and after the redirect of a missing slash.
"""

import os
import stat
import warnings
from dataclasses import dataclass
from errno import ENAMETOOLONG
from typing import Literal, TypeAlias, get_args

import anyio.to_thread
from starlette.datastructures import URL, Headers
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from trivium.errors import DeclarationError, TriviumError, stack_level_of_caller

__all__ = ["DirectoryCheck", "Fallback", "Frontend", "is_navigation"]

FallbackFile: TypeAlias = Literal["index.html", "404.html"]
Fallback: TypeAlias = Literal["auto"] | FallbackFile | None
DirectoryCheck: TypeAlias = bool | Literal["auto"]

_READING = ("GET", "HEAD")
_FALLBACK_FILES = get_args(FallbackFile)
_PAGE_TYPES = ("text/html", "application/xhtml+xml")


@dataclass(frozen=True, slots=True)
class _File:
    """A file that was found, and why it is the answer."""

    path: str
    status: os.stat_result
    kind: Literal["asset", "directory index", "index.html", "404.html"]


class Frontend:
    """The files of `directory` under `path`, for GET and HEAD.

    A directory is answered with its `index.html`. `fallback` says what answers where no file is:

    - ``"index.html"``: that page with status 200, to a request of a browser's address bar (one that
      accepts HTML by name), so that the page's own router may show it; 404 to any other request.
    - ``"404.html"``: that page with status 404.
    - ``"auto"``: ``404.html`` if the directory has one, else ``index.html`` if it has that.
    - ``None``: 404.

    check_dir: True raises at once for a directory or a named fallback that is missing, False when
        it is first asked for. ``"auto"`` is True, except where the environment variable TRIVIUM_ENV
        or FASTAPI_ENV is ``development``: there it warns, as the build may still be under way.
    app: the `StaticFiles` that finds files inside the directory and nowhere else.

    Raises DeclarationError for a path that does not start with a slash, an unknown fallback, and a
    missing directory or fallback file as `check_dir` says.
    """

    def __init__(
        self,
        path: str,
        *,
        directory: str | os.PathLike[str],
        fallback: Fallback = "auto",
        check_dir: DirectoryCheck = "auto",
    ) -> None:
        self.path = _checked_path(path)
        self.directory = directory
        self.fallback: Fallback = _checked_fallback(fallback)
        self.app = StaticFiles(directory=directory, check_dir=False, html=True)
        self._is_checked = False
        if check_dir == "auto" and _is_development():
            if not os.path.isdir(directory):
                warnings.warn(self._no_directory(), stacklevel=stack_level_of_caller())
        elif check_dir:
            self._check_now()

    def full_path(self, prefix: str) -> str:
        """This frontend's path behind what the routers put before it: `prefix`, or empty."""
        if not prefix:
            return self.path
        return prefix if self.path == "/" else prefix + self.path

    def relative_path(self, prefix: str, route_path: str) -> str | None:
        """The part of `route_path` below this frontend, or None when it does not claim that path.

        It claims its own path and what follows it after a slash: ``/app`` does not claim
        ``/application``.
        """
        path = self.full_path(prefix)
        if path == "/":
            return route_path.lstrip("/")
        if route_path == path:
            return ""
        return route_path[len(path) + 1 :] if route_path.startswith(path + "/") else None

    def specificity(self, prefix: str) -> int:
        """How narrow this frontend's claim is; among several, the one with the greatest answers."""
        path = self.full_path(prefix)
        return 0 if path == "/" else len(path)

    async def respond(self, relative_path: str, scope: Scope) -> Response:
        """The response to the HTTP request of `scope` for `relative_path`.

        Raises Starlette's HTTPException: 404 for what is not there, 405 for another method than GET
        and HEAD on a file that is there, 401 for a file that may not be read; and TriviumError when
        the directory, or the fallback file that was named, is not there.
        """
        reads = scope["method"] in _READING
        accept = Headers(scope=scope).get("accept", "")
        found = await anyio.to_thread.run_sync(self._find, relative_path, reads, accept)
        if found is None:
            raise HTTPException(404)
        if not reads:
            raise HTTPException(405, headers={"Allow": ", ".join(_READING)})
        if found.kind == "directory index" and not scope["path"].endswith("/"):
            # The page's relative links start from the directory, and so must its address.
            url = URL(scope=scope)
            return RedirectResponse(url.replace(path=url.path + "/"))
        status_code = 404 if found.kind == "404.html" else 200
        return self.app.file_response(found.path, found.status, scope, status_code)

    def _find(self, relative_path: str, with_fallback: bool, accept: str) -> _File | None:
        """All that touches the disk, in one visit to a worker thread."""
        if not self._is_checked:
            self._check_directory(TriviumError)
            self._is_checked = True
        try:
            return self._find_asset(relative_path) or (
                self._find_fallback(accept) if with_fallback else None
            )
        except PermissionError:
            raise HTTPException(401) from None
        except OSError as error:
            if error.errno == ENAMETOOLONG:
                return None
            raise
        except ValueError:  # a null byte, or what else no file's name can hold
            return None

    def _find_asset(self, relative_path: str) -> _File | None:
        path = os.path.normpath(os.path.join(*relative_path.split("/")))
        full_path, status = self.app.lookup_path(path)
        if status is None:
            return None
        if stat.S_ISREG(status.st_mode):
            return _File(full_path, status, "asset")
        if stat.S_ISDIR(status.st_mode):
            full_path, status = self.app.lookup_path(os.path.join(path, "index.html"))
            if status is not None and stat.S_ISREG(status.st_mode):
                return _File(full_path, status, "directory index")
        return None

    def _find_fallback(self, accept: str) -> _File | None:
        names: tuple[FallbackFile, ...] = ()
        if self.fallback == "auto":
            names = ("404.html", "index.html")
        elif self.fallback is not None:
            names = (self.fallback,)
        for name in names:
            if name == "index.html" and not is_navigation(accept):
                return None
            full_path, status = self.app.lookup_path(name)
            if status is not None and stat.S_ISREG(status.st_mode):
                return _File(full_path, status, name)
            if self.fallback == name:
                raise TriviumError(self._no_fallback(name))
        return None

    def _check_now(self) -> None:
        self._check_directory(DeclarationError)
        if self.fallback is not None and self.fallback != "auto":
            _, status = self.app.lookup_path(self.fallback)
            if status is None or not stat.S_ISREG(status.st_mode):
                raise DeclarationError(self._no_fallback(self.fallback))
        self._is_checked = True

    def _check_directory(self, error: type[TriviumError]) -> None:
        if not os.path.isdir(self.directory):
            raise error(self._no_directory())

    def _no_directory(self) -> str:
        return (
            f"Frontend directory '{self.directory}' does not exist. "
            f"It was looked for at '{os.path.realpath(self.directory)}'."
        )

    def _no_fallback(self, name: str) -> str:
        return (
            f"Frontend fallback file '{name}' does not exist in directory '{self.directory}'. "
            f"It was looked for in '{os.path.realpath(self.directory)}'."
        )


def is_navigation(accept: str) -> bool:
    """Whether an Accept header is that of a browser that goes to a page.

    Browsers then name HTML, which `fetch`, images and scripts do not: ``*/*`` is not enough. A type
    with a quality of zero is refused (RFC 9110, section 12.4.2); a quality that is no number is
    ignored.
    """
    for accepted in accept.split(","):
        media_type, *parameters = (part.strip().lower() for part in accepted.split(";"))
        if media_type in _PAGE_TYPES and not any(map(_is_refusal, parameters)):
            return True
    return False


def _is_refusal(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    try:
        return name.rstrip() == "q" and float(value) == 0
    except ValueError:
        return False


def _is_development() -> bool:
    return "development" in (os.environ.get("TRIVIUM_ENV"), os.environ.get("FASTAPI_ENV"))


def _checked_path(path: str) -> str:
    if not path.startswith("/"):
        raise DeclarationError(
            f"A frontend's path starts with '/', and {path!r} does not"
            if path
            else "A frontend's path cannot be empty",
            written=f"app.frontend({path!r}, ...)",
            instead=f"app.frontend({'/' + path!r}, ...)",
        )
    return path.rstrip("/") or "/"


def _checked_fallback(fallback: Fallback) -> Fallback:
    if fallback is not None and fallback not in ("auto", *_FALLBACK_FILES):
        raise DeclarationError(
            "A frontend's fallback is 'auto', 'index.html', '404.html' or None",
            written=f"fallback={fallback!r}",
            instead='fallback="auto"',
        )
    return fallback
