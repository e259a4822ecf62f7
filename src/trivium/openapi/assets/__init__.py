"""The files of the documentation pages, and how they are served.

Swagger UI and Redoc stand here as their projects released them; the README beside them has their
versions, licences and checksums. The files under ``pages`` are Trivium's own.
"""

import hashlib
import re
from functools import cached_property

from starlette.requests import Request
from starlette.responses import Response

__all__ = [
    "ASSETS",
    "FAVICON",
    "OAUTH2_REDIRECT_SCRIPT",
    "PAGE_STYLE",
    "REDOC",
    "REDOC_START",
    "SWAGGER_UI",
    "SWAGGER_UI_START",
    "SWAGGER_UI_STYLE",
    "Asset",
]

_A_YEAR = 31_536_000
_GZIP_REFUSED = re.compile(r"q=0(\.0*)?$")


class Asset:
    """A file of this package that browsers load; read when first asked for, then kept.

    ``without_url`` is an address in the file that browsers must not be sent to. An empty data URL
    is served in its place.
    """

    def __init__(self, path: str, media_type: str, *, without_url: str | None = None) -> None:
        self.name = path.rpartition("/")[2]
        self.media_type = media_type
        self._path = path
        self._without_url = without_url

    @cached_property
    def content(self) -> bytes:
        from importlib.resources import files

        content = files(__name__).joinpath(self._path).read_bytes()
        if self._without_url:
            content = content.replace(self._without_url.encode(), b"data:,")
        return content

    @property
    def text(self) -> str:
        return self.content.decode()

    @cached_property
    def version(self) -> str:
        """Changes with the content. An address with ``?v=version`` may be kept for ever."""
        return hashlib.sha256(self.content).hexdigest()[:16]

    @cached_property
    def _compressed(self) -> bytes:
        import gzip

        return gzip.compress(self.content, mtime=0)

    def respond(self, request: Request) -> Response:
        """The file, or a 304 for a client that has it; takes milliseconds when first called."""
        is_versioned = request.query_params.get("v") == self.version
        headers = {
            "cache-control": f"public, max-age={_A_YEAR}, immutable"
            if is_versioned
            else "no-cache",
            # Weak, because the compressed and the plain body share it.
            "etag": f'W/"{self.version}"',
            "vary": "accept-encoding",
            "x-content-type-options": "nosniff",
        }
        if _names(request.headers.get("if-none-match", ""), self.version):
            return Response(status_code=304, headers=headers)
        if not _takes_gzip(request.headers.get("accept-encoding", "")):
            return Response(self.content, headers=headers, media_type=self.media_type)
        headers["content-encoding"] = "gzip"
        return Response(self._compressed, headers=headers, media_type=self.media_type)


def _names(if_none_match: str, version: str) -> bool:
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return "*" in tags or f'"{version}"' in tags


def _takes_gzip(accept_encoding: str) -> bool:
    for offer in accept_encoding.split(","):
        coding, _, weight = offer.replace(" ", "").lower().partition(";")
        if coding in ("gzip", "*"):
            return not _GZIP_REFUSED.match(weight)
    return False


_SCRIPT = "text/javascript"
_STYLE = "text/css"

SWAGGER_UI = Asset("swagger-ui/swagger-ui-bundle.js", _SCRIPT)
SWAGGER_UI_STYLE = Asset("swagger-ui/swagger-ui.css", _STYLE)
SWAGGER_UI_START = Asset("pages/swagger-ui.init.js", _SCRIPT)
OAUTH2_REDIRECT_SCRIPT = Asset("pages/oauth2-redirect.js", _SCRIPT)
REDOC = Asset(
    "redoc/redoc.standalone.js",
    _SCRIPT,
    # Redoc's own logo, which it does without where it does not load.
    without_url="https://cdn.redoc.ly/redoc/logo-mini.svg",
)
REDOC_START = Asset("pages/redoc.init.js", _SCRIPT)
PAGE_STYLE = Asset("pages/page.css", _STYLE)
FAVICON = Asset("pages/favicon.svg", "image/svg+xml")

ASSETS = {
    asset.name: asset
    for asset in (
        SWAGGER_UI,
        SWAGGER_UI_STYLE,
        SWAGGER_UI_START,
        OAUTH2_REDIRECT_SCRIPT,
        REDOC,
        REDOC_START,
        PAGE_STYLE,
        FAVICON,
    )
}
"""By the name that they are served under."""
