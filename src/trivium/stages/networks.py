"""Addresses that are trusted: networks, single addresses, and the socket that is a file."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from trivium.errors import DeclarationError

__all__ = ["PRIVATE", "Networks", "address_of"]

PRIVATE = ("127.0.0.0/8", "::1", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
"""The networks that are not reached from the Internet (RFC 1918, RFC 4193), and the machine."""
_MOST_KNOWN = 4096


class Networks:
    """A set of networks. ``address in networks`` is asked for every request, so answers are kept.

    written: networks such as ``10.0.0.0/8``, addresses, and ``unix`` for peers without an address.

    Raises DeclarationError for anything else.
    """

    def __init__(self, written: Iterable[str]) -> None:
        self.written = tuple(written)
        self._networks = []
        self._known: dict[str, bool] = {}
        self._trusts_files = False
        for one in self.written:
            if one == "unix":
                self._trusts_files = True
                continue
            try:
                self._networks.append(ip_network(one))
            except ValueError as error:
                raise DeclarationError(
                    f"Not a network: {error}", written=repr(one), instead="'10.0.0.0/8'"
                ) from error

    @property
    def hold_all(self) -> bool:
        """Whether one of the networks has every address of its kind."""
        return any(network.prefixlen == 0 for network in self._networks)

    def __bool__(self) -> bool:
        return bool(self._networks) or self._trusts_files

    def __contains__(self, address: str | None) -> bool:
        if address is None:
            return self._trusts_files
        known = self._known.get(address)
        if known is None:
            known = self._holds(address)
            if len(self._known) < _MOST_KNOWN:
                self._known[address] = known
        return known

    def _holds(self, address: str) -> bool:
        found = address_of(address)
        return found is not None and any(found in network for network in self._networks)


def address_of(written: str) -> IPv4Address | IPv6Address | None:
    """The address, or None for what is none. An IPv4 address written as IPv6 is the IPv4 one."""
    try:
        address = ip_address(written)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
