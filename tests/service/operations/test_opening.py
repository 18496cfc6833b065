import asyncio
from uuid import uuid4

import pytest

from ovh_spawner.domain.states import NotebookState, RunState, Source
from ovh_spawner.errors import NotFoundError, QuotaExceededError, WrongStateError
from ovh_spawner.service.operations.views import ListQuery
from tests.support.fake_hub_servers import Manner
from tests.support.world import ANN, BOB, RW, gpus, spec


async def test_32_simultaneous_starts_never_pass_a_quota_of_4_gpus(world):
    world.hub.manner = Manner.FORGETS

    async def create():
        return await world.notebooks.create(ANN, spec(resources=gpus(1)))

    outcomes = await asyncio.gather(*(create() for _ in range(32)), return_exceptions=True)

    refused = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert len(outcomes) - len(refused) == 4
    assert {type(error) for error in refused} == {QuotaExceededError}
    quota = await world.service.operations.capabilities.quota(ANN)
    assert (quota.gpus_used, quota.gpu_quota) == (4, 4)


async def test_the_quota_lets_in_what_fits_beside_larger_holds(world):
    world.hub.manner = Manner.FORGETS

    async def create(count):
        return await world.notebooks.create(ANN, spec(resources=gpus(count)))

    outcomes = await asyncio.gather(*(create(n) for n in (3, 2, 3, 2, 1, 1)), return_exceptions=True)
    held = sum(o.last_run.count for o in outcomes if not isinstance(o, Exception))

    assert held <= 4
    assert held >= 3


async def test_a_refused_creation_leaves_nothing_behind(world):
    await world.running(resources=gpus(4))
    with pytest.raises(QuotaExceededError):
        await world.notebooks.create(ANN, spec(resources=gpus(1)))

    assert len(world.hub.bodies) == 1
    page = await world.notebooks.list(ANN, ListQuery())
    assert page.total == 1


async def test_cpus_pass_a_full_gpu_quota(world):
    await world.running(resources=gpus(4))
    other = await world.running()

    assert other.state is NotebookState.RUNNING


async def test_a_stopping_notebook_no_longer_counts(world):
    first = await world.running(resources=gpus(4))
    await world.report(first.last_run.id, RunState.STOPPING)

    second = await world.running(resources=gpus(4))
    assert second.state is NotebookState.RUNNING


async def test_the_refusal_names_only_notebooks_that_the_asker_may_see(world):
    await world.running(BOB, name="bobs", resources=gpus(2))
    await world.running(ANN, name="anns", resources=gpus(2))

    with pytest.raises(QuotaExceededError) as refusal:
        await world.notebooks.create(ANN, spec(resources=gpus(1)))
    assert refusal.value.details["by"] == ["anns"]
    assert "bobs" not in refusal.value.message


async def test_the_spawner_adopts_the_run_that_the_api_opened(world):
    world.hub.manner = Manner.FORGETS
    created = await world.notebooks.create(ANN, spec(resources=gpus(4)))

    opened = await world.open("ann", created.server_name, created.id)
    assert opened.run == created.last_run.id


async def test_the_same_attempt_gets_the_same_run_and_token(world):
    notebook = await world.stopped()
    attempt = uuid4()

    first = await world.open("ann", notebook.server_name, notebook.id, attempt=attempt)
    again = await world.open("ann", notebook.server_name, notebook.id, attempt=attempt)
    assert first == again
    await world.runs.authenticate_gateway(first.run, first.gateway_token)


async def test_the_same_attempt_sent_twice_at_once_opens_one_run(world):
    notebook = await world.stopped()
    attempt = uuid4()

    opened = await asyncio.gather(
        *(world.open("ann", notebook.server_name, notebook.id, attempt=attempt) for _ in range(5))
    )
    assert len({run.run for run in opened}) == 1


async def test_a_running_notebook_cannot_be_opened_again(world):
    notebook = await world.running()

    with pytest.raises(WrongStateError, match="RUNNING already"):
        await world.open("ann", notebook.server_name, notebook.id)


@pytest.mark.parametrize("asked", [("bob", None), ("ann", "another-server")])
async def test_somebody_elses_server_learns_nothing_of_a_notebook(world, asked):
    notebook = await world.stopped()

    with pytest.raises(NotFoundError):
        await world.open(asked[0], asked[1] or notebook.server_name, notebook.id)


async def test_the_environment_has_the_users_variables_and_then_the_platforms(world):
    notebook = await world.stopped(
        envVars=[{"name": "COLOUR", "value": "blue"}], volumes=[{**RW, "permission": "R"}]
    )
    opened = await world.open("ann", notebook.server_name, notebook.id)

    assert opened.environment["COLOUR"] == "blue"
    assert opened.environment["NOTEBOOK_ID"] == str(notebook.id)
    assert [volume.mount_path for volume in opened.pull.volumes] == ["/workspace/out"]


async def test_without_volumes_there_is_nothing_to_pull(world):
    notebook = await world.stopped()

    assert (await world.open("ann", notebook.server_name, notebook.id)).pull is None


async def test_cookie_key_is_stable_over_runs_and_the_gateway_token_is_not(world):
    notebook = await world.stopped()
    first = await world.open("ann", notebook.server_name, notebook.id)
    await world.report(first.run, RunState.STOPPING)
    await world.report(first.run, RunState.STOPPED)
    second = await world.open("ann", notebook.server_name, notebook.id)

    assert first.cookie_key == second.cookie_key
    assert first.gateway_token != second.gateway_token


async def test_stopped_before_the_spawner_came_means_not_started(world):
    world.hub.manner = Manner.IS_DOWN
    created = await world.notebooks.create(ANN, spec())
    await world.report(created.last_run.id, RunState.STOPPING, source=Source.API)

    with pytest.raises(WrongStateError, match="stopped"):
        await world.open("ann", created.server_name, created.id)
    view = await world.until_state(created.id, NotebookState.STOPPED)
    assert view.duration == 0
