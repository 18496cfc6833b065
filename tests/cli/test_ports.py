"""The installation's ports: remembered, and drawn anew where the memory was cut short."""

import json
import socket
from pathlib import Path

import pytest

from ovh_spawner.cli.ports import NAMES, remembered_ports
from ovh_spawner.loopback import PORTS, free_port, is_free


def test_free_ports_are_the_same_next_time(tmp_path):
    path = tmp_path / "ports.json"

    first = remembered_ports(path)

    assert set(first) == set(NAMES)
    assert remembered_ports(path) == first


def test_no_port_is_one_that_linux_draws_for_connections(tmp_path):
    """Somebody's connection would take it between the choice and the listening, or while a hub is restarted."""
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])

    assert max(remembered_ports(tmp_path / "ports.json").values()) < first
    assert PORTS.stop <= first


def test_a_port_that_is_listened_on_is_not_free():
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        assert not is_free(taken.getsockname()[1])


@pytest.mark.parametrize("half", ["", '{"hub_api": 40', "[1, 2]", '{"hub_api": "x"}'])
def test_a_file_that_a_power_loss_cut_short_is_written_anew(tmp_path, half):
    path = tmp_path / "ports.json"
    path.write_text(half)

    ports = remembered_ports(path)

    assert json.loads(path.read_text()) == ports
    assert set(ports) == set(NAMES)
