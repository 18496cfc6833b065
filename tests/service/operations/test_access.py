import pytest

from ovh_spawner.errors import PermissionDeniedError, UnauthenticatedError, WrongStateError
from tests.support.world import ANN, BOSS


async def _code(world, notebook):
    return await world.service.operations.access.issue_code(ANN, notebook.id, notebook.last_run.id)


async def test_a_code_lets_its_person_in_once(world):
    notebook = await world.running()
    access = world.service.operations.access
    code = await _code(world, notebook)
    admission = await access.redeem(notebook.last_run.id, code)

    assert admission.user == "ann"
    assert admission.expires_at > world.clock()
    with pytest.raises(UnauthenticatedError):
        await access.redeem(notebook.last_run.id, code)


async def test_a_code_is_of_no_use_to_another_run(world):
    notebook, other = await world.running(), await world.running()
    code = await _code(world, notebook)

    with pytest.raises(UnauthenticatedError):
        await world.service.operations.access.redeem(other.last_run.id, code)


async def test_a_code_expires_after_a_minute(world):
    notebook = await world.running()
    code = await _code(world, notebook)
    world.clock.advance(seconds=60)

    with pytest.raises(UnauthenticatedError):
        await world.service.operations.access.redeem(notebook.last_run.id, code)


async def test_an_admin_gets_no_code_for_another_persons_notebook(world):
    notebook = await world.running()

    with pytest.raises(PermissionDeniedError):
        await world.service.operations.access.issue_code(BOSS, notebook.id, notebook.last_run.id)


async def test_a_stopped_notebook_has_nothing_to_sign_in_to(world):
    notebook = await world.stopped()

    with pytest.raises(WrongStateError, match="STOPPED"):
        await _code(world, notebook)


async def test_the_policy_lets_in_the_owner_or_everyone(world):
    closed = await world.running()
    opened = await world.running(unsecureHttp=True)

    policy = await world.runs.policy(closed.last_run.id)
    assert (policy.access, policy.users) == ("restricted", ["ann"])
    assert (await world.runs.policy(opened.last_run.id)).access == "open"
