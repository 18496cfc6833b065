"""Whom a notebook reaches, by the policy's own words: a small reading of the standard's rules."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovh_spawner.domain.addresses import is_private
from ovh_spawner.pod.network import plan_run_policy, plan_sync_policy
from ovh_spawner.settings_kubernetes import NetworkSettings
from tests.pod.building import NOTEBOOK, RUN, SUBJECT, SYNC
from tests.pod.test_golden_objects import OF_SYNC

PLAIN = NetworkSettings()
STORE = ("10.1.2.3", 9000)


def reaches(policy, address, port, protocol="TCP"):
    """Tell whether a policy lets its pods connect to an address that belongs to no pod."""
    return any(
        _port_fits(rule, port, protocol) and any(_holds(peer, address) for peer in rule["to"])
        for rule in policy["spec"]["egress"]
    )


def _port_fits(rule, port, protocol):
    return "ports" not in rule or {"port": port, "protocol": protocol} in rule["ports"]


def _holds(peer, address):
    block = peer.get("ipBlock")
    if block is None:
        return False
    inside = ip_address(address) in ip_network(block["cidr"])
    return inside and not any(ip_address(address) in ip_network(hole) for hole in block.get("except", []))


def of_run(network=PLAIN, stores=()):
    return plan_run_policy(SUBJECT, network, service_port=8002, stores=stores)


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "169.254.169.254",
        "127.0.0.1", "fd00:ec2::254", "fe80::1", "::1", "::ffff:10.0.0.1", "64:ff9b::10.0.0.1",
        "64:ff9b::169.254.169.254", "2002:a00:1::1", "240.0.0.1", "224.0.0.1",
    ],
)  # fmt: skip
def test_a_notebook_reaches_nothing_private(address):
    assert not any(reaches(of_run(), address, port) for port in (22, 80, 443, 6443))


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "64:ff9b::1.1.1.1"]
)
def test_a_notebook_reaches_the_public_internet(address):
    assert reaches(of_run(), address, 443)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_no_private_address_is_ever_reached(address):
    if reaches(of_run(), address, 443):
        assert not is_private(str(address))


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_translated_address_is_reached_when_the_address_itself_is(number):
    translated = IPv6Address(int(IPv6Address("64:ff9b::")) | number)

    assert reaches(of_run(), str(translated), 443) is reaches(of_run(), str(IPv4Address(number)), 443)


def test_a_private_data_store_is_reached_on_its_port_only():
    policy = of_run(stores=[STORE])

    assert reaches(policy, "10.1.2.3", 9000)
    assert not reaches(policy, "10.1.2.3", 22)
    assert not reaches(policy, "10.1.2.4", 9000)


def test_what_the_operator_allows_is_reached_and_what_is_denied_is_not():
    network = NetworkSettings.model_validate(
        {"allowed": ["10.20.0.0/16", "fd12::/32"], "denied": ["8.8.8.8", "2606:4700::/32"]}
    )

    assert reaches(of_run(network), "10.20.1.1", 443)
    assert reaches(of_run(network), "fd12::1", 443)
    assert not reaches(of_run(network), "8.8.8.8", 443)
    assert not reaches(of_run(network), "2606:4700::1111", 443)
    assert not reaches(of_run(network), "64:ff9b::8.8.8.8", 443)


@pytest.mark.parametrize("denied", [["0.0.0.0/0", "::/0"], ["0.0.0.0/0", "2000::/3"]])
def test_a_deployment_can_deny_the_whole_internet(denied):
    policy = of_run(NetworkSettings.model_validate({"denied": denied}))

    assert not reaches(policy, "1.1.1.1", 443)
    assert not reaches(policy, "2606:4700::1111", 443)
    assert not reaches(policy, "64:ff9b::1.1.1.1", 443)


def test_without_ipv6_nothing_is_reached_through_a_translator():
    policy = of_run(NetworkSettings.model_validate({"denied": ["::/0"]}))

    assert reaches(policy, "1.1.1.1", 443)
    assert not reaches(policy, "64:ff9b::1.1.1.1", 443)


def test_the_api_takes_every_block_because_its_holes_lie_inside():
    network = NetworkSettings.model_validate({"denied": ["8.8.8.8", "2001:db8::/32", "fd00::/8"]})
    for rule in of_run(network)["spec"]["egress"]:
        for block in (peer["ipBlock"] for peer in rule["to"] if "ipBlock" in peer):
            outer = ip_network(block["cidr"])
            for hole in map(ip_network, block.get("except", [])):
                assert hole.version == outer.version
                assert hole != outer
                assert hole.subnet_of(outer)


def test_names_are_asked_of_the_cluster_and_of_a_cache_on_the_node():
    first = of_run()["spec"]["egress"][0]

    assert reaches(of_run(), "169.254.20.10", 53, "UDP")
    assert not reaches(of_run(), "169.254.20.10", 80)
    assert {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}} in first[
        "to"
    ]


def test_only_proxy_hub_and_the_ssh_endpoint_reach_a_notebook_and_only_its_gateway():
    (rule,) = of_run()["spec"]["ingress"]

    assert rule["ports"] == [{"port": 8888, "protocol": "TCP"}]
    labels = [peer["podSelector"]["matchLabels"] for peer in rule["from"]]
    assert labels == [PLAIN.proxy_labels, PLAIN.hub_labels, dict(sorted(PLAIN.ssh_labels.items()))]


def test_the_proxys_own_api_is_out_of_a_notebooks_reach():
    ports = {
        port["port"]
        for rule in of_run()["spec"]["egress"]
        for peer in rule["to"]
        if peer.get("podSelector", {}).get("matchLabels") == PLAIN.proxy_labels
        for port in rule["ports"]
    }

    assert ports == {8000}


def test_a_platform_in_another_namespace_is_looked_for_there_and_nowhere_else():
    policy = of_run(NetworkSettings.model_validate({"platformNamespace": "hub"}))
    peers = [
        peer
        for rule in policy["spec"]["egress"] + policy["spec"]["ingress"]
        for peer in rule.get("to", rule.get("from"))
        if "podSelector" in peer
    ]

    assert len(peers) == 6
    assert all(
        peer["namespaceSelector"] == {"matchLabels": {"kubernetes.io/metadata.name": "hub"}} for peer in peers
    )


def test_nobody_reaches_a_data_sync_and_it_reaches_no_program_of_ours():
    policy = plan_sync_policy(OF_SYNC, PLAIN, stores=[STORE])

    assert policy["spec"]["ingress"] == []
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert reaches(policy, "10.1.2.3", 9000)
    assert not any("podSelector" in peer for rule in policy["spec"]["egress"] for peer in rule["to"])


def test_a_policy_chooses_the_pods_of_its_run_or_sync_only():
    assert of_run()["spec"]["podSelector"]["matchLabels"] == {
        "ovh-spawner/notebook": str(NOTEBOOK),
        "ovh-spawner/run": str(RUN),
    }
    assert plan_sync_policy(OF_SYNC, PLAIN)["spec"]["podSelector"]["matchLabels"] == {
        "ovh-spawner/notebook": str(NOTEBOOK),
        "ovh-spawner/sync": str(SYNC),
    }
