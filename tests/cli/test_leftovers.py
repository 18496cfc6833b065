import json
import subprocess
import sys

import pytest

from ovh_spawner.cli.leftovers import HUB, Register
from tests.support.waiting import wait_for

# Leaves a file when it is asked to end; a killed one cannot.
PROGRAM = """
import pathlib, signal, sys, time

def end(*_):
    pathlib.Path(sys.argv[1]).touch()
    sys.exit()

signal.signal(signal.SIGTERM, end)
print("up", flush=True)
time.sleep(60)
"""


@pytest.fixture
def start(tmp_path):
    running = []

    def started(*arguments, mark="asked"):
        command = [sys.executable, "-c", PROGRAM, str(tmp_path / mark), *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        process.stdout.readline()
        running.append(process)
        return process

    yield started
    for process in running:
        process.kill()
        process.wait()
        process.stdout.close()


def _end_leftovers(state):
    said = []
    Register(state).end_leftovers(said.append, end_seconds=10)
    return said


def test_what_a_killed_supervisor_left_is_ended_and_its_hub_without_stopping_notebooks(tmp_path, start):
    service, hub = start(mark="service asked"), start(mark="hub asked")
    register = Register(tmp_path)
    register.note("service", service.pid)
    register.note(HUB, hub.pid)

    said = _end_leftovers(tmp_path)

    assert None not in {service.poll(), hub.poll()}
    assert (tmp_path / "service asked").exists()
    assert not (tmp_path / "hub asked").exists()
    assert "did not end in order" in said[0]
    assert _end_leftovers(tmp_path) == []


def test_a_process_that_only_has_the_old_number_is_let_alone(tmp_path, start):
    stranger = start()
    Register(tmp_path).note("service", stranger.pid)
    file = tmp_path / "processes.json"
    (entry,) = json.loads(file.read_text())
    file.write_text(json.dumps([entry | {"created_at": entry["created_at"] - 100}]))

    assert _end_leftovers(tmp_path) == []
    assert stranger.poll() is None


def test_the_hubs_proxy_is_ended_and_nothing_else_with_its_number(tmp_path, start):
    proxy, stranger = start("configurable-http-proxy"), start()
    for process in (stranger, proxy):
        (tmp_path / "proxy.pid").write_text(str(process.pid))
        _end_leftovers(tmp_path)

    assert proxy.poll() is not None
    assert stranger.poll() is None


def test_a_file_that_was_cut_short_is_no_obstacle(tmp_path):
    (tmp_path / "processes.json").write_text('[{"name": "serv')

    assert _end_leftovers(tmp_path) == []


def test_a_restarted_child_takes_the_place_of_the_last_one(tmp_path, start):
    old, new = start(), start()
    register = Register(tmp_path)
    register.note("service", old.pid)
    register.note("service", new.pid)

    _end_leftovers(tmp_path)

    wait_for(lambda: new.poll() is not None, what="the new one to end", seconds=10)
    assert old.poll() is None
