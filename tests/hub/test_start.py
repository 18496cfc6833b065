"""Starts and stops through the hub's own API, with everything real but service, gateway and data sync."""

import http.server
import json
import threading

from tests.support.fake_hub import until
from tests.support.mute_proxy import MuteProxy

BUCKET = {
    "id": "6f1f34e0-65d9-4f9d-8d0c-5a4b7cbb9d01",
    "mountPath": "/workspace/data",
    "path": "/nowhere",
    "permission": "R",
    "source": {"type": "folder", "alias": "DEMO", "root": "/nowhere", "container": "books"},
}


class YesToAll(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *args) -> None:
        pass


async def test_a_notebook_starts_runs_and_stops(service, person, tmp_path):
    alice = await person()

    started = await alice.api("POST", alice.server("nb-one"), json={})

    assert started.status_code == 201, started.text
    assert service.states() == ["RUNNING"]
    row = alice.row("nb-one")
    assert row.user_options == {"notebook": service.notebooks["alice", "nb-one"]["notebook"], "revision": 1}
    assert row.server.port == alice.user.spawners["nb-one"].gateway_port

    stopped = await alice.api("DELETE", alice.server("nb-one"))

    assert stopped.status_code == 204
    assert service.states() == ["RUNNING", "STOPPING", "STOPPED"]
    assert service.ends()[0]["launched"] is True
    assert service.ends()[0]["source"] == "hub"


async def test_the_gateway_gets_its_secrets_by_file_and_no_token_of_the_hub(
    service, person, tmp_path, monkeypatch
):
    monkeypatch.setenv("OVH_SPAWNER_SERVICE_TOKEN", "not for you")
    alice = await person()
    await alice.api("POST", alice.server("nb-one"), json={})
    run = next(iter(service.runs))
    notebook = service.notebooks["alice", "nb-one"]["notebook"]
    folder = tmp_path / "notebooks" / notebook / "runs" / run

    environment = json.loads((folder / "seen-environment.json").read_text())
    config = json.loads((folder / "seen-config.json").read_text())

    assert not [name for name in environment if name.startswith("JUPYTERHUB")]
    assert "not for you" not in environment.values()
    assert config["gatewayToken"] == "gateway-secret"
    assert (folder / "gateway.json").stat().st_mode & 0o777 == 0o600
    editor = config["editor"]["environment"]
    assert editor["MINE"] == "my own"
    assert editor["HOME"] == str(tmp_path / "notebooks" / notebook / "workspace")
    assert editor["OVH_SPAWNER_RUN"] == run
    assert not [name for name in editor if name.startswith("JUPYTERHUB")]

    await alice.api("DELETE", alice.server("nb-one"))

    assert not (folder / "gateway.json").exists()


async def test_data_is_pulled_before_the_editor_starts(service, person, tmp_path):
    service.pull_volumes = [BUCKET]
    alice = await person()

    started = await alice.api("POST", alice.server("nb-one"), json={})

    assert started.status_code == 201, started.text
    assert service.pulls[-1]["finished"] is True
    seen = json.loads(next(tmp_path.glob("notebooks/*/runs/*/seen-pull.json")).read_text())
    assert seen["mode"] == 0o600
    assert not [name for name in seen["environment"] if "TOKEN" in name]


async def test_a_pull_that_the_owner_can_mend_fails_the_start_with_its_sentence(service, person):
    missing = BUCKET | {"source": BUCKET["source"] | {"container": "missing"}}
    service.pull_volumes = [missing]
    alice = await person()

    answer = await alice.api("POST", alice.server("nb-one"), json={})

    assert answer.status_code == 400
    assert "/workspace/data: There is no bucket 'missing'." in answer.json()["message"]
    assert [(e["state"], e["launched"]) for e in service.ends()] == [("FAILED", False)]


async def test_a_data_sync_that_breaks_is_the_platforms_fault(service, person):
    service.pull_volumes = [BUCKET | {"source": BUCKET["source"] | {"container": "broken"}}]
    alice = await person()

    answer = await alice.api("POST", alice.server("nb-one"), json={})

    assert answer.status_code == 503
    assert "exit code 3" in answer.json()["message"]
    assert [e["state"] for e in service.ends()] == ["ERROR"]


async def test_a_cancelled_start_ends_its_data_sync_and_costs_nothing(service, person, tmp_path):
    service.pull_volumes = [BUCKET | {"source": BUCKET["source"] | {"container": "slow"}}]
    alice = await person()
    alice.hub.tornado_settings["slow_spawn_timeout"] = 0
    started = await alice.api("POST", alice.server("nb-one"), json={})
    assert started.status_code == 202
    seen = await until(
        lambda: list(tmp_path.glob("notebooks/*/runs/*/seen-pull.json")), what="the data sync to run"
    )
    pid = (await until(lambda: json.loads(seen[0].read_text() or "{}"), what="its record"))["pid"]

    await alice.api("DELETE", alice.server("nb-one"))

    await until(lambda: not _is_alive(pid), what="the data sync to end")
    await until(service.ends, what="the end to be told")
    assert [(e["state"], e["launched"], e["code"]) for e in service.ends()] == [
        ("STOPPED", False, "cancelled")
    ]


async def test_a_start_that_the_books_have_stopped_ends_its_data_sync_though_nothing_moves(
    service, person, tmp_path
):
    service.pull_volumes = [BUCKET | {"source": BUCKET["source"] | {"container": "slow"}}]
    service.is_over = True
    alice = await person()

    answer = await alice.api("POST", alice.server("nb-one"), json={})

    assert answer.status_code == 400
    assert "stopped before it ran" in answer.json()["message"]
    [seen] = tmp_path.glob("notebooks/*/runs/*/seen-pull.json")
    assert not _is_alive(json.loads(seen.read_text())["pid"])
    assert [(e["state"], e["launched"], e["code"]) for e in service.ends()] == [("STOPPED", False, "stopped")]


