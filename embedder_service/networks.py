"""Which hosts an address may lead to: public ones, and those in networks that the operator has named."""

import ipaddress
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Network = IPv4Network | IPv6Network

# It leads to the IPv4 address in its last 32 bits (RFC 6052). Where 64:ff9b:1::/48 leads is up to those who run it (RFC
# 8215), so it is not public.
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
# All that is given out for hosts is in here (RFC 4291 and IANA's registry).
_UNICAST = ipaddress.IPv6Network("2000::/3")
# Not global, whatever Python's tables of the day say: IETF protocols, 6to4 relays, documentation and benchmarks.
_SPECIAL = [
    ipaddress.ip_network(text)
    for text in (
        "192.0.0.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "2001::/23",
        "2001:db8::/32",
        "3fff::/20",
        # By its number public, and the host of every machine in Azure.
        "168.63.129.16/32",
    )
]


class ReachableNetworks:
    """Says of an address, as a connection is about to use it, whether it may."""

    def __init__(self, named: Sequence[Network] = ()) -> None:
        self._named = named

    def allow(self, address: str) -> bool:
        """Say whether a connection to this address, in text, may be made."""
        try:
            found = _meant(ipaddress.ip_address(address.partition("%")[0]))
        except ValueError:
            return False
        return any(found in network for network in self._named) or _is_public(found)


def _meant(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 address stands for, if it does."""
    if isinstance(address, IPv4Address):
        return address
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    special = any(address in network for network in _SPECIAL)
    unicast = isinstance(address, IPv4Address) or address in _UNICAST
    return unicast and not special and address.is_global and not address.is_multicast
