"""Which addresses a person may make the platform connect to."""

import pytest

from ovh_spawner.domain.addresses import is_allowed, is_private, place_problem


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "224.0.0.1", "255.255.255.255", "192.0.2.1", "::", "::1", "fe80::1", "fe80::1%eth0", "fd00::1", "ff02::1",
        "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a00:1", "2002:a00:1::", "2001:db8::1",
        "::127.0.0.1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "not an address", "",
    ],
)  # fmt: skip
def test_what_is_not_of_the_public_internet_is_private(address):
    assert is_private(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:4700::6810:85e5", "::ffff:8.8.8.8"])
def test_public_addresses_are_not(address):
    assert not is_private(address)


@pytest.mark.parametrize(
    ("entry", "host", "address"),
    [
        ("minio.storage", "minio.storage", "10.0.0.1"),
        ("minio.storage", "MINIO.storage.", "10.0.0.1"),
        ("*.svc.cluster.local", "git.team.svc.cluster.local", "10.0.0.1"),
        ("10.1.0.0/16", "anything", "10.1.2.3"),
        ("10.1.2.3", "anything", "10.1.2.3"),
        ("10.1.0.0/16", "anything", "::ffff:10.1.2.3"),
        ("fd00::/8", "anything", "fd00::5"),
    ],
)
def test_a_list_names_hosts_domains_and_networks(entry, host, address):
    assert is_allowed(host, address, ["other", entry])


@pytest.mark.parametrize(
    ("entry", "host", "address"),
    [
        ("minio.storage", "evil-minio.storage", "10.0.0.1"),
        ("minio.storage", "minio.storage.evil.example", "10.0.0.1"),
        ("*.example.org", "example.org", "10.0.0.1"),
        ("*.example.org", "evilexample.org", "10.0.0.1"),
        ("10.1.0.0/16", "10.1.0.1.example", "10.2.0.1"),
        ("10.1.0.0/16", "x", "::1"),
        ("10.1.0.0/16", "x", "no address"),
    ],
)
def test_a_list_names_nothing_else(entry, host, address):
    assert not is_allowed(host, address, [entry])


@pytest.mark.parametrize(
    "entry", ["10.1.0.1/16", "10.1.0.0/33", "http://host", "a b", "", "*", "host:80", "1.2.3", "a..b"]
)
def test_an_entry_that_means_nothing_is_said(entry):
    assert repr(entry) in place_problem(entry)


@pytest.mark.parametrize(
    "entry", ["10.1.0.0/16", "::1", "minio", "*.svc.cluster.local", "my_host.example.org"]
)
def test_an_entry_that_means_something_is_taken(entry):
    assert place_problem(entry) == ""
