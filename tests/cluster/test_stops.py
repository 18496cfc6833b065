"""Ends of notebooks that JupyterHub alone gets wrong: slow, by themselves, while starting, without the API server."""

import time
from contextlib import suppress

import pytest

from tests.cluster.notebooks import SECONDS, notebook
from tests.support.kills import report
from tests.support.requirements import long_only
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.journey, pytest.mark.timeout(900)]

API_AWAY_SECONDS = 75
"""Longer than the hub's watches try before they give up."""


def test_a_start_during_a_slow_end_is_refused(installed):
    with notebook(installed, "slow-end", bucket="slow-end") as made:
        made.work()
        made.hang()
        made.stop()
        wait_for(made.is_ending, what="the pod to be told", seconds=SECONDS)
        refused = made.owner.api("PUT", f"notebook/{made.id}/start")

        assert refused.status_code == 400
        made.check("a start is ordered while the editor hangs", "pod ending")


def test_an_editor_that_ends_by_itself_is_followed_by_a_push(installed):
    with notebook(installed, "by-itself", bucket="by-itself") as made:
        made.work()
        made.breaks()
        # The container may go before the command has answered.
        with suppress(AssertionError):
            made.run("sh", "-c", "kill 1")

        made.check("the editor ends by itself", "running")


def test_a_hub_that_is_told_to_end_in_the_middle_of_a_stop_loses_nothing(installed):
    with notebook(installed, "told", bucket="told") as made:
        made.work()
        made.hang()
        made.stop()
        wait_for(made.is_ending, what="the pod to be told", seconds=SECONDS)
        installed.hub.stop()
        installed.start_hub()

        made.check("hub, SIGTERM", "pod ending")


def test_a_stop_while_starting_leaves_no_pod_behind(installed):
    with notebook(installed, "changed-mind", bucket="changed-mind") as made:
        wait_for(made.pod, what="the pod", seconds=SECONDS)
        made.stop()
        ended = made.wait("STOPPED", "FAILED")["state"]
        made.wait_clean()

        assert made.pod() is None
        held = ["no hold left", "one end", "no stray object"]
        report("nothing; a stop was ordered", "pod made", ended, held=held)


@long_only
def test_a_notebook_outlives_an_api_server_that_is_away_for_long_and_a_hub_that_starts_meanwhile(
    installed, machine
):
    with notebook(installed, "long-away", bucket="long-away") as made:
        made.work()
        before = made.pod()
        machine.control_plane.apiserver.kill()
        try:
            installed.hub.kill()
            installed.start_hub(is_waited_for=False)
            back_at = time.monotonic() + API_AWAY_SECONDS
            wait_for(lambda: time.monotonic() > back_at, what="the time", seconds=2 * API_AWAY_SECONDS)
            assert made.status["state"] == "RUNNING"
        finally:
            machine.control_plane.apiserver.start()
            machine.control_plane.wait_until_ready()
        installed.wait_for_hub()
        url = made.wait("RUNNING")["url"]

        assert made.pod()["metadata"]["uid"] == before["metadata"]["uid"]
        wait_for(lambda: made.owner.get(url).status_code == 200, what="the way to the notebook")
        made.stop()
        made.check(f"API server away for {API_AWAY_SECONDS} seconds, hub killed meanwhile", "running")
