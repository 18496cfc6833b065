"""The vendor's unmodified client drives our API in its strict mode: a status it does not know is an error."""

import asyncio
from functools import partial
from http import HTTPStatus

import pytest_asyncio
from ovhai import AuthenticatedClient
from ovhai.api.capabilities import (
    get_v1_capabilities_flavor,
    get_v1_capabilities_flavor_id,
    get_v1_capabilities_notebook_editor,
    get_v1_capabilities_notebook_editor_id,
    get_v1_capabilities_notebook_framework,
    get_v1_capabilities_notebook_framework_id,
    get_v1_capabilities_quota,
)
from ovhai.api.deprecated_capabilities import (
    get_v1_notebook_capabilities_editor,
    get_v1_notebook_capabilities_editor_id,
    get_v1_notebook_capabilities_framework,
    get_v1_notebook_capabilities_framework_id,
)
from ovhai.api.me import me
from ovhai.api.notebook import (
    notebook_cli_command,
    notebook_data_sync,
    notebook_delete,
    notebook_edit,
    notebook_edit_label,
    notebook_get,
    notebook_get_all,
    notebook_new,
    notebook_start,
    notebook_stop,
)
from ovhai.models import (
    DataStoreVolumeSource,
    DataSyncSpec,
    DataSyncSpecDirection,
    LabelUpdate,
    Notebook,
    NotebookEnv,
    NotebookSpec,
    NotebookSpecUpdate,
    NotebookSpecUpdateLabelsType0,
    Order,
    Resources,
    Volume,
)

from tests.support.http_doors import of_world, open_door
from tests.support.world import BOSS, World, until


@pytest_asyncio.fixture
async def world(tmp_path):
    made = World(tmp_path, f"sqlite+aiosqlite:///{tmp_path}/ledger.sqlite")
    await made.start()
    made.hub.on_stop = partial(end_run, made)
    yield made
    # Every key starts like "": what the service does in the background comes to its end.
    await made.service.means.background.settled("")
    await made.close()


async def end_run(world: World, user: str, server: str) -> None:
    """Do what a spawner does at a stop."""
    brief = await world.notebooks.find_by_server(user, server)
    await world.end(await world.notebooks.get(BOSS, brief.notebook))


@pytest_asyncio.fixture
async def client(world):
    async with open_door(serve=of_world(world)) as door:
        made = sdk_client(door.api, door.hub.add("ada"))
        yield made
        made.get_httpx_client().close()


async def until_state(client, key: str, state: str):
    async def look():
        found = (await call(notebook_get, id=key, client=client)).parsed
        return found if found.status.state == state else None

    return await until(look, what=f"state {state}")


def sdk_client(api: str, token: str) -> AuthenticatedClient:
    return AuthenticatedClient(
        base_url=api.rstrip("/"),
        token=token,
        raise_on_unexpected_status=True,
        timeout=30,
        httpx_args={"trust_env": False},
    )


async def call(operation, *args, **kwargs):
    """Call the client as most people do: synchronously, here in a thread beside the service."""
    return await asyncio.to_thread(operation.sync_detailed, *args, **kwargs)


def spec(**changes):
    return NotebookSpec(
        env=NotebookEnv(editor_id="jupyterlab", framework_id="conda"),
        resources=Resources(flavor="ai1-1-cpu", cpu=2),
        volumes=[
            Volume(
                mount_path="/workspace/data",
                permission="RWD",
                data_store=DataStoreVolumeSource(alias="DEMO", container="results"),
            )
        ],
        **changes,
    )


async def new(client, **changes):
    answer = await call(notebook_new, client=client, body=spec(**changes))
    assert answer.status_code == HTTPStatus.OK
    return answer.parsed


async def test_a_notebooks_whole_life(client):
    made = await new(client, name="from-the-sdk")
    key = made.id
    labels = NotebookSpecUpdateLabelsType0.from_dict({"a": "b"})
    running = await until_state(client, key, "RUNNING")
    steps = [
        await call(notebook_edit_label, id=key, client=client, body=LabelUpdate(name="team", value="blue")),
        await call(notebook_stop, id=key, client=client),
    ]
    stopped = await until_state(client, key, "STOPPED")
    edit = NotebookSpecUpdate(labels=labels, resources=Resources(flavor="ai1-1-cpu", cpu=3))
    steps += [
        await call(notebook_edit, id=key, client=client, body=edit),
        await call(notebook_start, id=key, client=client),
    ]
    again = await until_state(client, key, "RUNNING")
    refused = await call(notebook_delete, id=key, client=client)
    steps.append(await call(notebook_delete, id=key, client=client, force=True))

    assert [step.status_code for step in steps] == [HTTPStatus.NO_CONTENT] * 5
    assert refused.status_code == HTTPStatus.BAD_REQUEST
    assert (again.id, again.status.url) == (made.id, made.status.url)
    assert running.status.last_started_at.tzinfo is not None
    assert stopped.status.last_stopped_at >= running.status.last_started_at
    assert again.spec.resources.cpu == 3
    assert again.spec.labels["a"] == "b"

    async def is_gone() -> bool:
        return (await call(notebook_get, id=key, client=client)).status_code == HTTPStatus.NOT_FOUND

    await until(is_gone, what="the notebook to be gone")


