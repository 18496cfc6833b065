"""Who somebody is: hub, settings, groups and the API's members come together, and lost roles act soon."""

from functools import partial

import pytest

from ovh_spawner.contract.runs import ResolveRequest
from ovh_spawner.domain.access import Role
from ovh_spawner.domain.states import Door
from ovh_spawner.errors import HubError, InvalidSpecError, PermissionDeniedError
from ovh_spawner.service.operations.administration import membership_from
from tests.support.fake_hub_servers import Manner
from tests.support.world import BOSS, World

PROJECTS = {
    "physics": {
        "administrators": {"users": ["ada"]},
        "operators": {"groups": ["ai-physics", "lab-*"]},
        "readers": {"groups": ["students"]},
    }
}


@pytest.fixture
async def with_projects(tmp_path):
    url = f"sqlite+aiosqlite:///{tmp_path}/ledger.sqlite"
    made = World(tmp_path, url, projects=PROJECTS, project={"group_pattern": "nb-{project}-{role}"})
    await made.start()
    yield made
    await made.close()


async def _roles(world, name: str) -> dict[str, Role]:
    return dict((await world.service.operations.people.person(name)).roles)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_without_projects_everybody_is_an_operator_of_the_one(world):
    assert await _roles(world, "anybody") == {"default": Role.OPERATOR}


async def test_with_projects_nobody_is_in_one_by_default(with_projects):
    assert await _roles(with_projects, "anybody") == {}


async def test_users_and_groups_of_the_settings_are_members(with_projects):
    with_projects.hub.groups |= {"bob": ["lab-7", "students"], "eve": ["students", "elsewhere"]}

    assert await _roles(with_projects, "ada") == {"physics": Role.ADMINISTRATOR}
    assert await _roles(with_projects, "bob") == {"physics": Role.OPERATOR}
    assert await _roles(with_projects, "eve") == {"physics": Role.READ}


async def test_a_group_brings_its_project_with_it(with_projects):
    with_projects.hub.groups["bob"] = ["nb-chemistry-operators"]
    bob = await with_projects.service.operations.people.person("bob")

    notebook = await with_projects.running(bob)

    assert notebook.project == "chemistry"


async def test_a_role_that_was_taken_away_is_gone_within_seconds(with_projects):
    with_projects.hub.groups["bob"] = ["ai-physics"]
    assert await _roles(with_projects, "bob") == {"physics": Role.OPERATOR}

    with_projects.hub.groups["bob"] = []
    with_projects.clock.advance(seconds=5)

    assert await _roles(with_projects, "bob") == {}


async def test_a_start_through_the_hub_needs_the_role_as_well(with_projects):
    with_projects.hub.groups |= {"bob": ["ai-physics"], "eve": ["students"]}
    bob = await with_projects.service.operations.people.person("bob")
    notebook = await with_projects.stopped(bob)
    server = ResolveRequest(user="bob", server_name=notebook.server_name, door=Door.HUB)
    new = ResolveRequest(user="eve", server_name="nb-new", options={"project": "physics"}, door=Door.HUB)

    with_projects.hub.groups["bob"] = ["students"]
    with_projects.clock.advance(seconds=5)

    with pytest.raises(PermissionDeniedError, match="operator"):
        await with_projects.notebooks.resolve(server)
    with pytest.raises(PermissionDeniedError, match="operator"):
        await with_projects.open("bob", notebook.server_name, notebook.id)
    with pytest.raises(PermissionDeniedError, match="physics"):
        await with_projects.notebooks.resolve(new)


async def test_a_notebook_stays_in_its_project(with_projects):
    with_projects.hub.groups["bob"] = ["ai-physics", "nb-art-operators"]
    first = ResolveRequest(user="bob", server_name="nb-one", options={"project": "art"}, door=Door.HUB)
    moved = first.model_copy(update={"options": {"project": "physics"}})
    await with_projects.notebooks.resolve(first)

    with pytest.raises(InvalidSpecError, match="stays in its project"):
        await with_projects.notebooks.resolve(moved)
    page = await with_projects.service.operations.capabilities.spawn_page("bob", "nb-two")
    assert (page.project, [choice.id for choice in page.projects]) == ("art", ["art", "physics"])


async def test_whom_the_hub_has_removed_has_no_role(with_projects):
    with_projects.hub.strangers.add("ada")

    assert await _roles(with_projects, "ada") == {}


async def test_while_the_hub_is_away_what_it_said_last_stands(with_projects):
    await _roles(with_projects, "ada")
    with_projects.hub.manner = Manner.IS_DOWN
    with_projects.clock.advance(hours=1)

    assert await _roles(with_projects, "ada") == {"physics": Role.ADMINISTRATOR}
    with pytest.raises(HubError):
        await _roles(with_projects, "never-seen")


async def test_the_hub_is_not_asked_again_for_some_seconds(with_projects):
    for _ in range(3):
        await _roles(with_projects, "ada")

    assert with_projects.hub.calls == ["GET /hub/api/users/ada"]


async def test_another_replica_sees_a_new_member_within_seconds(with_projects):
    await with_projects.service.operations.projects.create(BOSS, {"name": "biology"})
    replica = await with_projects.new_service()
    await replica.operations.people.person("bob")

    await with_projects.service.operations.projects.set_member(
        BOSS, membership_from("biology", "user", "bob", data={"role": "operator"})
    )
    with_projects.clock.advance(seconds=5)

    assert (await replica.operations.people.person("bob")).roles == {"biology": Role.OPERATOR}
    await replica.stop()


async def test_projects_and_members_are_kept_in_either_database(world):
    projects, bob = world.service.operations.projects, partial(membership_from, "biology", "user", "bob")
    await projects.create(BOSS, {"name": "biology", "labels": {"floor": "3"}, "gpuQuota": 2})
    for role in ("read", "administrator"):
        await projects.set_member(BOSS, bob(data={"role": role}))
    assert await _roles(world, "bob") == {"default": Role.OPERATOR, "biology": Role.ADMINISTRATOR}

    await projects.update(BOSS, "biology", {"title": "Life"})
    [found] = [view for view in await projects.list(BOSS) if view.project.name == "biology"]
    assert (found.project.title, found.project.gpu_quota, found.project.labels) == ("Life", 2, {"floor": "3"})

    await projects.remove_member(BOSS, bob())
    await projects.close(BOSS, "biology")
    assert await _roles(world, "bob") == {"default": Role.OPERATOR}
    assert [view.project.name for view in await projects.list(BOSS)] == ["default"]
