import json
from uuid import UUID, uuid4

import pytest

from ovh_spawner.contract.local import GatewayConfig
from ovh_spawner.contract.sync import SyncJob
from ovh_spawner.domain.states import NotebookState, RunState
from ovh_spawner.errors import InvalidSpecError, StartFailedError, WrongStateError
from ovh_spawner.pod.names import pod_name
from ovh_spawner.service.runners.base import NotYetError
from ovh_spawner.service.runners.kubernetes import VERBS
from tests.support.cluster_world import ACCESS_KEY, SECRET_KEY, STORE_ADDRESS, STORE_PORT
from tests.support.fake_hub_servers import Manner
from tests.support.kubernetes.jobs import JOBS, RUNNING
from tests.support.world import ANN, RW, spec, until

POLICIES = "networking.k8s.io/v1/networkpolicies"
CLAIMS = "persistentvolumeclaims"
VARIABLES = [{"name": "COLOUR", "value": "blue"}]
THINGS = (POLICIES, "secrets", CLAIMS)
QUOTA = (
    "exceeded quota: team, requested: requests.storage=50Gi, used: requests.storage=80Gi, "
    "limited: requests.storage=100Gi"
)


async def opened(cluster, **changes):
    """Return a run that a spawner has opened and not prepared."""
    cluster.hub.manner = Manner.FORGETS
    created = await cluster.notebooks.create(ANN, spec(**changes))
    return await cluster.open("ann", created.server_name, created.id)


def prepare(cluster, run: UUID):
    return cluster.service.operations.preparation.prepare(run.run)


def everything(cluster):
    return {resource: cluster.api.names(resource) for resource in THINGS}


async def test_preparing_twice_makes_one_of_each(cluster):
    run = await opened(cluster, volumes=[RW], envVars=VARIABLES)
    first, second = await prepare(cluster, run), await prepare(cluster, run)

    assert first == second
    assert everything(cluster) == {
        POLICIES: [f"run-{run.run}"],
        "secrets": [f"env-{run.run}", f"run-{run.run}"],
        CLAIMS: [pod_name(run.notebook)],
    }


async def test_without_variables_of_their_own_there_is_no_secret_for_them(cluster):
    run = await opened(cluster)
    prepared = await prepare(cluster, run)

    assert prepared.environment_secret == ""
    assert everything(cluster)["secrets"] == [prepared.run_secret]


@pytest.mark.parametrize("resource", THINGS)
async def test_a_lost_reply_is_made_good_by_asking_again(cluster, resource):
    run = await opened(cluster, envVars=VARIABLES)
    cluster.api.lose_reply("create", resource)
    with pytest.raises(NotYetError):
        await prepare(cluster, run)
    await prepare(cluster, run)

    assert [len(names) for names in everything(cluster).values()] == [1, 2, 1]


@pytest.mark.parametrize("resource", THINGS)
async def test_a_quota_that_refuses_is_told_in_plain_words_and_leaves_nothing_behind(cluster, resource):
    run = await opened(cluster)
    cluster.api.refuse(resource, QUOTA)
    with pytest.raises(
        StartFailedError, match="this needs 50Gi of storage; in use: 80Gi of storage, of at most 100Gi"
    ):
        await prepare(cluster, run)

    assert not any(everything(cluster).values())


async def test_a_notebook_whose_files_are_lost_does_not_start_with_an_empty_disk(cluster):
    notebook = await cluster.running()
    await cluster.notebooks.stop(ANN, notebook.id)
    await cluster.until_state(notebook.id, NotebookState.STOPPED)
    cluster.api.remove(CLAIMS, pod_name(notebook.id))
    run = await cluster.open("ann", notebook.server_name, notebook.id)
    with pytest.raises(StartFailedError, match="is gone"):
        await prepare(cluster, run)

    assert everything(cluster)[CLAIMS] == []


async def test_a_run_that_is_over_is_not_prepared(cluster):
    run = await opened(cluster)
    await cluster.report(run.run, RunState.FAILED, launched=False)
    with pytest.raises(WrongStateError):
        await prepare(cluster, run)

    assert not any(everything(cluster).values())


async def test_the_gateway_and_the_data_sync_are_told_what_they_need(cluster):
    run = await opened(cluster, volumes=[RW], envVars=VARIABLES)
    await prepare(cluster, run)
    told = cluster.api.get("secrets", f"run-{run.run}")["stringData"]
    gateway = GatewayConfig.model_validate_json(told["gateway.json"])
    pull = SyncJob.model_validate_json(told["pull.json"])

    assert (gateway.host, gateway.port, gateway.editor.command) == ("0.0.0.0", 8888, [])
    assert gateway.editor.socket == "/run/editor/editor.sock"
    assert gateway.editor.ssh_socket == "/run/editor/ssh.sock"
    assert gateway.prefix.startswith("/user/ann/nb-")
    assert [volume.path for volume in pull.volumes] == ["/claim/home/out"]
    assert cluster.api.get("secrets", f"env-{run.run}")["stringData"] == {"COLOUR": "blue"}


