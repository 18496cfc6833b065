from contextlib import asynccontextmanager

import pytest

from ovh_spawner.contract.sync import SyncJob, SyncState
from ovh_spawner.domain.states import NotebookState
from ovh_spawner.errors import RefusedError
from ovh_spawner.pod.job import plan_sync_job
from ovh_spawner.pod.labels import Subject
from ovh_spawner.pod.names import pod_name
from ovh_spawner.service.runners.base import SyncLife
from ovh_spawner.service.runners.kubernetes import KubernetesRunner
from ovh_spawner.settings_kubernetes import KubernetesSettings
from tests.support.kubernetes.jobs import JOBS, KILLED, LOCKED, RUNNING
from tests.support.world import ANN, RW, until

PUSH = {"direction": "push", "manual": True}


async def stopping(cluster):
    """Return a notebook whose run has ended and whose push has been told what to do."""
    notebook = await cluster.running(volumes=[RW])
    await cluster.notebooks.stop(ANN, notebook.id)
    await until(lambda: cluster.jobs.jobs, what="the push to begin")
    return notebook


@asynccontextmanager
async def late_picture(cluster):
    """Give a runner that looks at the pods once and does not follow them."""
    runner = KubernetesRunner(cluster.settings, now=cluster.clock)
    yield runner
    await runner.close()


def sync_pods(cluster):
    return [name for name in cluster.api.names("pods") if name.startswith("sync-")]


def job_like(secret):
    """Return the Job that another replica makes for the data sync of a Secret."""
    job = SyncJob.model_validate_json(secret["stringData"]["job.json"])
    subject = Subject(notebook=job.notebook, project=job.project, hub="hub", sync=job.id)
    return plan_sync_job(subject, job.id, KubernetesSettings(), flavor=None)


async def has_ended(cluster, notebook):
    async with cluster.service.means.ledger.reading() as unit:
        return not await unit.syncs.list_open(notebook)


def job_names(cluster):
    return cluster.api.names(JOBS)


@pytest.mark.parametrize(
    ("first", "jobs"), [(KILLED, 1), (SyncState.TRANSIENT_ERROR, 2), (LOCKED, 2), (SyncState.INTERRUPTED, 2)]
)
async def test_a_push_that_may_succeed_is_tried_again(cluster, first, jobs):
    cluster.jobs.outcomes = [first]
    notebook = await stopping(cluster)
    await cluster.until_state(notebook.id, NotebookState.STOPPED)

    assert len(cluster.jobs.jobs) == 2
    created = [name for verb, resource, name in cluster.api.requests("create") if resource == JOBS]
    assert len(created) == jobs
    assert len(set(created)) == 1
    assert cluster.jobs.together == 1


async def test_a_try_that_failed_is_not_taken_for_the_last_one(cluster):
    """The picture of the pods may be older than the Job's end."""
    cluster.jobs.outcomes, cluster.jobs.retries_wait = [KILLED], True
    notebook = await stopping(cluster)
    await until(lambda: cluster.jobs.waiting, what="the end of the first pod")
    [job] = cluster.jobs.jobs
    async with late_picture(cluster) as late:
        assert (await late.observe_sync(notebook.id, job.id)).life is SyncLife.RUNNING
        cluster.jobs.retry()
        await cluster.until_state(notebook.id, NotebookState.STOPPED)
        evidence = await late.observe_sync(notebook.id, job.id)

    assert evidence.report.state is SyncState.DONE


async def test_a_push_on_a_node_that_does_not_answer_has_failed_until_the_node_lets_go(cluster):
    cluster.jobs.outcomes = [RUNNING]
    notebook = await stopping(cluster)
    [pod] = sync_pods(cluster)
    cluster.api.set_life(pod, is_stuck=True)
    # What the cluster itself does with the pods of a lost node.
    cluster.api.delete(pod)
    cluster.clock.advance(minutes=10)
    view = await cluster.until_state(notebook.id, NotebookState.SYNC_FAILED)
    assert "The machine that moved the notebook's data does not answer" in view.message
    await cluster.service.operations.sync.request(ANN, notebook.id, PUSH)
    await until(lambda: has_ended(cluster, notebook.id), what="another try to be refused")
    assert len(cluster.jobs.jobs) == 1
    cluster.api.remove("pods", pod)
    await cluster.service.operations.sync.request(ANN, notebook.id, PUSH)
    await cluster.until_state(notebook.id, NotebookState.STOPPED)

    assert cluster.jobs.together == 1


