import random
import re
import secrets
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovh_spawner.domain.names import ADJECTIVES, generate_name, is_server_name, new_server_name
from ovh_spawner.domain.quota import check_quota
from ovh_spawner.errors import QuotaExceededError


def test_a_generated_name_is_the_editor_and_an_adjective():
    name = generate_name("jupyterlab", random.Random(1))

    assert re.fullmatch(r"jupyterlab-[a-z]+", name)
    assert generate_name("vscode", secrets).startswith("vscode-")


def test_no_adjective_comes_twice():
    assert max(Counter(ADJECTIVES).values()) == 1


@given(st.binary(min_size=8, max_size=32))
def test_every_new_server_name_is_one_that_the_hub_accepts(random_bytes):
    name = new_server_name(random_bytes)

    assert re.fullmatch(r"nb-[a-z2-7]{12}", name)
    assert is_server_name(name)


def test_too_little_chance_makes_no_server_name():
    with pytest.raises(ValueError, match="8 random bytes"):
        new_server_name(b"1234567")


@pytest.mark.parametrize("name", ["a", "nb-abc", "a-b-c", "a1", "a" * 30])
def test_the_hub_accepts(name):
    assert is_server_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-a",
        "a-",
        "a--b",
        "1a",
        "A",
        "a_b",
        "a" * 31,
        "a/b",
        "a\n",
        "é",
        "7600dda5-27f7-4937-9260-e24c987ae3c6",
    ],
)
def test_the_hub_refuses(name):
    assert not is_server_name(name)


@given(st.text(max_size=32))
def test_our_rule_for_server_names_is_the_hubs(name):
    slugs = pytest.importorskip("jupyterhub.slugs")
    if not hasattr(slugs, "is_valid_safe_slug"):
        pytest.skip("JupyterHub 5 has no rule")

    assert is_server_name(name) <= slugs.is_valid_safe_slug(name)


def test_a_run_within_the_quota_passes():
    check_quota("default", asked=2, used=2, limit=4)


def test_a_run_without_gpus_passes_even_when_the_quota_is_overdrawn():
    check_quota("default", asked=0, used=9, limit=4)


def test_a_run_over_the_quota_is_refused_and_told_who_holds_it():
    with pytest.raises(QuotaExceededError) as refused:
        check_quota("default", asked=3, used=2, limit=4, by=["jupyterlab-kind (2, ana)"])

    assert "needs 3 GPUs" in str(refused.value)
    assert "uses 2 of its 4" in str(refused.value)
    assert "jupyterlab-kind (2, ana)" in str(refused.value)


@given(st.lists(st.integers(0, 6)), st.integers(0, 12))
def test_holds_that_pass_one_after_another_never_exceed_the_limit(asks, limit):
    used = 0
    for asked in asks:
        try:
            check_quota("default", asked=asked, used=used, limit=limit)
        except QuotaExceededError:
            continue
        used += asked

    assert used <= limit
