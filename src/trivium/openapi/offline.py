"""A page that loads nothing from elsewhere and has no script or style inside.

So it works without a network, and under a Content-Security-Policy that admits nothing inline. What
its scripts need to know is handed to them as data of an element.
"""

import json
import posixpath
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from starlette.responses import HTMLResponse

from trivium.openapi.assets import Asset
from trivium.openapi.constants import FILES
from trivium.responding.encoders import jsonable_encoder

__all__ = ["OfflinePage"]


class OfflinePage:
    """An HTML page at ``url``, whose files are below it in ``assets/``.

    All addresses in the page are relative, so that they hold under any prefix that a mount or a
    proxy adds.
    """

    def __init__(
        self,
        url: str,
        *,
        scripts: Sequence[Asset],
        styles: Sequence[Asset] = (),
        icon: Asset | None = None,
    ) -> None:
        self._url = url
        self._files_url = f"{url.rstrip('/')}/{FILES}"
        self._scripts = scripts
        self._styles = styles
        self._icon = icon

    def relative(self, url: str) -> str:
        """The address of ``url``, a path of the same application, as seen from the page."""
        slash = "/" if url.endswith("/") else ""
        # The dot keeps a colon in the first step from being read as a scheme.
        return f"./{posixpath.relpath(url, posixpath.dirname(self._url))}{slash}"

    def respond(
        self, *, title: str, policy: str, settings: Mapping[str, Mapping[str, Any]] | None = None
    ) -> HTMLResponse:
        """The page, sent with ``policy``; ``settings`` are the data of elements, by their id."""
        head = [f'<link rel="stylesheet" href="{self._href(style)}">' for style in self._styles]
        # Without an icon the browser would ask the server for one of its own.
        icon = self._href(self._icon) if self._icon else "data:,"
        head.append(f'<link rel="icon" href="{icon}">')
        body = [_element(name, data) for name, data in (settings or {}).items()]
        body += [f'<script src="{self._href(script)}"></script>' for script in self._scripts]
        html = _HTML.format(title=escape(title), head="\n".join(head), body="\n".join(body))
        headers = {
            "content-security-policy": policy,
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
        }
        return HTMLResponse(html, headers=headers)

    def _href(self, asset: Asset) -> str:
        return escape(f"{self.relative(self._asset_url(asset))}?v={asset.version}")

    def _asset_url(self, asset: Asset) -> str:
        return f"{self._files_url}/{asset.name}"


def _element(name: str, data: Mapping[str, Any]) -> str:
    settings = escape(json.dumps(jsonable_encoder(data)))
    return f'<div id="{escape(name)}" data-settings="{settings}"></div>'


_HTML = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
{head}
</head>
<body>
<noscript>This page needs JavaScript.</noscript>
{body}
</body>
</html>
"""
