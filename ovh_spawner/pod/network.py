"""NetworkPolicies: the public internet, name service, hub and proxy, and nothing private.

One for each run, because its own data stores may be private addresses that others must not reach.
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from ovh_spawner.pod.containers import PORT
from ovh_spawner.pod.labels import NOTEBOOK, RUN, SYNC, Component, Subject
from ovh_spawner.pod.names import run_policy_name, sync_name
from ovh_spawner.pod.objects import Manifest, make_object
from ovh_spawner.settings_kubernetes import NetworkSettings

AddressAndPort = tuple[str, int]

PRIVATE = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # "this network"
        "10.0.0.0/8",  # RFC 1918
        "100.64.0.0/10",  # carriers' own, many clusters' pods
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local: the cloud's metadata
        "172.16.0.0/12",  # RFC 1918
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # examples
        "192.168.0.0/16",  # RFC 1918
        "198.18.0.0/15",  # tests of network devices, some clusters' Services
        "198.51.100.0/24",  # examples
        "203.0.113.0/24",  # examples
        "224.0.0.0/3",  # multicast, and reserved ones that some clusters use for pods
    )
)
PUBLIC_IPV6 = IPv6Network("2000::/3")
"""All that is public today; unique local, link-local and mapped addresses lie outside."""
PRIVATE_IPV6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments; Teredo, which carries IPv4 addresses
        "2001:db8::/32",  # examples
        "2002::/16",  # 6to4, which carries IPv4 addresses
        "3fff::/20",  # examples
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")
"""What a translator turns into the IPv4 address in the last four bytes."""
_DNS_PORTS = (53, 5353)
"""5353 is where some clusters' name servers listen behind their Service."""

Network = IPv4Network | IPv6Network


def plan_run_policy(
    subject: Subject, settings: NetworkSettings, *, service_port: int, stores: Sequence[AddressAndPort] = ()
) -> Manifest:
    """Return the policy of a run's pod. ``stores``: addresses and ports of its own data stores."""
    if subject.run is None:
        raise ValueError("The policy of a run needs to know the run.")
    home = settings.platform_namespace
    friends = (
        (settings.hub_labels, settings.hub_port),
        (settings.proxy_labels, settings.proxy_port),
        (settings.service_labels, service_port),
    )
    egress = [
        *_outside(settings, stores),
        *({"to": [_pods(labels, home)], "ports": [_tcp(port)]} for labels, port in friends),
    ]
    callers = (settings.proxy_labels, settings.hub_labels, settings.ssh_labels)
    ingress = [{"from": [_pods(labels, home) for labels in callers], "ports": [_tcp(PORT)]}]
    chosen = {NOTEBOOK: str(subject.notebook), RUN: str(subject.run)}
    return _policy(
        run_policy_name(subject.run), subject, Component.NOTEBOOK, chosen=chosen, rules=(ingress, egress)
    )


def plan_sync_policy(
    subject: Subject, settings: NetworkSettings, *, stores: Sequence[AddressAndPort] = ()
) -> Manifest:
    """Return the policy of a data sync's pods: nobody reaches them."""
    if subject.sync is None:
        raise ValueError("The policy of a data sync needs to know the sync.")
    chosen = {NOTEBOOK: str(subject.notebook), SYNC: str(subject.sync)}
    rules: tuple[list[Any], list[Any]] = ([], _outside(settings, stores))
    return _policy(sync_name(subject.sync), subject, Component.SYNC, chosen=chosen, rules=rules)


def _policy(
    name: str,
    subject: Subject,
    component: Component,
    *,
    chosen: dict[str, str],
    rules: tuple[list[Any], list[Any]],
) -> Manifest:
    return make_object(
        "NetworkPolicy",
        name,
        subject,
        api_version="networking.k8s.io/v1",
        component=component,
        spec={
            "podSelector": {"matchLabels": chosen},
            # Both named, so that what no rule allows is denied.
            "policyTypes": ["Ingress", "Egress"],
            "ingress": rules[0],
            "egress": rules[1],
        },
    )


def _outside(settings: NetworkSettings, stores: Sequence[AddressAndPort]) -> list[dict[str, Any]]:
    names = [{"port": port, "protocol": protocol} for port in _DNS_PORTS for protocol in ("UDP", "TCP")]
    servers = _namespace(settings.dns_namespace)
    rules: list[dict[str, Any]] = [
        {"to": [servers, *(_block(network) for network in settings.dns_servers)], "ports": names},
        {"to": _public(settings.denied)},
    ]
    if settings.allowed:
        rules.append({"to": [_block(network) for network in settings.allowed]})
    return [*rules, *({"to": [_address(host)], "ports": [_tcp(port)]} for host, port in _sorted(stores))]


def _public(denied: Iterable[str]) -> list[dict[str, Any]]:
    """Return the public internet, each family as a block with holes; without those that are denied whole."""
    also = [ip_network(text) for text in denied]
    ipv4 = [*PRIVATE, *(each for each in also if isinstance(each, IPv4Network))]
    ipv6 = [*PRIVATE_IPV6, *(each for each in also if isinstance(each, IPv6Network))]
    blocks = [
        _with_holes(IPv4Network("0.0.0.0/0"), ipv4),
        _with_holes(PUBLIC_IPV6, ipv6),
        _with_holes(_NAT64, [*map(_translated, ipv4), *ipv6]),
    ]
    return [block for block in blocks if block]


def _with_holes(network: Network, holes: Sequence[Network]) -> dict[str, Any] | None:
    if any(_contains(hole, network) for hole in holes):
        return None
    # The API refuses a hole that lies outside of its block.
    inside = sorted({each for each in holes if _contains(network, each)}, key=_order)
    return {"ipBlock": {"cidr": str(network), "except": [str(each) for each in inside]}}


def _contains(outer: Network, inner: Network) -> bool:
    if isinstance(outer, IPv4Network):
        return isinstance(inner, IPv4Network) and inner.subnet_of(outer)
    return isinstance(inner, IPv6Network) and inner.subnet_of(outer)


def _order(network: Network) -> tuple[int, int]:
    return int(network.network_address), network.prefixlen


def _translated(network: IPv4Network) -> IPv6Network:
    return IPv6Network((int(_NAT64.network_address) | int(network.network_address), 96 + network.prefixlen))


def _sorted(stores: Sequence[AddressAndPort]) -> list[AddressAndPort]:
    return sorted(set(stores), key=lambda store: (ip_address(store[0]).version, store))


def _address(host: str) -> dict[str, Any]:
    return _block(str(ip_network(host)))


def _block(network: str) -> dict[str, Any]:
    return {"ipBlock": {"cidr": network}}


def _pods(labels: dict[str, str], namespace: str) -> dict[str, Any]:
    peer: dict[str, Any] = {"podSelector": {"matchLabels": dict(sorted(labels.items()))}}
    return {**_namespace(namespace), **peer} if namespace else peer


def _namespace(name: str) -> dict[str, Any]:
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}


def _tcp(port: int) -> dict[str, Any]:
    return {"port": port, "protocol": "TCP"}
