"""Which network addresses a person may make the platform connect to.

People name data stores and repositories. What they name is asked from inside the platform's network, where an
address can mean a database, a cloud's metadata or the cluster itself.
"""

from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address

_UNICAST = IPv6Network("2000::/3")
"""All that the public internet uses of IPv6."""

_NAT64 = IPv6Network("64:ff9b::/96")
"""Addresses that a translator turns into the IPv4 address in their last four bytes."""


def is_private(text: str) -> bool:
    """Say whether an address is anything but one of the public internet; what is no address counts as private."""
    try:
        address = ip_address(text)
    except ValueError:
        return True
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    meant = [address, *_carried(address)]
    return any(not each.is_global or each.is_multicast or _is_unassigned(each) for each in meant)


def _is_unassigned(address: Address) -> bool:
    return isinstance(address, IPv6Address) and address not in _UNICAST and address not in _NAT64


def is_allowed(host: str, address: str, allowed: Iterable[str]) -> bool:
    """Say whether a list of hosts, ``*.domains`` and networks names this one."""
    name = host.rstrip(".").lower()
    return any(_names(entry.lower(), name, address) for entry in allowed)


def place_problem(entry: str) -> str:
    """Return why an entry of such a list means nothing; empty when it does."""
    if _network(entry) is not None:
        return ""
    labels = entry.removeprefix("*.").split(".")
    # Digits alone are an address that is mistyped, not a name.
    looks_like_a_name = all(_is_label(label) for label in labels) and not labels[-1].isdigit()
    if looks_like_a_name:
        return ""
    return f"{entry!r} is no host name, no *.domain and no network such as 10.1.0.0/16"


def _is_label(label: str) -> bool:
    return label.isascii() and label.replace("-", "").replace("_", "").isalnum()


def _names(entry: str, name: str, address: str) -> bool:
    network = _network(entry)
    if network is None:
        return name == entry or (entry.startswith("*.") and name.endswith(entry[1:]))
    try:
        found = ip_address(address)
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return (mapped or found) in network


def _network(entry: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(entry)
    except ValueError:
        return None


def _carried(address: Address) -> list[IPv4Address]:
    """Return the IPv4 addresses that an IPv6 one of a translator leads to."""
    if isinstance(address, IPv4Address):
        return []
    translated = IPv4Address(int(address) & 0xFFFF_FFFF) if address in _NAT64 else None
    return [found for found in (address.sixtofour, translated) if found is not None]