async def test_a_push_that_gets_no_pod_says_so(cluster):
    cluster.jobs.may_make_pods = False
    notebook = await cluster.running(volumes=[RW])
    await cluster.notebooks.stop(ANN, notebook.id)
    await until(lambda: job_names(cluster), what="the push's Job")
    cluster.clock.advance(minutes=16)
    view = await cluster.until_state(notebook.id, NotebookState.SYNC_FAILED)

    assert "the cluster allows no pod for it" in view.message
    assert job_names(cluster) == []


async def test_a_job_that_another_replica_made_a_moment_ago_is_no_refusal(cluster):
    """A quota that is used up by this very Job refuses it before its name is looked at."""
    notebook = await cluster.running(volumes=[RW])
    facts = "exceeded quota: team, requested: count/jobs.batch=1, used: count/jobs.batch=1, limited: count/jobs.batch=1"
    refusal = cluster.api.answer_with("create", JOBS, 403, text=f"jobs is forbidden: {facts}")
    refusal.delay = 600.0
    await cluster.notebooks.stop(ANN, notebook.id)
    await until(lambda: cluster.api.requests("create", JOBS), what="the Job to be asked for")
    [name] = [each for each in cluster.api.names("secrets") if each.startswith("sync-")]
    [stored] = [each for each in cluster.api.all("secrets") if each["metadata"]["name"] == name]
    cluster.api.create(JOBS, job_like(stored))
    refusal.delay = 0.0
    await cluster.until_state(notebook.id, NotebookState.STOPPED)

    assert len(cluster.jobs.jobs) == 1


async def test_a_push_whose_pod_is_deleted_goes_on_in_another_one(cluster):
    cluster.jobs.outcomes = [RUNNING]
    notebook = await stopping(cluster)
    [pod] = sync_pods(cluster)
    cluster.api.remove("pods", pod)
    await cluster.until_state(notebook.id, NotebookState.STOPPED)

    assert cluster.jobs.together == 1


async def test_a_push_beyond_its_time_has_failed_and_a_manual_one_unlocks(cluster):
    cluster.jobs.outcomes = [RUNNING]
    notebook = await stopping(cluster)
    cluster.jobs.expire()
    view = await cluster.until_state(notebook.id, NotebookState.SYNC_FAILED)
    await cluster.service.operations.sync.request(ANN, notebook.id, PUSH)
    await cluster.until_state(notebook.id, NotebookState.STOPPED)

    assert "in the time that is set" in view.message
    assert cluster.api.names("persistentvolumeclaims") == [pod_name(notebook.id)]


@pytest.mark.parametrize(
    ("how", "said"), [(SyncState.INVALID_CREDENTIALS, "INVALID_CREDENTIALS"), (KILLED, "again and again")]
)
async def test_a_push_that_fails_for_good_says_why_and_keeps_the_files(cluster, how, said):
    cluster.changes = {"sync_backoff_limit": 1}
    await cluster.restart()
    cluster.jobs.usually = how
    notebook = await stopping(cluster)
    view = await cluster.until_state(notebook.id, NotebookState.SYNC_FAILED)

    assert said in view.message
    assert cluster.api.names("persistentvolumeclaims") == [pod_name(notebook.id)]


async def test_a_report_that_is_lost_is_read_from_the_log(cluster):
    cluster.jobs.says_last_words = False
    notebook = await stopping(cluster)

    await cluster.until_state(notebook.id, NotebookState.STOPPED)


async def test_a_watch_that_is_late_loses_no_report(cluster):
    notebook = await cluster.running(volumes=[RW])
    cluster.api.misfortunes.watch_lag = 3
    cluster.jobs.usually = SyncState.INVALID_CREDENTIALS
    await cluster.notebooks.stop(ANN, notebook.id)
    view = await cluster.until_state(notebook.id, NotebookState.SYNC_FAILED)

    assert "INVALID_CREDENTIALS" in view.message


async def test_progress_is_read_from_the_log(cluster):
    cluster.jobs.outcomes = [RUNNING]
    notebook = await stopping(cluster)

    async def progress():
        async with cluster.service.means.ledger.reading() as unit:
            [push] = await unit.syncs.list_open(notebook.id)
        return [volume.state for volume in push.volumes]

    assert await until(progress, what="progress") == [SyncState.RUNNING]


async def test_another_service_goes_on_with_a_push_under_way(cluster):
    cluster.jobs.outcomes = [RUNNING]
    notebook = await stopping(cluster)
    await cluster.restart()
    cluster.jobs.finish()
    await cluster.reconcile()
    await cluster.until_state(notebook.id, NotebookState.STOPPED)

    assert len(cluster.jobs.jobs) == 1


async def test_an_outage_in_the_middle_of_a_push_fails_nothing(cluster):
    cluster.jobs.outcomes = [RUNNING]
    notebook = await stopping(cluster)
    cluster.api.go_down()
    cluster.jobs.finish()
    await cluster.reconcile()
    assert (await cluster.notebooks.get(ANN, notebook.id)).state is NotebookState.STOPPING
    cluster.api.come_up()

    await cluster.until_state(notebook.id, NotebookState.STOPPED)


