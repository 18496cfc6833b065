"""Notebooks that end by themselves, and hubs that die and come back."""

import os
import signal
from datetime import UTC, datetime

import httpx
import pytest

from ovh_spawner.hub.local_process import LocalProcess
from tests.support.fake_hub import until


class PowerFailureError(Exception):
    """Ends what the hub was doing, as its own death would."""


async def running(alice, name="nb-one"):
    answer = await alice.api("POST", alice.server(name), json={})
    assert answer.status_code == 201, answer.text
    return alice.user.spawners[name]


async def editor_ends(spawner, code):
    async with httpx.AsyncClient(trust_env=False) as client:
        await client.post(f"http://127.0.0.1:{spawner.gateway_port}/end/{code}")
    await until(lambda: not spawner.process.is_alive(), what="the process to end")


@pytest.fixture(autouse=True)
def children():
    """Processes of hubs that are gone in the story; this one has to wait for them all the same."""
    left = []
    yield left
    for process in left:
        process._popen.wait(10)


@pytest.fixture
def restored(children):
    """The spawner as a new hub would find it: same row, no memory."""

    def restore(spawner, **changes):
        state = {**spawner.orm_spawner.state, **changes}
        children.append(spawner.process)
        spawner.clear_state()
        spawner.load_state(state)
        return spawner

    return restore


async def test_leaving_the_editor_is_a_stop(service, person):
    spawner = await running(await person())
    await editor_ends(spawner, 0)

    assert await spawner.poll() == 0
    assert await spawner.poll() == 0
    assert [(e["state"], e["launched"]) for e in service.ends()] == [("STOPPED", True)]


async def test_a_crash_is_reported_once_at_the_time_when_it_happened(service, person):
    spawner = await running(await person())
    before = datetime.now(UTC)
    await editor_ends(spawner, 9)
    after = datetime.now(UTC)

    codes = [await spawner.poll(), await spawner.poll()]

    assert codes == [9, 0]
    (end,) = service.ends()
    assert end["state"] == "FAILED"
    assert "exit code 9" in end["message"]
    assert before <= datetime.fromisoformat(end["at"]) <= after


async def test_a_killed_gateway_ends_in_error_at_its_last_sign_of_life(service, person):
    spawner = await running(await person())
    assert await spawner.poll() is None
    seen_alive = spawner.last_alive
    os.kill(spawner.process.pid, signal.SIGKILL)
    await until(lambda: not spawner.process.is_alive(), what="the process to end")

    await spawner.poll()

    (end,) = service.ends()
    assert end["state"] == "ERROR"
    assert datetime.fromisoformat(end["at"]) == seen_alive


async def test_the_hub_lets_go_of_a_notebook_that_ended(service, person):
    alice = await person()
    spawner = await running(alice)
    await editor_ends(spawner, 0)

    await spawner.poll_and_notify()

    assert alice.row("nb-one").server is None
    assert len(service.ends()) == 1


async def test_the_state_is_stored_as_soon_as_the_process_runs(service, hub, person):
    alice = await person(app=await hub("deaf"))
    alice.hub.tornado_settings["slow_spawn_timeout"] = 0
    await alice.api("POST", alice.server("nb-one"), json={})

    state = await until(
        lambda: (alice.row("nb-one").state or {}).get("pid") and alice.row("nb-one").state,
        what="the checkpoint",
    )

    assert state["running"] is False
    assert state["launched"] is True
    assert LocalProcess(state["pid"], state["created_at"]).is_alive()
    await alice.api("DELETE", alice.server("nb-one"))


async def test_a_hub_that_comes_back_finds_its_notebook(service, person, restored):
    spawner = restored(await running(await person()))

    assert await spawner.poll() is None
    assert await spawner.get_url() == f"http://127.0.0.1:{spawner.gateway_port}/user/alice/nb-one/"

    await spawner.stop()

    assert await spawner.poll() == 0
    assert service.states() == ["RUNNING", "STOPPING", "STOPPED"]


async def test_a_reused_process_id_is_not_taken_for_the_notebook(service, person, restored):
    spawner = await running(await person())
    process = spawner.process
    spawner = restored(spawner, pid=os.getpid())

    assert await spawner.poll() != None  # noqa: E711 - zero is an answer too

    assert [e["state"] for e in service.ends()] == ["ERROR"]
    await process.end(5.0)


async def test_a_hub_killed_before_the_report_reports_running_when_it_is_back(service, person, restored):
    spawner = await running(await person())
    service.transitions.clear()
    spawner = restored(spawner, running=False)

    assert [await spawner.poll(), await spawner.poll()] == [None, None]

    assert service.states() == ["RUNNING"]
    assert spawner.orm_spawner.state["running"] is True


async def test_a_hub_killed_before_the_launch_closes_the_run_without_a_push(service, person):
    spawner = await running(await person())
    process = spawner.process
    state = {k: v for k, v in spawner.orm_spawner.state.items() if k in {"run", "notebook"}}
    spawner.clear_state()
    spawner.load_state({**state, "launched": False, "running": False})

    assert await spawner.poll() is not None

    (end,) = service.ends()
    assert (end["state"], end["code"], end["launched"]) == ("ERROR", "hub_restarted", False)
    await until(lambda: not process.is_alive(), what="everything of the run to end")


async def test_a_stop_that_the_hub_did_not_live_to_finish_is_a_stop(service, person, restored, monkeypatch):
    """The machine went down in the middle of it: hub, gateway and editor are gone, nobody wrote how it ended."""
    spawner = await running(await person())

    async def power_fails(*, grace_seconds: float) -> None:
        raise PowerFailureError

    monkeypatch.setattr(spawner, "end_processes", power_fails)
    with pytest.raises(PowerFailureError):
        await spawner.stop()
    monkeypatch.undo()
    os.kill(spawner.process.pid, signal.SIGKILL)
    await until(lambda: not spawner.process.is_alive(), what="the process to end")
    spawner = restored(spawner)

    assert await spawner.poll() is not None

    assert [(end["state"], end["code"]) for end in service.ends()] == [("STOPPED", "")]


@pytest.mark.parametrize("state", [{}, {"pid": 1}])
async def test_a_row_without_a_run_is_a_server_that_does_not_run(person, state):
    alice = await person()
    spawner = alice.user.get_spawner("")
    spawner.load_state(state)

    assert await spawner.poll() == 0
    assert await spawner.get_url() == ""
