import pytest

from ovh_spawner.contract.runs import ResolveRequest
from ovh_spawner.domain.access import Person, Role
from ovh_spawner.domain.states import Door
from ovh_spawner.errors import (
    InvalidSpecError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
    WrongStateError,
)
from ovh_spawner.service.db.audit import AuditFilter
from tests.support.fake_hub_servers import Manner
from tests.support.world import ANN, BOSS, World, spec

PROJECT = {"lab": {"operators": {"users": ["ann"]}, "readers": {"users": ["rea"]}}}
LAB_ANN = Person("ann", roles={"lab": Role.OPERATOR})


@pytest.fixture
async def lab(tmp_path):
    """A world with one declared project, whose members open each other's notebooks."""
    made = World(tmp_path, f"sqlite+aiosqlite:///{tmp_path}/ledger.sqlite", projects=PROJECT)
    await made.start()
    yield made
    await made.close()


async def _code(world, notebook):
    return await world.service.operations.access.issue_code(ANN, notebook.id, notebook.last_run.id)


async def test_a_code_lets_its_person_in_once(world):
    notebook = await world.running()
    access = world.service.operations.access
    code = await _code(world, notebook)
    admission = await access.redeem(notebook.last_run.id, code)

    assert admission.visitor == "user:ann"
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

    access = world.service.operations.access
    policy = await access.policy(closed.last_run.id, ["user:ann", "user:bob", "nonsense"])
    assert (policy.access, policy.visitors) == ("restricted", ["user:ann"])
    assert (await access.policy(opened.last_run.id, [])).access == "open"


async def _visitors(world, notebook, *visitors):
    policy = await world.service.operations.access.policy(notebook.last_run.id, visitors)
    return policy.visitors, policy.undecided


async def _token(world, **changes):
    asked = {"name": "class", "role": "read", **changes}
    return await world.service.operations.tokens.create(LAB_ANN, asked)


async def test_members_open_each_others_notebooks_and_strangers_do_not(lab):
    notebook = await lab.running(LAB_ANN)

    assert await _visitors(lab, notebook, "user:ann", "user:rea", "user:eve", "user:boss") == (
        ["user:ann", "user:rea"],
        [],
    )


NO_TOKEN = "token:00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize("visitor", ["", "user:", "ann", "token:x:1", f"{NO_TOKEN}:1", NO_TOKEN])
async def test_what_is_no_visitor_is_nobody(lab, visitor):
    notebook = await lab.running(LAB_ANN)

    assert await _visitors(lab, notebook, visitor) == ([], [])


async def test_of_whom_the_hub_never_told_nothing_is_decided_while_it_is_away(lab):
    notebook = await lab.running(LAB_ANN)
    await _visitors(lab, notebook, "user:rea")
    lab.hub.manner = Manner.IS_DOWN
    lab.clock.advance(minutes=1)

    assert await _visitors(lab, notebook, "user:rea", "user:ann2") == (["user:rea"], ["user:ann2"])


async def test_a_token_opens_what_its_selector_names(lab):
    notebook = await lab.running(LAB_ANN, labels={"class": "physics"})
    other = await lab.running(LAB_ANN, labels={"class": "history"})
    token = await _token(lab, labelSelector="class=physics")
    access = lab.service.operations.access
    admission = await access.present_token(notebook.last_run.id, token.value)

    assert await _visitors(lab, notebook, admission.visitor) == ([admission.visitor], [])
    assert await _visitors(lab, other, admission.visitor) == ([], [])
    with pytest.raises(PermissionDeniedError):
        await access.present_token(other.last_run.id, token.value)


async def test_a_deleted_or_renewed_token_is_no_visitor_any_more(lab):
    notebook = await lab.running(LAB_ANN)
    access, tokens = lab.service.operations.access, lab.service.operations.tokens
    for act in (tokens.delete, tokens.renew):
        token = await _token(lab)
        admission = await access.present_token(notebook.last_run.id, token.value)
        await act(LAB_ANN, token.view.id)

        assert await _visitors(lab, notebook, admission.visitor) == ([], [])
        with pytest.raises(PermissionDeniedError):
            await access.present_token(notebook.last_run.id, token.value)


async def test_a_token_of_somebody_who_left_the_project_opens_nothing(lab):
    notebook = await lab.running(LAB_ANN)
    token = await _token(lab)
    access = lab.service.operations.access
    admission = await access.present_token(notebook.last_run.id, token.value)
    lab.hub.strangers.add("ann")
    lab.clock.advance(seconds=10)

    assert await _visitors(lab, notebook, admission.visitor, "user:ann") == ([], [])


async def test_a_hub_token_or_nonsense_opens_no_notebook(lab):
    notebook = await lab.running(LAB_ANN)
    for value in ("", "a" * 32, "ovhn_nonsense"):
        with pytest.raises(PermissionDeniedError):
            await lab.service.operations.access.present_token(notebook.last_run.id, value)


async def test_letting_in_is_in_the_audit_log_and_the_token_is_not(lab):
    notebook = await lab.running(LAB_ANN)
    token = await _token(lab)
    await lab.service.operations.access.present_token(notebook.last_run.id, token.value)
    async with lab.service.means.ledger.reading() as unit:
        entries = await unit.audit.list_page(AuditFilter(action="notebook.open"), skip=0, limit=10)

    (entry,) = entries
    assert (entry.target, entry.credential) == (str(notebook.id), f"token:{token.view.id}:1")
    assert token.value not in repr(entry)


async def test_two_people_may_call_their_servers_the_same(world):
    """Names of servers are each person's own: nobody gets into another's notebook by choosing its name."""
    names = ("ann", "bob", "ann/nb-same", "ann%2Fnb-same")
    made = [
        await world.notebooks.resolve(
            ResolveRequest(user=name, server_name="nb-same", options=spec(), door=Door.HUB)
        )
        for name in names
    ]
    views = [await world.notebooks.get(BOSS, each.notebook) for each in made]

    assert len({view.id for view in views}) == len(names)
    assert len({view.url for view in views}) == len(names)
    with pytest.raises(NotFoundError):
        await world.open("bob", "nb-same", views[0].id)


async def test_where_open_notebooks_are_switched_off_none_is_made_and_those_there_are_closed(tmp_path):
    world = World(tmp_path, f"sqlite+aiosqlite:///{tmp_path}/ledger.sqlite")
    await world.start()
    opened = await world.running(unsecureHttp=True)
    world.blocks = {"access": {"open_notebooks": "refused"}}
    await world.restart()
    policy = await world.service.operations.access.policy(opened.last_run.id, ["user:ann", "user:eve"])

    assert (policy.access, policy.visitors) == ("restricted", ["user:ann"])
    with pytest.raises(InvalidSpecError, match="switched off"):
        await world.notebooks.create(ANN, spec(unsecureHttp=True))
    closed = await world.running()
    with pytest.raises(InvalidSpecError, match="switched off"):
        await world.notebooks.update(ANN, closed.id, {"unsecureHttp": True})
    await world.close()
