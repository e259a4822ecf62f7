"""The Content-Security-Policy of a documentation page.

The page may load scripts and styles of its own server only, nothing inline. It may call the servers
that its document names, because that is what trying out an operation, or logging in, does.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Any

__all__ = ["EMPTY_STYLE", "content_security_policy"]

EMPTY_STYLE = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
"""Admits an inline style element without content: the SHA-256 of nothing.

Libraries that write their styles through the CSSOM make such an element to hold them.
"""

_BASE = {
    "default-src": ("'none'",),
    "script-src": ("'self'",),
    "style-src": ("'self'",),
    "img-src": ("'self'", "data:"),
    "connect-src": ("'self'",),
    "base-uri": ("'none'",),
    "form-action": ("'none'",),
    "frame-ancestors": ("'self'",),
}
# Host sources as CSP writes them; anything else in a document must not reach a header.
_ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d+)?(?=[/?#]|\Z)", re.ASCII)


def content_security_policy(
    document: Mapping[str, Any] | None = None, **more: Iterable[str]
) -> str:
    """The value of the header. ``more`` adds sources, by directive with underscores for hyphens.

    ``document`` is the OpenAPI document that the page shows, if it can call what it names.
    """
    directives = {name: list(sources) for name, sources in _BASE.items()}
    if document is not None:
        directives["connect-src"] += sorted(set(_origins(document)))
    for name, sources in more.items():
        directives.setdefault(name.replace("_", "-"), []).extend(sources)
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in directives.items())


def _origins(document: Mapping[str, Any]) -> Iterator[str]:
    for url in _called_urls(document):
        if origin := _ORIGIN.match(url.lower()):
            yield origin.group()


def _called_urls(document: Mapping[str, Any]) -> Iterator[str]:
    paths = [item for item in document.get("paths", {}).values() if isinstance(item, dict)]
    operations = [each for item in paths for each in item.values() if isinstance(each, dict)]
    for holder in (document, *paths, *operations):
        for server in holder.get("servers", ()):
            yield from _server_urls(server)
    for scheme in document.get("components", {}).get("securitySchemes", {}).values():
        if "openIdConnectUrl" in scheme:
            yield scheme["openIdConnectUrl"]
        for flow in scheme.get("flows", {}).values():
            yield from (flow[key] for key in ("tokenUrl", "refreshUrl") if flow.get(key))


def _server_urls(server: Mapping[str, Any]) -> Iterator[str]:
    """The URL with each value that its variables can take."""
    variables = {
        name: dict.fromkeys([variable["default"], *variable.get("enum", ())])
        for name, variable in server.get("variables", {}).items()
        # A variable of the path does not change the origin.
        if f"{{{name}}}" in server["url"].partition("://")[2].partition("/")[0]
    }
    for values in product(*variables.values()):
        url = server["url"]
        for name, value in zip(variables, values, strict=True):
            url = url.replace(f"{{{name}}}", value)
        yield url
