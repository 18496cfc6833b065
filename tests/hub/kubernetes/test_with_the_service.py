"""Hub and service as they are, on the misbehaving API server: a notebook's whole life, and what an upgrade leaves."""

from types import SimpleNamespace
from uuid import UUID

import pytest

from ovh_spawner.loopback import free_port
from tests.support.kubernetes.hub_process import HubProcess
from tests.support.kubernetes.jobs import JobController
from tests.support.kubernetes.server import misbehaving_api_server
from tests.support.kubernetes.service_process import ServiceProcess
from tests.support.waiting import wait_for


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    with misbehaving_api_server() as api:
        JobController(api)
        folder = tmp_path_factory.mktemp("service")
        port = free_port()
        service = ServiceProcess(folder, api, hub_port=port)
        hub = HubProcess(tmp_path_factory.mktemp("hub"), api, service.url, port=port, has_fake_catalog=False)
        try:
            service.start()
            hub.start()
            yield SimpleNamespace(api=api, service=service, hub=hub)
        finally:
            hub.close()
            service.close()


def _run(installation, user):
    return wait_for(lambda: installation.service.runs(user), what=f"a run of {user}")[-1]


def _pod(installation, user):
    return f"nb-{UUID(_run(installation, user)['notebook'])}"


def test_a_whole_life_leaves_the_claim_until_the_notebook_is_deleted(installation):
    api, hub = installation.api, installation.hub
    hub.begin("ann")
    hub.wait_for_ready("ann")
    run, name = _run(installation, "ann"), _pod(installation, "ann")

    assert run["state"] == "RUNNING"
    assert name in api.names("persistentvolumeclaims")
    assert f"run-{UUID(run['id'])}" in api.names("secrets")
    hub.ask("DELETE", "ann")
    hub.wait_for_stopped("ann")
    wait_for(lambda: _run(installation, "ann")["push"] in {"done", "none"}, what="the push")

    assert _run(installation, "ann")["state"] == "STOPPED"
    assert name in api.names("persistentvolumeclaims")
    assert hub.ask("DELETE", "ann", remove=True).status_code == 204
    wait_for(lambda: name not in api.names("persistentvolumeclaims"), what="the claim to go")
    wait_for(lambda: f"run-{UUID(run['id'])}" not in api.names("secrets"), what="the Secret to go")


def test_a_stop_that_an_upgrade_cuts_off_is_finished_in_the_books(installation):
    api, hub = installation.api, installation.hub
    hub.begin("ben")
    hub.wait_for_ready("ben")
    name = _pod(installation, "ben")
    api.set_life(name, stop_takes=600.0)
    hub.ask("DELETE", "ben")
    wait_for(lambda: "deletionTimestamp" in api.get("pods", name)["metadata"], what="the pod's delete")

    hub.terminate()
    api.set_life(name, stop_takes=0.1)
    wait_for(lambda: _run(installation, "ben")["state"] == "STOPPED", what="the run's end")
    hub.start()

    assert name not in api.killed
    assert hub.begin("ben").status_code in {201, 202}
    hub.wait_for_ready("ben")
    assert len(installation.service.runs("ben")) == 2


def test_a_start_goes_on_when_the_service_is_killed_in_the_middle(installation):
    api, hub, service = installation.api, installation.hub, installation.service
    api.set_life(until="created")
    hub.begin("cleo")
    wait_for(lambda: service.runs("cleo") and api.get("pods", _pod(installation, "cleo")), what="the pod")

    service.kill()
    service.start()
    api.set_life(until="ready")
    api.set_life(_pod(installation, "cleo"), until="ready")
    hub.wait_for_ready("cleo")

    assert [run["state"] for run in service.runs("cleo")] == ["RUNNING"]


def test_options_that_somebody_made_by_hand_are_refused(installation):
    forged = {"image": "evil:1", "kubespawner_override": {"privileged": True}}

    installation.hub.begin("eve", **forged)
    installation.hub.wait_for_stopped("eve")

    assert "image" in installation.hub.failure("eve")
    assert installation.service.runs("eve") == []
    assert "evil" not in str(installation.api.all("pods"))