async def test_a_lost_reply_makes_no_second_job(cluster):
    cluster.api.lose_reply("create", JOBS)
    notebook = await stopping(cluster)
    await cluster.until_state(notebook.id, NotebookState.STOPPED)

    assert len(cluster.jobs.jobs) == 1


async def test_a_quota_that_refuses_the_push_is_told_and_leaves_no_secret(cluster):
    facts = "requested: count/jobs.batch=1, used: count/jobs.batch=3, limited: count/jobs.batch=3"
    notebook = await cluster.running(volumes=[RW])
    cluster.api.refuse(JOBS, f"exceeded quota: team, {facts}")
    await cluster.notebooks.stop(ANN, notebook.id)
    view = await cluster.until_state(notebook.id, NotebookState.SYNC_FAILED)

    assert (
        "quota is used up: this needs 1 of data syncs; in use: 3 of data syncs, of at most 3 of data syncs"
        in view.message
    )
    assert not [name for name in cluster.api.names("secrets") if name.startswith("sync-")]


async def test_what_a_push_was_told_is_removed_after_it(cluster):
    notebook = await stopping(cluster)
    await cluster.until_state(notebook.id, NotebookState.STOPPED)

    await until(lambda: not sync_things(cluster, "secrets"), what="the Secret to go")
    await until(lambda: not sync_things(cluster, "networking.k8s.io/v1/networkpolicies"), what="its policy")
    assert job_names(cluster)


def sync_things(cluster, resource):
    return [name for name in cluster.api.names(resource) if name.startswith("sync-")]


async def test_a_sync_beside_a_running_notebook_runs_on_its_node(cluster):
    cluster.jobs.outcomes = [RUNNING]
    notebook = await cluster.running(volumes=[RW])
    await cluster.service.operations.sync.request(ANN, notebook.id, PUSH)
    [job] = await until(lambda: cluster.api.all(JOBS), what="the Job")
    affinity = job["spec"]["template"]["spec"]["affinity"]["nodeAffinity"]
    [term] = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]

    assert term == {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["node-1"]}]}


async def test_storage_for_one_pod_at_a_time_refuses_a_sync_beside_a_running_notebook(cluster):
    cluster.changes = {"storage": {"access_mode": "ReadWriteOncePod"}}
    await cluster.restart()
    notebook = await cluster.running(volumes=[RW])
    sync = await cluster.service.operations.sync.request(ANN, notebook.id, PUSH)

    async def look():
        found = await cluster.service.operations.sync.list(ANN, notebook.id)
        return [s for s in found if s.id == sync.id and s.message]

    [ended] = await until(look, what="the refusal")
    assert "Stop the notebook" in ended.message


async def test_a_push_puts_up_with_what_the_notebooks_pod_put_up_with(cluster):
    job = await _job_with_tolerations(cluster)

    assert job["spec"]["podReplacementPolicy"] == "Failed"
    assert job["spec"]["activeDeadlineSeconds"] > 0


async def _job_with_tolerations(cluster):
    notebook = await stopping(cluster)
    await cluster.until_state(notebook.id, NotebookState.STOPPED)
    [job] = cluster.api.all(JOBS)
    return job


async def test_a_claim_that_is_gone_is_told(cluster):
    notebook = await cluster.running(volumes=[RW])
    cluster.api.remove("persistentvolumeclaims", pod_name(notebook.id))
    await cluster.notebooks.stop(ANN, notebook.id)
    view = await cluster.until_state(notebook.id, NotebookState.SYNC_FAILED)

    assert "disk with the notebook's files is gone" in view.message


async def test_the_files_of_a_notebook_whose_containers_still_end_are_not_touched(cluster):
    notebook = await cluster.running(volumes=[RW])
    cluster.api.set_life(pod_name(notebook.id), stop_takes=2)
    await cluster.notebooks.stop(ANN, notebook.id)
    await cluster.until_state(notebook.id, NotebookState.STOPPED)

    assert cluster.jobs.together == 1
    assert cluster.api.killed == []


def test_refusals_are_no_failures_of_the_platform():
    from ovh_spawner.service.runners.cluster_errors import ClusterRefusedError, refusal_of

    limit = 'pods "x" is forbidden: maximum memory usage per Container is 4Gi, but limit is 40Gi.'
    assert isinstance(refusal_of(403, limit), RefusedError)
    assert "at most 4Gi of memory per container" in refusal_of(403, limit).message
    assert not isinstance(
        refusal_of(403, 'jobs.batch is forbidden: User "x" cannot create resource'), ClusterRefusedError
    )
