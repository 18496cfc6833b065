"""The installation's ports: remembered, and drawn anew where the memory was cut short."""

import json

import pytest

from ovh_spawner.cli.ports import NAMES, remembered_ports


def test_free_ports_are_the_same_next_time(tmp_path):
    path = tmp_path / "ports.json"

    first = remembered_ports(path)

    assert set(first) == set(NAMES)
    assert remembered_ports(path) == first


@pytest.mark.parametrize("half", ["", '{"hub_api": 40', "[1, 2]", '{"hub_api": "x"}'])
def test_a_file_that_a_power_loss_cut_short_is_written_anew(tmp_path, half):
    path = tmp_path / "ports.json"
    path.write_text(half)

    ports = remembered_ports(path)

    assert json.loads(path.read_text()) == ports
    assert set(ports) == set(NAMES)