async def test_an_editor_that_ends_at_once_fails_the_start(service, hub, person):
    alice = await person(app=await hub("end", "3"))

    answer = await alice.api("POST", alice.server("nb-one"), json={})

    assert answer.status_code == 400
    assert "Fake editor ended while it was starting (exit code 3)" in answer.json()["message"]
    assert [(e["state"], e["launched"]) for e in service.ends()] == [("FAILED", True)]


async def test_somebody_who_took_the_port_is_not_taken_for_the_notebook(service, person, monkeypatch):
    squatter = http.server.ThreadingHTTPServer(("127.0.0.1", 0), YesToAll)
    thread = threading.Thread(target=squatter.serve_forever, args=(0.05,))
    thread.start()
    monkeypatch.setattr("ovh_spawner.hub.local_spawner.free_port", lambda: squatter.server_port)
    alice = await person()

    answer = await alice.api("POST", alice.server("nb-one"), json={})

    squatter.shutdown()
    thread.join()
    squatter.server_close()
    assert answer.status_code >= 400, answer.text
    assert "RUNNING" not in service.states()


async def test_an_editor_that_never_answers_ends_in_error(service, hub, person):
    alice = await person(app=await hub("deaf", editor_timeout=1.0))

    answer = await alice.api("POST", alice.server("nb-one"), json={})

    assert answer.status_code == 500
    assert "did not answer" in answer.json()["message"]
    assert service.ends()[0]["code"] == "launch"


async def test_a_start_that_takes_too_long_says_so(service, hub, person):
    service.pull_volumes = [BUCKET | {"source": BUCKET["source"] | {"container": "slow"}}]
    alice = await person(app=await hub(start_timeout=6))

    answer = await alice.api("POST", alice.server("nb-one"), json={})

    assert answer.status_code == 500
    assert "did not start within 1 minute." in answer.json()["message"]
    assert [e["state"] for e in service.ends()] == ["ERROR"]


def at_routes(monkeypatch, act):
    """Have ``act`` done whenever the proxy is to lead to a notebook."""
    add = MuteProxy.add_route

    async def acting(proxy, routespec, *rest):
        if "nb-" in routespec:
            act()
        await add(proxy, routespec, *rest)

    monkeypatch.setattr(MuteProxy, "add_route", acting)


async def test_the_proxy_leads_to_a_notebook_before_it_is_called_running(service, person, monkeypatch):
    seen = []
    at_routes(monkeypatch, lambda: seen.append(service.states()))
    alice = await person()
    await alice.api("POST", alice.server("nb-one"), json={})

    assert seen[0] == []
    assert service.states() == ["RUNNING"]


async def test_a_start_that_the_proxy_does_not_lead_to_ends_and_costs_nothing(service, person, monkeypatch):
    def refuse():
        raise OSError("the proxy is away")

    at_routes(monkeypatch, refuse)
    alice = await person()
    answer = await alice.api("POST", alice.server("nb-one"), json={})

    assert answer.status_code == 500
    assert "JupyterHub's proxy does not lead to it" in answer.json()["message"]
    assert service.states() == ["ERROR"]
    assert alice.user.spawners["nb-one"].process is None


async def test_a_start_that_cannot_be_recorded_leaves_no_route(service, person):
    service.refuse("transitions", 409, "The run is over.", code="wrong_state")
    alice = await person()
    answer = await alice.api("POST", alice.server("nb-one"), json={})

    assert answer.status_code == 400, answer.text
    assert "The run is over." in answer.json()["message"]
    assert not [route for route in await alice.hub.proxy.get_all_routes() if "nb-one" in route]


async def test_strays_end_with_the_notebook(service, hub, person, tmp_path):
    alice = await person(app=await hub("stray"))
    await alice.api("POST", alice.server("nb-one"), json={})
    pid = int(next(tmp_path.glob("notebooks/*/runs/*/stray.pid")).read_text())
    assert _is_alive(pid)

    await alice.api("DELETE", alice.server("nb-one"))

    await until(lambda: not _is_alive(pid), what="the stray to end")


async def test_a_stop_goes_on_while_the_service_is_away_and_is_reported_later(service, person, monkeypatch):
    monkeypatch.setattr("ovh_spawner.hub.reports.RETRY_SECONDS", (0.1,))
    alice = await person()
    await alice.api("POST", alice.server("nb-one"), json={})
    process = alice.user.spawners["nb-one"].process
    service.is_down = True

    stopped = await alice.api("DELETE", alice.server("nb-one"))

    assert stopped.status_code == 204
    assert not process.is_alive()
    service.is_down = False
    await until(lambda: len(service.transitions) == 3, what="the late reports")
    assert sorted(service.states()) == ["RUNNING", "STOPPED", "STOPPING"]


async def test_deleting_the_server_deletes_the_notebook(service, person):
    alice = await person()
    await alice.api("POST", alice.server("nb-one"), json={})
    await alice.api("DELETE", alice.server("nb-one"))

    gone = await alice.api("DELETE", alice.server("nb-one"), json={"remove": True})

    assert gone.status_code == 204
    assert service.deleted == [service.notebooks["alice", "nb-one"]["notebook"]]


def _is_alive(pid: int) -> bool:
    import psutil

    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
