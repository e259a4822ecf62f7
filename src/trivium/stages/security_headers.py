"""Headers that tell a browser what a page of the application may do.

The policy of content is strict: what comes from the application itself, nothing inline, no frames
around. A page with a script of its own gives it a nonce, and a reply that brings a policy of its
own keeps it, as the pages of the documentation do.
"""

import secrets
from collections.abc import Iterable, Mapping

from starlette.requests import HTTPConnection

from trivium.errors import DeclarationError
from trivium.exchange import Exchange, RawHeaders
from trivium.stages.stage import Stage

__all__ = ["CONTENT_POLICY", "SecurityHeaders", "csp_nonce"]

CONTENT_POLICY: Mapping[str, Iterable[str]] = {
    "default-src": ("'self'",),
    "base-uri": ("'self'",),
    "form-action": ("'self'",),
    "frame-ancestors": ("'none'",),
    "img-src": ("'self'", "data:"),
    "object-src": ("'none'",),
}
_NONCE = "trivium.csp_nonce"
_CSP = b"content-security-policy"
_PERMISSIONS = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


def csp_nonce(connection: HTTPConnection) -> str:
    """The nonce of this reply, for ``<script nonce="...">`` and ``<style nonce="...">``.

    Made when it is first asked for, which has to be before the head of the reply is sent.
    """
    nonce: str = connection.scope.setdefault(_NONCE, secrets.token_urlsafe(18))
    return nonce


class SecurityHeaders(Stage):
    """Adds what a reply does not say itself.

    hsts: seconds for which browsers shall come by HTTPS only (RFC 6797); 0 sends no such header,
        because a browser that has read it does not come by HTTP until that time is over. Sent over
        HTTPS only.
    hsts_subdomains: whether that holds for all hosts below this one too.
    hsts_preload: whether the host asks for its place in the lists that browsers bring along.
    content_policy: ``Content-Security-Policy``, as its text or by directive; None sends none.
    referrer: ``Referrer-Policy``.
    permissions: ``Permissions-Policy``; None sends none.
    opener: ``Cross-Origin-Opener-Policy``; None sends none.
    resource: ``Cross-Origin-Resource-Policy``; None sends none, which lets pages of other origins
        show images of this one.
    without_policy: paths that are sent without a policy of content, but for who may frame them.
    popups: paths that take part in a login in another window, and so may be opened by, or open, a
        page of another origin.

    Raises DeclarationError for a text that cannot be a header.
    """

    place = 50
    keeps_line = True
    lines = frozenset({b"strict-transport-security"})

    def __init__(
        self,
        *,
        hsts: int = 31_536_000,
        hsts_subdomains: bool = False,
        hsts_preload: bool = False,
        content_policy: str | Mapping[str, Iterable[str]] | None = CONTENT_POLICY,
        referrer: str = "strict-origin-when-cross-origin",
        permissions: str | None = _PERMISSIONS,
        opener: str | None = "same-origin",
        resource: str | None = "same-origin",
        without_policy: Iterable[str] = (),
        popups: Iterable[str] = (),
    ) -> None:
        self._policy = _written(content_policy)
        self._without_policy = frozenset(without_policy)
        self._popups = frozenset(popups)
        values = {
            "x-content-type-options": "nosniff",
            "referrer-policy": referrer,
            "permissions-policy": permissions,
            "cross-origin-opener-policy": opener,
            "cross-origin-resource-policy": resource,
            "content-security-policy": self._policy,
        }
        self.constant = [(k.encode(), _encoded(v)) for k, v in values.items() if v]
        options = "; includeSubDomains" * hsts_subdomains + "; preload" * hsts_preload
        header = (b"strict-transport-security", f"max-age={hsts}{options}".encode())
        self._hsts = header if hsts else None
        self._hsts_line = b"%b: %b\r\n" % header if hsts else b""

    def head(self, ex: Exchange, status: int, headers: RawHeaders) -> None:
        # A browser has to ignore it over HTTP (RFC 6797, section 7.2).
        if self._hsts is not None and ex.scheme in ("https", "wss"):
            _add(headers, self._hsts)
        if self._popups and ex.path in self._popups:
            _add(headers, (b"cross-origin-opener-policy", b"unsafe-none"))
        if self._policy is not None:
            if self._without_policy and ex.path in self._without_policy:
                # a policy without a directive allows everything, and keeps the constant one away
                _add(headers, (_CSP, b"frame-ancestors 'none'"))
            elif ex.has_scope and (nonce := ex.scope.get(_NONCE)) is not None:
                _add(headers, (_CSP, _with_nonce(self._policy, nonce).encode("latin-1")))

    def line(self, ex: Exchange) -> bytes:
        # a page with a nonce, or one that opens a window, is HTML
        return self._hsts_line if self._hsts_line and ex.scheme in ("https", "wss") else b""

    def described(self) -> str:
        return "security headers"


def _add(headers: RawHeaders, header: tuple[bytes, bytes]) -> None:
    if all(name != header[0] for name, _ in headers):
        headers.append(header)


def _written(policy: str | Mapping[str, Iterable[str]] | None) -> str | None:
    if policy is None or isinstance(policy, str):
        return policy or None
    return "; ".join(" ".join((name, *sources)) for name, sources in policy.items()) or None


def _with_nonce(policy: str, nonce: str) -> str:
    """The policy, in which scripts and styles with the nonce are allowed."""
    directives: dict[str, list[str]] = {}
    for directive in filter(None, (part.split() for part in policy.split(";"))):
        directives.setdefault(directive[0].lower(), directive[1:])
    for name in ("script-src", "style-src"):
        sources = directives.get(name, directives.get("default-src", []))
        allowed = [source for source in sources if source.lower() != "'none'"]
        directives[name] = [*allowed, f"'nonce-{nonce}'"]
    return "; ".join(" ".join((name, *sources)) for name, sources in directives.items())


def _encoded(value: str) -> bytes:
    if not value.isascii() or not value.isprintable():
        raise DeclarationError(
            "A header's value is one line of ASCII",
            written=repr(value),
            instead=repr(" ".join(value.split())),
        )
    return value.encode("ascii")