async def test_a_run_may_reach_the_operators_data_stores_that_it_uses(cluster):
    run = await opened(cluster, volumes=[RW])
    await prepare(cluster, run)
    policy = json.dumps(cluster.api.get(POLICIES, f"run-{run.run}"))

    assert f"{STORE_ADDRESS}/32" in policy
    assert str(STORE_PORT) in policy


async def test_a_persons_own_data_store_with_a_private_address_is_refused(cluster):
    store = {
        "alias": "MINE",
        "type": "s3",
        "endpoint": "http://10.9.8.7:6443",
        "credentials": {"s3": {"accessKey": "a", "secretKey": "b"}},
    }
    await cluster.service.operations.datastores.add(ANN, store, skip_check=True)
    mine = {**RW, "dataStore": {"alias": "MINE", "container": "results"}}

    with pytest.raises(InvalidSpecError, match=r"volumes\[0\].*'10.9.8.7', a private address"):
        await opened(cluster, volumes=[mine])
    assert not cluster.api.all(POLICIES)


async def test_no_secret_is_in_any_object_but_secrets_and_in_no_log(cluster, capsys):
    notebook = await cluster.running(volumes=[RW], envVars=[{"name": "COLOUR", "value": "hush-hush"}])
    [told] = [json.loads(s["stringData"]["gateway.json"]) for s in run_secrets(cluster)]
    secret = (ACCESS_KEY, SECRET_KEY, "hush-hush", told["gatewayToken"], told["cookieKey"])
    seen = [cluster.api.all(resource) for resource in ("pods", POLICIES, CLAIMS)]
    await cluster.notebooks.stop(ANN, notebook.id)
    await cluster.until_state(notebook.id, NotebookState.STOPPED)
    text = json.dumps([seen, cluster.api.all("pods"), cluster.api.all(JOBS)])
    said = "".join(capsys.readouterr())

    assert not [word for word in secret if word in text or word in said]


def run_secrets(cluster):
    return [found for found in cluster.api.all("secrets") if "gateway.json" in found["stringData"]]


async def test_secrets_go_with_their_run(cluster):
    notebook = await cluster.running(volumes=[RW])
    await cluster.notebooks.stop(ANN, notebook.id)
    await cluster.until_state(notebook.id, NotebookState.STOPPED)
    cluster.clock.advance(minutes=2)
    await cluster.reconcile()

    assert cluster.api.names("secrets") == []
    assert cluster.api.names(POLICIES) == []
    assert cluster.api.names(CLAIMS) == [pod_name(notebook.id)]


async def test_secrets_go_with_their_run_where_there_are_no_policies(cluster):
    cluster.changes = {"network": {"enabled": False}}
    await cluster.restart()
    notebook = await cluster.running(volumes=[RW], envVars=VARIABLES)
    await cluster.notebooks.stop(ANN, notebook.id)
    await cluster.until_state(notebook.id, NotebookState.STOPPED)
    await cluster.reconcile()

    assert cluster.api.names("secrets") == []


async def test_secrets_of_a_run_that_ended_while_the_service_was_away_go_without_policies_too(cluster):
    cluster.changes = {"network": {"enabled": False}}
    await cluster.restart()
    notebook = await cluster.running(envVars=VARIABLES)
    await cluster.service.stop()
    cluster.api.remove("pods", pod_name(notebook.id))
    kept = cluster.api.names("secrets")
    cluster.clock.advance(hours=30)
    cluster.service = await cluster.new_service()
    await cluster.service.reconciler.round()
    await cluster.until_state(notebook.id, NotebookState.FAILED)
    cluster.clock.advance(hours=1)
    await cluster.service.reconciler.round()

    assert len(kept) == 2
    assert cluster.api.names("secrets") == []


async def test_what_the_ledger_does_not_know_is_left_alone(cluster):
    stranger, run = uuid4(), uuid4()
    labels = {
        "app.kubernetes.io/part-of": "ovh-spawner",
        "ovh-spawner/component": "notebook",
        "ovh-spawner/notebook": str(stranger),
        "ovh-spawner/run": str(run),
    }
    for resource, name in ((POLICIES, f"run-{run}"), (CLAIMS, f"nb-{stranger}")):
        cluster.api.create(resource, {"metadata": {"name": name, "labels": labels}})
    await cluster.reconcile()

    assert cluster.api.names(POLICIES) == [f"run-{run}"]
    assert cluster.api.names(CLAIMS) == [f"nb-{stranger}"]


