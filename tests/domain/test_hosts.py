"""Each person's host: valid in DNS, and nobody else's."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovh_spawner.domain.hosts import host_of_user, origin_of_user, subdomain_of
from ovh_spawner.settings import Settings

LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)\Z")
NAMES = st.one_of(
    st.text(min_size=1, max_size=80), st.from_regex(r"(u-)?[a-z0-9-]{1,70}(--[0-9a-f]{16})?", fullmatch=True)
)


@pytest.mark.parametrize("name", ["ann", "u-k3v7wq2mzx4aypdn", "a1", "7up"])
def test_a_plain_name_is_its_host(name):
    assert host_of_user(name, "hub.example") == f"{name}.hub.example"


@given(NAMES)
def test_every_name_makes_a_host(name):
    label, _, domain = host_of_user(name, "hub.example").partition(".")

    assert domain == "hub.example"
    assert LABEL.match(label)
    assert not label.isdigit()


@given(NAMES, NAMES)
def test_different_names_have_different_hosts(one, other):
    hosts = {host_of_user(name, "hub.example") for name in (one, other)}

    assert len(hosts) == len({one, other})


@pytest.mark.parametrize(
    ("one", "other"),
    [("ann", "Ann"), ("a.b", "a-b"), ("a_b", "a-b"), ("é", "xn--9ca"), ("ann@uni", "annuni")],
)
def test_names_that_look_alike_do_not_share_a_host(one, other):
    assert host_of_user(one, "d") != host_of_user(other, "d")


def test_nobody_can_be_named_like_a_made_up_host():
    made = host_of_user("ann@uni", "d").partition(".")[0]

    assert host_of_user(made, "d") != host_of_user("ann@uni", "d")


def test_services_stay_on_the_hubs_host_and_ports_are_kept():
    assert subdomain_of("ai", "hub.example", "service") == "hub.example"
    assert origin_of_user("http://hub.example:8000", "ann") == "http://ann.hub.example:8000"
    assert origin_of_user("https://hub.example", "ann") == "https://ann.hub.example"


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://[::1]:8000"])
def test_addresses_of_numbers_have_no_hosts_below_them(url):
    with pytest.raises(ValueError, match="needs a name"):
        Settings.model_validate({"deployment": {"subdomains": True, "publicUrl": url}})


@pytest.mark.parametrize(
    ("chosen", "subdomains", "allowed"),
    [
        ("by-origin", False, False),
        ("by-origin", True, True),
        ("allowed", False, True),
        ("refused", True, False),
    ],
)
def test_open_notebooks_are_off_where_all_share_a_host(chosen, subdomains, allowed):
    settings = Settings.model_validate(
        {
            "deployment": {"publicUrl": "https://hub.example", "subdomains": subdomains},
            "access": {"openNotebooks": chosen},
        }
    )

    assert settings.allows_open_notebooks is allowed
