"""Watches that break, lie or fall silent: what is true is read directly."""

import pytest

from tests.support.waiting import wait_for


def test_a_start_comes_through_a_watch_that_says_nothing_any_more(api, hub, notebook, another):
    another.start()
    hub.wait_for_ready(another.user)
    api.silence_watches()

    notebook.start()
    hub.wait_for_ready(notebook.user)

    assert notebook.states() == ["RUNNING"]
    api.let_watches_speak()
    api.drop_watches()


def test_a_stop_comes_through_a_watch_that_says_nothing_any_more(api, hub, notebook):
    notebook.start()
    hub.wait_for_ready(notebook.user)
    api.silence_watches()

    notebook.stop()
    hub.wait_for_stopped(notebook.user)

    assert notebook.states() == ["RUNNING", "STOPPING", "STOPPED"]
    api.let_watches_speak()
    api.drop_watches()


@pytest.mark.parametrize("break_them", ["drop_watches", "forget_history"])
def test_an_end_is_seen_after_the_watch_was_broken(api, hub, notebook, break_them):
    notebook.start()
    hub.wait_for_ready(notebook.user)
    getattr(api, break_them)()

    api.finish(notebook.pod, "editor", exit_code=3)
    hub.wait_for_stopped(notebook.user)

    assert [(e["state"], e["code"]) for e in notebook.ends()] == [("FAILED", "editor_ended")]


def test_a_pod_deleted_by_somebody_else_is_a_stop_at_the_time_of_the_order(api, hub, notebook):
    notebook.start()
    hub.wait_for_ready(notebook.user)
    api.set_life(notebook.pod, stop_takes=3.0)

    api.delete(notebook.pod)
    hub.wait_for_stopped(notebook.user)

    assert notebook.states() == ["RUNNING", "STOPPING", "STOPPED"]
    assert notebook.pod not in api.killed


def test_an_api_server_that_is_away_ends_no_notebook(api, hub, notebook):
    notebook.start()
    hub.wait_for_ready(notebook.user)
    api.go_down()
    wait_for(lambda: "Error when watching resources" in hub.said(), what="the hub to notice")
    assert hub.server(notebook.user)["ready"]
    api.come_up()

    assert hub.server(notebook.user)["ready"]
    assert notebook.states() == ["RUNNING"]


def test_a_stop_that_is_ordered_while_the_api_server_is_away_is_done_when_it_is_back(api, hub, notebook):
    notebook.start()
    hub.wait_for_ready(notebook.user)
    api.go_down()

    assert notebook.stop().status_code == 202
    wait_for(lambda: "STOPPING" in notebook.states(), what="STOPPING to be reported")
    assert hub.pending(notebook.user) == "stop"
    api.come_up()
    hub.wait_for_stopped(notebook.user)

    assert api.get("pods", notebook.pod) is None
    assert notebook.states() == ["RUNNING", "STOPPING", "STOPPED"]