async def test_a_pod_that_comes_after_its_run_is_over_is_removed_with_its_full_grace(cluster):
    run = await opened(cluster)
    prepared = await prepare(cluster, run)
    cluster.hub.servers.clear()
    await cluster.report(run.run, RunState.FAILED, launched=False)
    cluster.api.set_life(stop_takes=1)
    cluster.make_pod(run, prepared)
    await until(lambda: cluster.pod(run.notebook) is None, what="the pod to be removed")

    assert cluster.api.killed == []


async def test_a_delete_without_force_spares_what_is_not_saved(cluster):
    cluster.jobs.outcomes = [RUNNING]
    notebook = await cluster.running(volumes=[RW])
    await cluster.notebooks.stop(ANN, notebook.id)
    await until(lambda: cluster.jobs.jobs, what="the push")
    with pytest.raises(WrongStateError):
        await cluster.notebooks.delete(ANN, notebook.id, force=False)
    assert cluster.api.names(CLAIMS) == [pod_name(notebook.id)]
    cluster.jobs.finish()
    await cluster.until_state(notebook.id, NotebookState.STOPPED)
    await cluster.notebooks.delete(ANN, notebook.id, force=False)

    await until(lambda: cluster.api.names(CLAIMS) == [], what="the claim to go")


async def test_a_delete_with_force_throws_the_files_away(cluster):
    cluster.jobs.outcomes = [RUNNING]
    notebook = await cluster.running(volumes=[RW])
    await cluster.notebooks.stop(ANN, notebook.id)
    await until(lambda: cluster.jobs.jobs, what="the push")
    await cluster.notebooks.delete(ANN, notebook.id, force=True)

    await until(lambda: cluster.api.names(CLAIMS) == [], what="the claim to go")
    await until(lambda: not cluster.api.names("secrets"), what="the Secrets to go")
    assert cluster.api.names(JOBS) == []


async def test_a_delete_with_force_does_not_wait_for_a_dead_node(cluster):
    notebook = await cluster.running(volumes=[RW])
    cluster.api.set_life(pod_name(notebook.id), is_stuck=True)
    cluster.hub.servers.clear()
    cluster.delete_pod(notebook.id)
    cluster.clock.advance(minutes=10)
    await cluster.notebooks.delete(ANN, notebook.id, force=True)

    await until(lambda: cluster.api.names(CLAIMS) == [], what="the claim to go")


async def test_a_delete_with_force_does_not_wait_for_a_hub_that_waits_for_a_dead_node(cluster):
    notebook = await cluster.running(volumes=[RW])
    cluster.api.set_life(pod_name(notebook.id), is_stuck=True)
    cluster.delete_pod(notebook.id)
    cluster.hub.put("ann", notebook.server_name, pending="stop", ready=False)
    cluster.clock.advance(minutes=10)
    await cluster.notebooks.delete(ANN, notebook.id, force=True)
    await until(lambda: cluster.pod(notebook.id) is None, what="the pod to go")
    assert not [call for call in cluster.hub.calls if call.startswith("DELETE")]
    cluster.hub.put("ann", notebook.server_name, ready=False)

    await until(lambda: cluster.api.names(CLAIMS) == [], what="the claim to go")


async def test_a_claim_of_a_deleted_notebook_is_removed_later(cluster):
    notebook = await cluster.running()
    claim = cluster.api.get(CLAIMS, pod_name(notebook.id))
    await cluster.notebooks.delete(ANN, notebook.id, force=True)
    await until(lambda: cluster.api.names(CLAIMS) == [], what="the claim to go")

    async def is_deleted():
        async with cluster.service.means.ledger.reading() as unit:
            return await unit.notebooks.list_deleted([notebook.id])

    await until(is_deleted, what="the end of the deletion")
    cluster.api.create(CLAIMS, {"metadata": {k: claim["metadata"][k] for k in ("name", "labels")}})
    cluster.clock.advance(minutes=2)
    await cluster.reconcile()

    assert cluster.api.names(CLAIMS) == []


async def test_no_verb_is_used_that_the_list_of_verbs_does_not_name(cluster):
    notebook = await cluster.running(volumes=[RW])
    await cluster.notebooks.stop(ANN, notebook.id)
    await cluster.until_state(notebook.id, NotebookState.STOPPED)
    await cluster.reconcile()
    await cluster.notebooks.delete(ANN, notebook.id, force=True)
    await until(lambda: cluster.api.names(CLAIMS) == [], what="the claim to go")
    used = {(verb, resource) for verb, resource, _ in cluster.api.requests()}
    allowed = {
        (verb, f"{group}/v1/{resource}" if group else resource)
        for (group, resource), verbs in VERBS.items()
        for verb in verbs
    }

    assert used <= allowed
