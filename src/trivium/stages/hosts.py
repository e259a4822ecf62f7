"""Which hosts the application answers for.

A request names its host itself. Where links, redirects or cache keys are made of that name, a name
that is not checked is a way in. See RFC 9110, section 7.2, and RFC 9112, section 3.2.
"""

from collections.abc import Iterable
from typing import Any

from starlette._utils import parse_host_header

from trivium.checks import Check
from trivium.errors import DeclarationError
from trivium.exchange import Exchange, Reply
from trivium.stages.refusals import refusal
from trivium.stages.stage import Stage

__all__ = ["TrustedHosts"]

_MOST_KNOWN = 1024


class TrustedHosts(Stage):
    """Answers 400 where ``Host`` is missing, given twice, or none of ``hosts``.

    hosts: names or addresses without a port; ``*.example.com`` for every name below, and ``*`` for
    any. Ports are not looked at. An IPv6 address is written in brackets.

    Raises DeclarationError for what cannot be a host.
    """

    place = 80
    needs_headers = True
    keeps_headers = True

    def __init__(self, hosts: Iterable[str]) -> None:
        self.hosts = tuple(host.lower() for host in hosts)
        if not self.hosts:
            raise DeclarationError(
                "No host would be answered",
                written="TrustedHosts([])",
                instead='TrustedHosts(["example.com"])',
            )
        for host in self.hosts:
            _refuse_unlike(host)
        self._exact = frozenset(host for host in self.hosts if "*" not in host)
        self._below = tuple(host[1:] for host in self.hosts if host.startswith("*."))
        self._any = "*" in self.hosts
        self._known: dict[bytes, bool] = {}

    def enter(self, ex: Exchange) -> Reply | None:
        headers = ex.header_map
        host = headers.get(b"host")
        if host is None:
            return refusal(400, "The request has no Host")
        if len(headers) != len(ex.raw_headers) and len(ex.header_list(b"host")) > 1:
            return refusal(400, "The request has more than one Host")
        known = self._known.get(host)
        if known is None:
            known = self._answers_for(host.decode("latin-1").lower())
            # clients choose what is asked for, so there is an end to what is kept
            if len(self._known) < _MOST_KNOWN:
                self._known[host] = known
        return None if known else refusal(400, "This host is not served here")

    def passes(self, ex: Exchange) -> bool:
        return self.enter(ex) is None

    def _answers_for(self, host: str) -> bool:
        name = _name_of(host)
        if name is None:
            return False
        return self._any or name in self._exact or name.endswith(self._below or ("\0",))

    def checks(self, app: Any, *, deploy: bool) -> Iterable[Check]:
        """What ``trivium check`` says of it."""
        if deploy and self._any:
            yield Check(
                "warning",
                "stages.any_host",
                "Any host is answered, so links and redirects may be made of a client's word.",
                'allowed_hosts=["example.com"]',
            )

    def described(self) -> str:
        return f"hosts: {', '.join(self.hosts)}"


def _name_of(host: str) -> str | None:
    """The name without a port and a last dot; None where Starlette would make no URL of it, and
    take the server's own address instead."""
    parsed = parse_host_header(host)
    if parsed is None or not parsed.is_valid_port:
        return None
    return parsed.host.rstrip(".") or None


def _refuse_unlike(host: str) -> None:
    name = host.removeprefix("*.")
    if host == "*" or (_name_of(name) == name and "*" not in name):
        return
    raise DeclarationError(
        "Not the name of a host", written=repr(host), instead="'example.com' or '*.example.com'"
    )
