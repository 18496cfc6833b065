"""How often a hub looks after its starts: soon for one, within bounds for a whole class at once."""

import pytest

from ovh_spawner.hub.reports import LONGEST_LOOK_SECONDS, LOOK_SECONDS, LOOKS_PER_SECOND, look_seconds


@pytest.mark.parametrize("starts", [1, 2, 10])
def test_a_few_starts_are_looked_after_every_two_seconds(starts):
    assert look_seconds(starts) == LOOK_SECONDS


@pytest.mark.parametrize("starts", [50, 100, 150])
def test_many_starts_share_five_looks_a_second(starts):
    assert starts / look_seconds(starts) == LOOKS_PER_SECOND


def test_no_start_waits_longer_than_half_a_minute():
    assert look_seconds(10_000) == LONGEST_LOOK_SECONDS
