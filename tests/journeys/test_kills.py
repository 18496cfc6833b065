"""``kill -9`` of each program at each moment of a start and of a stop, on the real installation.

After everything is back: no lost file, one end per run, no hold left on the quota, no stray process, the
interrupted push finished, the bill that of the true times. The supervisor brings hub and service back, the hub
its proxy.
"""

import signal

import pytest

from tests.support.kills import ENDING, broken_stack
from tests.support.moments import MOMENTS, pulling, running
from tests.support.requirements import LONG, long_only
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.journey, pytest.mark.long, pytest.mark.timeout(900)]

OURS = ("hub", "service", "proxy")
NOTEBOOK = ("gateway", "editor")
KILLS = {
    "run opened, the hub not told": OURS,
    "run taken over by the spawner": OURS,
    "pull before the start": (*OURS, "data sync"),
    "editor starting": (*OURS, *NOTEBOOK),
    "running": (*OURS, *NOTEBOOK),
    # Those that are there whatever the stop has done.
    "stop ordered": OURS,
    "editor ending": (*OURS, *NOTEBOOK),
    "push after the stop": (*OURS, "data sync"),
}
EVERY_DAY = {
    "pull before the start": ("hub", "data sync"),
    "editor starting": ("hub",),
    "running": ("hub", "service", "gateway", "editor"),
    "stop ordered": ("hub", "service"),
    "editor ending": ("gateway",),
    "push after the stop": ("service", "data sync"),
}
"""What broke something once, or is the first to break."""

CASES = [(moment, program) for moment, names in (KILLS if LONG else EVERY_DAY).items() for program in names]
TERM_CASES = list(MOMENTS) if LONG else ["running"]


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    with broken_stack(tmp_path_factory.mktemp("local")) as made:
        yield made


@pytest.fixture(autouse=True)
def whole(broken):
    """Each case begins with a healthy installation and an empty quota."""
    broken.release()
    broken.wait_until_whole()
    yield
    broken.clear_up()


def _come_to_an_end(broken) -> None:
    """Stop the notebook if it runs; what happened may have ended it already."""
    if broken.life.wait("RUNNING", "STOPPED", "FAILED", "ERROR", "SYNC_FAILED") == "RUNNING":
        broken.life.stop()


def test_a_stop_during_the_pull_is_obeyed_soon(broken):
    pulling(broken)

    broken.life.order_stop()

    assert broken.life.wait("STOPPED") == "STOPPED"
    assert not broken.find("data sync")
    broken.check(what="nothing; a stop was ordered", when="pull before the start", file=None)


@pytest.mark.parametrize(("moment", "program"), CASES)
def test_killed(broken, moment, program):
    text = MOMENTS[moment](broken)

    broken.break_(program)

    broken.release()
    if program in ENDING:
        assert broken.life.wait("STOPPED", "FAILED", "ERROR")
    else:
        _come_to_an_end(broken)
    ended = broken.check(what=f"{program}, kill -9", when=moment, file=text)
    if moment == "running" and program not in ENDING:
        assert ended == "STOPPED", "the notebook went on until it was stopped"


@pytest.mark.parametrize("moment", TERM_CASES)
def test_the_hub_is_told_to_end(broken, moment):
    text = MOMENTS[moment](broken)
    hub = broken.find("hub")

    broken.break_("hub", signal.SIGTERM)

    broken.release()
    wait_for(lambda: not any(process.is_running() for process in hub), what="the hub's end", seconds=240)
    broken.wait_until_whole()
    _come_to_an_end(broken)
    broken.check(what="hub, SIGTERM", when=moment, file=text)


@long_only
def test_all_but_the_supervisor_and_the_store_one_after_another(broken):
    text = running(broken)

    for program in ("proxy", "hub", "service", "editor", "gateway"):
        broken.break_(program)

    broken.check(
        what="gateway, editor, service, hub and proxy one after another, kill -9", when="running", file=text
    )
