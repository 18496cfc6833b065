"""``kill -9`` of each program at each step of a start and of a stop, on the real installation.

After everything is back: no lost file, one end per run, no hold left on the quota, no stray process, the
interrupted push finished. The supervisor brings hub and service back, the hub its proxy.
"""

import itertools
import os
import signal

import pytest

from tests.support.kills import BUCKET, broken_stack
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.journey, pytest.mark.timeout(600)]

texts = (f"result {number}" for number in itertools.count())

LONG = os.environ.get("OVH_SPAWNER_LONG", "")
"""Set: every program at every step; otherwise those that broke something once."""

EVERY = ("hub", "service", "proxy", "gateway", "editor")
AT_PULL = (*EVERY[:3], "data sync") if LONG else ("hub", "data sync")
WHILE_RUNNING = EVERY if LONG else ("hub", "service", "gateway", "editor")
AT_STOP = EVERY[:3] if LONG else ("hub", "service")
"""Those that are there whatever the stop has done; the gateway may be gone before we are."""
AT_PUSH = (*EVERY[:3], "data sync") if LONG else ("service", "data sync")


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    with broken_stack(tmp_path_factory.mktemp("local")) as made:
        yield made


@pytest.fixture(autouse=True)
def whole(broken):
    """Each case begins with a healthy installation and an empty quota."""
    broken.store.hold.set()
    broken.store.hold_puts.set()
    wait_for(broken.is_whole, what="the installation to be whole", seconds=90)
    yield
    broken.store.hold.set()
    broken.store.hold_puts.set()
    if broken.notebook:
        wait_for(broken.deleted, what="the deletion", seconds=120)


def _start_pulling(broken) -> None:
    broken.store.hold.clear()
    broken.store.objects[BUCKET] = {"old.txt": b"old" * 1000}
    broken.create()
    wait_for(lambda: broken.find("data sync"), what="the pull", seconds=60)
    seen = len(broken.store.requests)
    wait_for(
        lambda: any("GET" in r and "old.txt" in r for r in broken.store.requests[seen - 5 :]), what="GET"
    )


def _start_running(broken) -> str:
    broken.store.objects[BUCKET] = {"old.txt": b"old"}
    broken.create()
    broken.wait("RUNNING")
    text = next(texts)
    broken.write(text)
    return text


def test_a_stop_during_the_pull_is_obeyed_soon(broken):
    _start_pulling(broken)

    broken.stop()

    assert broken.wait("STOPPED", seconds=60) == "STOPPED"
    assert not broken.find("data sync")
    broken.check(what="nothing; a stop was ordered", when="pull", file=None)


@pytest.mark.parametrize("program", AT_PULL)
def test_killed_during_the_pull(broken, program):
    _start_pulling(broken)

    broken.break_(program)

    broken.store.hold.set()
    if program in {"service", "proxy"}:
        broken.wait("RUNNING", "FAILED", "ERROR")
        broken.stop()
    broken.check(what=f"{program}, kill -9", when="pull before the start", file=None)


@pytest.mark.parametrize("program", WHILE_RUNNING)
def test_killed_while_running(broken, program):
    text = _start_running(broken)

    broken.break_(program)

    if program in {"hub", "service", "proxy"}:
        wait_for(lambda: broken.state() == "RUNNING", what="the installation to be back", seconds=90)
        assert broken.find("gateway"), "the notebook goes on"
        broken.stop()
    broken.check(what=f"{program}, kill -9", when="running", file=text)


def test_the_hub_is_told_to_end_while_a_notebook_runs(broken):
    text = _start_running(broken)

    broken.break_("hub", signal.SIGTERM)

    broken.check(what="hub, SIGTERM", when="running", file=text)


@pytest.mark.parametrize("program", AT_PUSH)
def test_killed_during_the_push(broken, program):
    text = _start_running(broken)
    broken.store.hold_puts.clear()
    broken.stop()
    wait_for(lambda: any("PUT" in r and "result.txt" in r for r in broken.store.requests), what="the push")
    wait_for(lambda: broken.find("data sync"), what="the data sync")
    assert broken.store.objects[BUCKET].get("result.txt") is None

    broken.break_(program)
    broken.store.hold_puts.set()

    assert broken.check(what=f"{program}, kill -9", when="push after the stop", file=text) == "STOPPED"


@pytest.mark.parametrize("program", AT_STOP)
def test_killed_in_the_moment_of_the_stop(broken, program):
    text = _start_running(broken)

    broken.stop()
    broken.break_(program)

    broken.check(what=f"{program}, kill -9", when="stop ordered", file=text)


def test_all_but_the_supervisor_and_the_store_one_after_another(broken):
    text = _start_running(broken)

    for program in ("proxy", "hub", "service", "editor", "gateway"):
        broken.break_(program)

    broken.check(
        what="gateway, editor, service, hub and proxy one after another, kill -9", when="running", file=text
    )
