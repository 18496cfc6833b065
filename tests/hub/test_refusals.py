"""What people are told when a start is refused, wherever JupyterHub shows it; and what is stored."""

from ovh_spawner.errors import LaunchError, RefusedError
from ovh_spawner.hub.refusals import INTERNAL, refusal, sentence_of
from tests.support.fake_hub import until

QUOTA = (
    "This needs 4 GPUs, and project 'default' uses 1 of its 4. Stop a notebook, or choose fewer GPUs or CPUs."
)


async def test_a_quota_refusal_reaches_the_apis_caller_in_its_own_words(service, person):
    service.refuse("runs", 403, QUOTA, code="quota_exceeded")
    alice = await person()

    answer = await alice.api("POST", alice.server("nb-one"), json={})

    assert answer.status_code == 403
    assert answer.json()["message"] == QUOTA
    assert service.transitions == []


async def test_a_refused_spec_is_told_and_nothing_of_it_is_stored(service, person):
    problem = {"field": "env.editorId", "message": "Editor 'emacs' is not known. Allowed: jupyterlab."}
    service.refuse("resolve", 400, "no", code="invalid", problems=[problem])
    alice = await person()

    answer = await alice.api(
        "POST",
        alice.server("nb-one"),
        json={"env": {"editorId": "emacs"}, "hunter2": "s3cret"},
    )

    assert answer.status_code == 400
    assert answer.json()["message"] == f"env.editorId: {problem['message']}"
    assert not alice.row("nb-one").user_options


async def test_options_are_replaced_by_the_reference_in_the_hubs_database(service, person):
    alice = await person()
    options = {"env": {"editorId": "fake", "frameworkId": "conda"}, "name": "mine"}

    await alice.api("POST", alice.server("nb-one"), json=options)

    assert service.resolved[0]["door"] == "hub"
    assert service.resolved[0]["options"] == options
    assert alice.row("nb-one").user_options == {
        "notebook": service.notebooks["alice", "nb-one"]["notebook"], "revision": 1
    }  # fmt: skip


async def test_the_default_server_is_refused_with_what_to_do_instead(service, person):
    alice = await person()

    answer = await alice.api("POST", "users/alice/server", json={})

    assert answer.status_code == 400
    assert "Notebooks are named servers" in answer.json()["message"]
    assert service.resolved == []


async def test_without_the_service_nothing_starts_and_no_inner_detail_is_told(service, person, monkeypatch):
    monkeypatch.setattr("ovh_spawner.hub.traits.ServiceClient.__init__.__kwdefaults__", {"retry_pauses": ()})
    service.is_down = True
    alice = await person()

    answer = await alice.api("POST", alice.server("nb-one"), json={})

    assert answer.status_code == 503
    assert "Try again in a minute" in answer.json()["message"]
    assert "secret detail" not in answer.text


async def test_a_failed_start_says_why_on_its_page(service, hub, person):
    alice = await person(app=await hub("end", "7"))
    alice.hub.tornado_settings["slow_spawn_timeout"] = 0
    await alice.api("POST", alice.server("nb-one"), json={})
    await until(service.ends, what="the start to fail")
    await until(lambda: alice.user.spawners["nb-one"]._failed, what="the hub to see it")

    page = await alice.get("/hub/spawn-pending/alice/nb-one")

    assert page.status_code == 400
    assert "The notebook could not start" in page.text
    assert "Fake editor ended while it was starting (exit code 7)" in page.text
    assert 'href="/hub/spawn/alice/nb-one"' in page.text


async def test_an_error_that_nobody_foresaw_shows_none_of_its_text(service, person, monkeypatch):
    def fail(*args, **kwargs):
        raise ValueError("secret internal detail")

    monkeypatch.setattr("ovh_spawner.hub.local_spawner.account_of", fail)
    alice = await person()

    answer = await alice.api("POST", alice.server("nb-one"), json={})

    assert answer.status_code == 500
    assert answer.json()["message"] == INTERNAL
    assert [(e["state"], e["message"]) for e in service.ends()] == [("ERROR", INTERNAL)]


async def test_the_progress_stream_ends_with_the_sentence(service, person):
    service.refuse("runs", 403, QUOTA, code="quota_exceeded")
    alice = await person()
    alice.hub.tornado_settings["slow_spawn_timeout"] = 0
    await alice.api("POST", alice.server("nb-one"), json={})

    stream = await alice.api("GET", alice.server("nb-one") + "/progress")

    assert QUOTA in stream.text


def test_statuses_go_with_the_kind_of_error():
    wrong_state = RefusedError("It is being saved.")
    wrong_state.code = "wrong_state"

    assert refusal(wrong_state).status_code == 400
    assert refusal(LaunchError("It broke.")).status_code == 500
    assert sentence_of(refusal(LaunchError("It broke."))) == "It broke."
