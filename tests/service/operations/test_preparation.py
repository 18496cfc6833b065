import pytest

from ovh_spawner.domain.states import RunState
from ovh_spawner.errors import NotFoundError, WrongStateError
from tests.support.fake_hub_servers import Manner
from tests.support.world import ANN, RW, spec


async def opened(world, **changes):
    world.hub.manner = Manner.FORGETS
    created = await world.notebooks.create(ANN, spec(**changes))
    return await world.open("ann", created.server_name, created.id)


async def test_a_run_is_prepared_with_all_that_its_processes_need(world):
    run = await opened(world, volumes=[RW])
    prepared = await world.service.operations.preparation.prepare(run.run)
    [parts] = world.runner.prepared

    assert (prepared.run, prepared.notebook) == (run.run, run.notebook)
    assert parts.opened == run
    assert parts.editor.id == "jupyterlab"
    assert parts.prefix.startswith("/user/ann/nb-")


async def test_a_run_that_ends_while_it_is_prepared_leaves_nothing(world):
    run = await opened(world)
    prepare = world.runner.prepare_run

    async def end_meanwhile(parts):
        await world.report(run.run, RunState.FAILED, launched=False)
        return await prepare(parts)

    world.runner.prepare_run = end_meanwhile
    with pytest.raises(WrongStateError):
        await world.service.operations.preparation.prepare(run.run)

    assert world.runner.forgotten == [run.run]


async def test_an_unknown_run_is_not_prepared(world):
    run = await opened(world)
    with pytest.raises(NotFoundError):
        await world.service.operations.preparation.prepare(run.notebook)
