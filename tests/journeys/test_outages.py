"""What is away for longer than a moment: the whole machine after a loss of power, the service for minutes.

After a loss of power ``ovh-spawner local`` is started again by hand, as its operator would. While the service is
away, what runs goes on, what is to stop stops, nothing starts, and the books are right when it is back.
"""

import time

import pytest

from tests.support.jupyter import LabSession
from tests.support.kills import broken_stack, report, spec
from tests.support.lives import Life
from tests.support.moments import MOMENTS, running
from tests.support.requirements import LONG, long_only
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.journey, pytest.mark.long, pytest.mark.timeout(1800)]

AWAY_SECONDS = 600 if LONG else 20
CELL = f"import time; time.sleep({AWAY_SECONDS / 20}); print(6 * 7)"
"""Works for a while: a cell that is always running keeps no processor busy."""
POWER_LOSSES = [moment for moment in MOMENTS if moment != "run taken over by the spawner"]
EVERY_DAY = ["push after the stop"]


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    with broken_stack(tmp_path_factory.mktemp("local")) as made:
        yield made


@pytest.fixture(autouse=True)
def whole(broken):
    broken.release()
    broken.wait_until_whole()
    yield
    broken.clear_up()


@pytest.mark.parametrize("moment", POWER_LOSSES if LONG else EVERY_DAY)
def test_the_power_is_lost(broken, moment):
    text = MOMENTS[moment](broken)

    broken.lose_power()
    broken.come_back()

    ended = broken.life.wait("STOPPED", "FAILED", "ERROR", "RUNNING")
    if ended == "RUNNING":
        # It was asked for before, and starts now: the order was kept.
        broken.life.stop()
    broken.check(what="every program at once, kill -9", when=moment, file=text)


@long_only
def test_the_power_is_lost_during_a_deletion(broken):
    running(broken)
    runs = {run["id"]: run for run in broken.life.runs()}

    broken.life.order_deletion()
    broken.lose_power()
    broken.come_back()

    wait_for(lambda: broken.life.state() == "HTTP 404", what="the deletion to be finished", seconds=180)
    wait_for(lambda: not broken.life.files.exists(), what="the files to be gone")
    (run,) = broken.life.runs()
    assert run["id"] in runs
    assert run["ended_at"]
    bill = broken.life.check_the_bill()
    held = ["no hold left", "one end", "the deletion finished", bill]
    report("every program at once, kill -9", "deletion ordered", "deleted", held=held)


@long_only
def test_the_power_is_lost_twice_while_it_is_saved(broken):
    text = MOMENTS["push after the stop"](broken)

    broken.lose_power()
    broken.store.hold_puts.clear()
    broken.come_back()
    broken.await_program("data sync")
    broken.lose_power()
    broken.come_back()

    broken.check(what="every program at once, kill -9, twice", when="push after the stop", file=text)


def test_the_service_is_away_for_a_while(broken):
    """One notebook goes on, one is stopped at the hub, one cannot start; afterwards the books are right."""
    alice = broken.alice
    goes_on, stops, waits = (
        broken.take_over(Life.begin(alice, spec(gpus, name=name)))
        for name, gpus in (("goes-on", 1), ("stops", 1), ("waits", 2))
    )
    for life in (goes_on, stops, waits):
        life.wait("RUNNING")
    waits.stop()
    waits.wait("STOPPED")
    stops.write("saved in spite of all")
    lab = LabSession(alice, goes_on.url)

    with broken.service_away():
        back_at = time.monotonic() + AWAY_SECONDS
        refused = alice.hub_api("POST", waits.server)
        _stop_at_the_hub(broken, stops)
        wait_for(
            lambda: lab.run(CELL) == "42\n" and time.monotonic() >= back_at,
            what="the outage's end",
            seconds=AWAY_SECONDS + 120,
        )

    assert refused.status_code == 503
    assert "The notebook service does not answer. Try again in a minute" in refused.json()["message"]
    stops.wait("STOPPED", seconds=240)
    assert goes_on.state() == "RUNNING"
    assert lab.run("print(6 * 7)") == "42\n"
    assert broken.store.objects["work"]["result.txt"] == b"saved in spite of all"
    _the_refused_one_starts_now(waits)
    for life in (goes_on, waits):
        life.stop()
    bills = {life.check_the_end(): life.check_the_bill() for life in (goes_on, stops)}
    assert bills == {"STOPPED": "billed to the minute"}
    assert [bool(run["running_at"]) for run in waits.runs()] == [True, True], "no run of the refused start"
    held = [
        "the running notebook went on and its kernel executed",
        "a stop went through at once and was booked at its true time",
        "a start was refused with a sentence",
        *("no hold left", "one end", "no stray process", "billed to the minute"),
        "the changed file is in the bucket",
    ]
    minutes = "ten minutes" if LONG else f"{AWAY_SECONDS} seconds"
    report(f"service, away for {minutes}", "running", "STOPPED", held=held)


def _stop_at_the_hub(broken, life) -> None:
    """Stop it where the service is not needed: the hardware must be free again."""
    life.times.ordering()
    answer = broken.alice.hub_api("DELETE", life.server)
    assert answer.status_code in {202, 204}, answer.text
    wait_for(lambda: not life.processes(), what="the notebook's processes to be gone", seconds=120)
    life.times.ended()


def _the_refused_one_starts_now(life) -> None:
    life.start()
    life.wait("RUNNING")
