"""Start and stop on a cluster that behaves, and on one that is slow, forgetful or deaf."""

from tests.support.waiting import wait_for


def test_a_notebook_is_a_pod_that_starts_runs_and_stops(api, service, hub, notebook):
    answer = notebook.start()
    assert answer.status_code in {201, 202}, answer.text
    server = hub.wait_for_ready(notebook.user)

    pod = api.get("pods", notebook.pod)
    assert pod["metadata"]["labels"]["ovh-spawner/run"] == notebook.runs[0]
    assert service.prepared.count(notebook.runs[0]) == 1
    assert server["user_options"] == {"notebook": notebook.id, "revision": 1}
    assert notebook.states() == ["RUNNING"]

    notebook.stop()
    hub.wait_for_stopped(notebook.user)

    assert api.get("pods", notebook.pod) is None
    assert notebook.states() == ["RUNNING", "STOPPING", "STOPPED"]
    assert notebook.ends()[0]["launched"] is True


def test_the_hub_makes_nothing_but_the_pod(api, hub, notebook):
    notebook.start()
    hub.wait_for_ready(notebook.user)
    notebook.stop()
    hub.wait_for_stopped(notebook.user)

    made = {(verb, what) for verb, what, _ in api.requests() if verb not in {"get", "list", "watch"}}
    assert made == {("create", "pods"), ("delete", "pods")}


def test_a_start_costs_one_create_and_no_reads_of_its_own(api, hub, notebook, another):
    # The first one's start may open the watch.
    another.start()
    hub.wait_for_ready(another.user)
    notebook.start()
    hub.wait_for_ready(notebook.user)

    assert len(api.requests("create", "pods", notebook.pod)) == 1
    assert len(api.requests("get", "pods", notebook.pod)) <= 1


def test_what_is_saved_at_the_stop_is_saved_though_it_takes_longer_than_the_start_may(api, hub, notebook):
    notebook.start()
    hub.wait_for_ready(notebook.user)
    api.set_life(notebook.pod, stop_takes=600.0)

    assert notebook.stop().status_code == 202
    assert hub.pending(notebook.user) == "stop"
    refused = notebook.start()
    assert refused.status_code == 400, refused.text
    api.set_life(notebook.pod, stop_takes=3.0)
    hub.wait_for_stopped(notebook.user)

    assert notebook.pod not in api.killed
    assert api.get("pods", notebook.pod) is None


def test_a_notebook_that_ends_by_itself_keeps_its_whole_grace(api, hub, notebook):
    notebook.start()
    hub.wait_for_ready(notebook.user)
    api.set_life(notebook.pod, stop_takes=1.5)

    api.finish(notebook.pod, "editor", exit_code=0)
    hub.wait_for_stopped(notebook.user)

    assert notebook.pod not in api.killed
    assert [end["state"] for end in notebook.ends()] == ["STOPPED"]


def test_a_lost_answer_to_the_create_is_not_a_second_pod(api, hub, notebook):
    api.set_life(until="created")
    api.lose_reply("create", "pods")
    notebook.start()
    wait_for(lambda: len(api.requests("create", "pods", notebook.pod)) == 2, what="the second try")

    api.set_life(notebook.pod, until="ready")
    hub.wait_for_ready(notebook.user)

    assert notebook.states() == ["RUNNING"]
    assert notebook.pod not in api.kubelet.record.ended


def test_a_burst_of_errors_delays_a_start(api, hub, notebook):
    api.answer_with("create", "pods", 429)
    api.answer_with("create", "pods", 500)
    api.answer_with("create", "pods", 503)

    notebook.start()
    hub.wait_for_ready(notebook.user)

    assert notebook.states() == ["RUNNING"]


def test_a_delete_that_is_not_heard_is_ordered_again(api, hub, notebook):
    notebook.start()
    hub.wait_for_ready(notebook.user)
    api.answer_with("delete", "pods", 500, times=2)
    api.lose_reply("delete", "pods")

    notebook.stop()
    hub.wait_for_stopped(notebook.user)

    assert api.get("pods", notebook.pod) is None
    assert [end["state"] for end in notebook.ends()] == ["STOPPED"]


def test_a_start_that_is_cancelled_leaves_no_pod_though_the_watch_lags(api, hub, notebook):
    api.misfortunes.watch_lag = 4.0
    api.set_life(until="created")
    notebook.start()
    wait_for(lambda: api.get("pods", notebook.pod), what="the pod")

    notebook.stop()
    hub.wait_for_stopped(notebook.user)

    assert api.get("pods", notebook.pod) is None
    assert [(end["state"], end["launched"]) for end in notebook.ends()] == [("STOPPED", False)]


def test_a_start_that_is_cancelled_while_the_pod_is_being_created_leaves_none(api, hub, notebook):
    api.slow_down("create", "pods", before=2.0)
    notebook.start()
    wait_for(lambda: api.requests("create", "pods", notebook.pod), what="the create")

    notebook.stop()
    hub.wait_for_stopped(notebook.user)

    assert api.get("pods", notebook.pod) is None
    assert notebook.pod in api.kubelet.record.ended


def test_a_new_start_right_after_a_stop_waits_for_the_old_pod(api, hub, notebook):
    notebook.start()
    hub.wait_for_ready(notebook.user)
    api.set_life(notebook.pod, stop_takes=1.0)
    notebook.stop()

    wait_for(lambda: notebook.start().status_code in {201, 202}, what="the start to be taken")
    hub.wait_for_ready(notebook.user)

    assert notebook.pod not in api.killed
    assert len(notebook.runs) == 2
    assert api.get("pods", notebook.pod)["metadata"]["labels"]["ovh-spawner/run"] == notebook.runs[1]


def test_an_earlier_runs_pod_ends_with_its_grace_before_the_new_one_starts(api, hub, notebook):
    notebook.start()
    hub.wait_for_ready(notebook.user)
    notebook.stop()
    hub.wait_for_stopped(notebook.user)
    old = _pod_of_another_run(notebook.pod)
    api.set_life(notebook.pod, stop_takes=1.0, until="ready")
    api.create("pods", old)
    api.wait_for_pod(notebook.pod, phase="Running")

    notebook.start()
    hub.wait_for_ready(notebook.user)

    assert notebook.pod not in api.killed
    assert api.get("pods", notebook.pod)["metadata"]["labels"]["ovh-spawner/run"] == notebook.runs[1]


def test_two_quick_starts_are_one_run(api, hub, notebook):
    first, second = notebook.start(), notebook.start()

    assert {first.status_code, second.status_code} <= {201, 202, 400}
    hub.wait_for_ready(notebook.user)
    assert len(notebook.runs) == 1
    assert api.names().count(notebook.pod) == 1


def _pod_of_another_run(name):
    labels = {"ovh-spawner/run": "an-earlier-one", "component": "singleuser-server"}
    container = {"name": "gateway", "image": "x", "ports": [{"name": "notebook-port", "containerPort": 8888}]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 60},
        "status": {"phase": "Pending", "conditions": []},
    }
