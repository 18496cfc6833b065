import asyncio

import pytest

from ovh_spawner.contract.runs import ResolveRequest
from ovh_spawner.domain.states import NotebookState
from ovh_spawner.errors import InvalidSpecError, NotFoundError, WrongStateError
from tests.support.fake_hub_servers import Manner
from tests.support.world import ANN, BOB, BOSS, RO, spec

ENV = [{"name": "KEY", "value": "secret"}]


async def resolve(world, options, *, user="ann", server_name="mine", door="form"):
    request = ResolveRequest(user=user, server_name=server_name, options=options, door=door)
    return await world.notebooks.resolve(request)


@pytest.mark.parametrize("options", [None, {}])
async def test_a_server_without_options_gets_a_notebook_with_every_default(world, options):
    reference = await resolve(world, options)
    view = await world.notebooks.get(ANN, reference.notebook)

    assert (view.spec.editor, view.spec.framework, view.server_name) == ("jupyterlab", "conda", "mine")
    assert (view.spec.flavor, view.spec.count) == ("ai1-1-gpu", 1)
    assert view.state is NotebookState.STOPPED


async def test_the_same_server_keeps_its_notebook_and_a_change_makes_a_revision(world):
    first = await resolve(world, spec(name="one"))
    same = await resolve(world, spec(name="one"))
    changed = await resolve(world, spec(name="two"))
    nothing = await resolve(world, None)

    assert same == first
    assert (changed.notebook, changed.revision) == (first.notebook, 2)
    assert nothing == changed


async def test_two_servers_of_a_person_have_two_notebooks(world):
    one, two = await resolve(world, None), await resolve(world, None, server_name="other")

    assert one.notebook != two.notebook


async def test_simultaneous_requests_for_a_new_server_make_one_notebook(world):
    references = await asyncio.gather(*(resolve(world, spec(name="x")) for _ in range(6)))

    assert len({reference.notebook for reference in references}) == 1


async def test_a_reference_leads_to_its_own_servers_notebook_only(world):
    reference = await resolve(world, None)
    options = {"notebook": str(reference.notebook), "revision": 1}

    assert await resolve(world, options) == reference
    with pytest.raises(NotFoundError):
        await resolve(world, options, user="bob")
    with pytest.raises(NotFoundError):
        await resolve(world, options, server_name="other")


async def test_an_old_reference_leads_to_the_newest_revision(world):
    reference = await resolve(world, None)
    await resolve(world, spec(name="newer"))

    again = await resolve(world, {"notebook": str(reference.notebook), "revision": 1})
    assert again.revision == 2


async def test_the_hubs_api_takes_no_secrets_and_the_form_does(world):
    with pytest.raises(InvalidSpecError, match="envVars"):
        await resolve(world, spec(envVars=ENV), door="hub")

    assert await resolve(world, spec(envVars=ENV), door="form")


async def test_bad_options_are_refused_and_nothing_is_stored(world):
    with pytest.raises(InvalidSpecError):
        await resolve(world, spec(resources={"flavor": "ai1-1-cpu", "cpu": 13}))

    assert await world.notebooks.find_by_server("ann", "mine") is None


async def test_options_do_not_change_a_notebook_that_runs(world):
    notebook = await world.running()

    with pytest.raises(WrongStateError, match="RUNNING"):
        await resolve(world, spec(name="new"), server_name=notebook.server_name)


async def test_a_notebook_that_the_api_is_starting_resolves_to_its_reference(world):
    world.hub.manner = Manner.FORGETS
    created = await world.notebooks.create(ANN, spec())

    options = {"notebook": str(created.id), "revision": created.revision}
    reference = await resolve(world, options, server_name=created.server_name, door="hub")
    assert reference.notebook == created.id


async def test_what_came_through_the_hub_is_in_the_same_list(world):
    await resolve(world, spec(name="by form"))
    brief = await world.notebooks.find_by_server("ann", "mine")

    assert (brief.name, brief.state) == ("by form", NotebookState.STOPPED)
    assert (await world.notebooks.get(BOSS, brief.notebook)).owner == "ann"


async def test_the_spawn_page_shows_what_can_be_chosen_and_what_was(world):
    empty = await world.service.operations.capabilities.spawn_page("ann", "mine")
    await resolve(world, spec(name="mine", envVars=ENV))
    filled = await world.service.operations.capabilities.spawn_page("ann", "mine")

    assert (empty.notebook, empty.spec) == (None, None)
    assert empty.gpu_quota == 4
    assert empty.data_stores == ["DEMO"]
    assert [f.simulated for f in empty.flavors if f.gpu] == [True]
    assert {f.id for f in empty.frameworks if not f.unavailable} == {"conda"}
    assert filled.notebook.name == "mine"
    assert filled.spec["envVars"] == ENV
    same = await resolve(world, filled.spec)
    assert same.revision == 1


async def test_a_persons_notebooks_are_told_at_once_by_their_servers(world):
    stopped = await world.stopped()
    running = await world.running(volumes=[RO])
    await world.running(BOB)

    found = await world.notebooks.find_of_user("ann")

    assert {name: brief.state for name, brief in found.items()} == {
        stopped.server_name: NotebookState.STOPPED,
        running.server_name: NotebookState.RUNNING,
    }
    for server_name, brief in found.items():
        assert brief == await world.notebooks.find_by_server("ann", server_name)
    assert await world.notebooks.find_of_user("nobody") == {}