async def test_every_field_of_a_notebook_is_parsed_and_written_back(client):
    made = await new(client)
    await until_state(client, made.id, "RUNNING")
    sync = await call(
        notebook_data_sync,
        id=made.id,
        client=client,
        body=DataSyncSpec(direction=DataSyncSpecDirection.PUSH, manual=True),
    )

    async def synced():
        found = (await call(notebook_get, id=made.id, client=client)).parsed
        done = [s for s in found.status.data_sync if s.id == sync.parsed.id and s.status.state == "DONE"]
        return (found, done[0]) if done else None

    parsed, done = await until(synced, what="the data sync to be done")

    assert sync.parsed.spec.manual is True
    assert isinstance(parsed.spec.volumes[0], Volume)
    assert parsed.spec.volumes[0].data_store.container == "results"
    assert parsed.spec.resources.cpu == 2
    assert parsed.status.last_job_status.history[0].date.tzinfo is not None
    assert done.status.progress[0].notebook_volume.mount_path == "/workspace/data"
    assert parsed.status.volumes[0].last_pushed_created_at == done.created_at
    assert Notebook.from_dict(parsed.to_dict()).to_dict() == parsed.to_dict()


async def test_a_spec_that_the_client_read_can_be_sent_again(client):
    made = await new(client)
    again = NotebookSpec.from_dict({**made.spec.to_dict(), "labels": {}})

    answer = await call(notebook_new, client=client, body=again)

    assert answer.status_code == HTTPStatus.OK, answer.content


async def test_the_list_takes_all_of_the_clients_filters(client):
    for _ in range(3):
        await new(client)

    answer = await call(
        notebook_get_all,
        client=client,
        page=1,
        size=2,
        order=Order.ASC,
        sort="createdAt",
        updated_after=1_600_000_000,
        updated_before=4_000_000_000,
        with_spark=False,
        status_state=["RUNNING", "STARTING"],
        user_name="ada",
        label_selector="ovh/type=notebook",
    )

    assert answer.status_code == HTTPStatus.OK
    assert len(answer.parsed.items) == 2
    assert (answer.parsed.metadata.total, answer.parsed.metadata.page_count) == (3, 2)


async def test_a_wrong_spec_is_a_400_that_the_client_knows(client):
    wrong = NotebookSpec(
        env=NotebookEnv(editor_id="emacs", framework_id="conda"),
        resources=Resources(flavor="ai1-1-cpu", cpu=13),
    )

    answer = await call(notebook_new, client=client, body=wrong)

    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert b"emacs" in answer.content


async def test_the_command_for_a_spec(client):
    answer = await call(notebook_cli_command, client=client, body=spec())

    assert answer.parsed.command.startswith("ovhai notebook run")


async def test_capabilities_in_both_shapes(client):
    lists = [
        (get_v1_capabilities_notebook_editor, get_v1_capabilities_notebook_editor_id),
        (get_v1_capabilities_notebook_framework, get_v1_capabilities_notebook_framework_id),
        (get_v1_capabilities_flavor, get_v1_capabilities_flavor_id),
        (get_v1_notebook_capabilities_editor, get_v1_notebook_capabilities_editor_id),
        (get_v1_notebook_capabilities_framework, get_v1_notebook_capabilities_framework_id),
    ]
    for everything, one in lists:
        found = (await call(everything, client=client)).parsed
        single = (await call(one, found[0].id, client=client)).parsed
        assert single.to_dict() == found[0].to_dict()


async def test_quota_and_me(client):
    quotas = (await call(get_v1_capabilities_quota, client=client)).parsed
    who = (await call(me, client=client)).parsed

    assert quotas[0].resources["GPU"] == 4
    assert (who.name, who.role.value, who.token_kind.value) == ("ada", "ai_training_operator", "oauth")


async def test_a_wrong_token_is_a_401_that_the_client_knows(client):
    stranger = sdk_client(client._base_url, "nobody")

    answer = await call(notebook_get_all, client=stranger)
    stranger.get_httpx_client().close()

    assert answer.status_code == HTTPStatus.UNAUTHORIZED
