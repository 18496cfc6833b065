"""The gateway's life: what it starts, what it writes down, and that nothing outlives it."""

import json
import signal
import stat
import subprocess
import sys

import psutil
import pytest

from ovh_spawner.loopback import free_port
from tests.gateway.running import PAGE, browser, running_gateway, sign_in
from tests.support.waiting import wait_for


async def ask(gateway, path):
    async with browser() as ada:
        await sign_in(ada, gateway)
        async with ada.get(f"{gateway.url}{path}") as answer:
            return (
                await answer.json(content_type=None) if "json" in answer.content_type else await answer.text()
            )


async def test_the_editor_has_exactly_its_own_environment(tmp_path):
    with running_gateway(tmp_path) as gateway:
        environment = await ask(gateway, "environment")

        extra = {"LC_CTYPE"}  # Python sets it for itself
        assert {k: v for k, v in environment.items() if k not in extra} == gateway.config.editor.environment
        assert gateway.service.token not in json.dumps(environment)


def test_a_process_is_recorded_when_it_starts(tmp_path):
    with running_gateway(tmp_path) as gateway:
        record = json.loads((tmp_path / "process.json").read_text())

        assert record == {
            "pid": gateway.process.pid,
            "createdAt": psutil.Process(gateway.process.pid).create_time(),
            "address": f"127.0.0.1:{gateway.port}",
        }


def test_what_the_editor_prints_is_kept_for_its_owner_alone(tmp_path):
    with running_gateway(tmp_path) as gateway:
        kept = tmp_path / "editor.log"
        wait_for(lambda: "fake editor listens" in kept.read_text(), what="the editor's words")

        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert stat.S_IMODE(gateway.file.stat().st_mode) == 0o600


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_stop_ends_the_editor_and_all_it_started(tmp_path, number):
    with running_gateway(tmp_path) as gateway:
        child = (await ask(gateway, "stray"))["pid"]
        assert child in {process.pid for process in gateway.leftovers()}

        assert gateway.stop(number) == 0
        assert gateway.leftovers() == []
        record = gateway.end_record()
        assert record["ordered"] is True
        assert record["exitCode"] == -signal.SIGTERM
        assert record["at"].endswith("Z")


async def test_an_editor_that_is_deaf_is_killed(tmp_path):
    with running_gateway(tmp_path, stop_seconds=0.2) as gateway:
        assert await ask(gateway, "deaf") == "deaf"

        assert gateway.stop() == 0
        assert gateway.leftovers() == []
        assert gateway.end_record()["exitCode"] == -signal.SIGKILL


@pytest.mark.parametrize("code", [0, 3])
async def test_an_editor_that_ends_by_itself_ends_the_gateway_with_its_code(tmp_path, code):
    with running_gateway(tmp_path) as gateway:
        await ask(gateway, "stray")
        assert await ask(gateway, f"quit?code={code}") == "bye"

        assert gateway.process.wait(30) == code
        assert gateway.leftovers() == []
        record = gateway.end_record()
        assert (record["exitCode"], record["ordered"]) == (code, False)


@pytest.mark.skipif(
    sys.platform != "linux", reason="needs Linux: the parent's death is told to a child there only"
)
async def test_no_editor_survives_a_killed_gateway(tmp_path):
    with running_gateway(tmp_path) as gateway:
        assert gateway.leftovers() != []
        gateway.process.kill()
        gateway.process.wait(10)

        wait_for(lambda: not gateway.leftovers(), what="the editor's end")


def test_a_run_that_is_over_in_the_books_ends(tmp_path):
    with running_gateway(tmp_path) as gateway:
        gateway.service.should_stop = True

        assert gateway.process.wait(30) == 0
        assert gateway.end_record()["ordered"] is True


def test_a_service_that_does_not_know_the_run_ends_nothing_and_is_told_once(tmp_path):
    with running_gateway(tmp_path) as gateway:
        gateway.service.heartbeat_status = 404
        beats = gateway.service.heartbeats
        wait_for(lambda: gateway.service.heartbeats > beats + 3, what="more heartbeats")

        assert gateway.process.poll() is None
        assert gateway.log().count("heartbeat_not_taken") == 1


def command(*words):
    def editor(gateway):
        return gateway.fake_editor().model_copy(update={"command": list(words)})

    return editor


@pytest.mark.parametrize(("words", "code"), [(["/no/such/editor"], 127), (["/etc/hostname"], 126)])
def test_an_editor_that_cannot_start_is_a_recorded_end(tmp_path, words, code):
    with running_gateway(tmp_path, editor=command(*words), ready=False) as gateway:
        assert gateway.process.wait(30) == code
        assert gateway.end_record()["exitCode"] == code
        assert "editor_not_started" in gateway.log()


def test_an_editor_killed_by_a_signal_is_told_as_shells_do(tmp_path):
    with running_gateway(tmp_path, editor=command("sh", "-c", "kill -KILL $$"), ready=False) as gateway:
        assert gateway.process.wait(30) == 128 + signal.SIGKILL
        assert gateway.end_record()["exitCode"] == -signal.SIGKILL


def test_a_taken_port_starts_no_editor(tmp_path):
    with running_gateway(tmp_path, started=False) as gateway:
        import socket

        with socket.create_server(("127.0.0.1", gateway.port)):
            gateway.start(ready=False)
            assert gateway.process.wait(30) == 1

        assert f"port {gateway.port}" in gateway.log()
        assert not (tmp_path / "editor.log").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "cannot read"),
        ("{", "the whole file"),
        ('{"prefix": "/x/", "cookieKey": "hush"}', "gatewayToken"),
    ],
)
def test_a_wrong_configuration_is_one_sentence_without_values(tmp_path, text, said):
    path = tmp_path / "gateway.json"
    if text is not None:
        path.write_text(text)
    ran = subprocess.run(
        [sys.executable, "-m", "ovh_spawner.gateway", str(path)], capture_output=True, text=True, check=False
    )

    assert ran.returncode == 1
    assert said in ran.stderr
    assert "hush" not in ran.stderr
    assert "Traceback" not in ran.stderr


async def test_until_the_editor_is_ready_people_see_that_it_starts(tmp_path):
    ready = tmp_path / "ready"

    def slow(gateway):
        return gateway.fake_editor(ready_file=str(ready))

    with running_gateway(tmp_path, editor=slow, ready=False) as gateway:
        wait_for(lambda: gateway.probe() == 503, what="the gateway to listen")
        async with browser() as ada:
            await sign_in(ada, gateway)
            async with ada.get(gateway.url, headers=PAGE) as answer:
                text = await answer.text()
                assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
                assert "Fake editor is starting" in text
                assert 'http-equiv="refresh"' in text
            async with ada.get(f"{gateway.url}api/kernels") as answer:
                assert (answer.status, (await answer.json())["code"]) == (503, "starting")
            ready.touch()
            wait_for(lambda: gateway.probe() == 200, what="the gateway to be ready")
            async with ada.get(gateway.url, headers=PAGE) as answer:
                assert answer.status == 200


async def test_nobody_learns_from_the_starting_page_without_signing_in(tmp_path):
    with running_gateway(tmp_path, editor=command("sleep", "600"), ready=False) as gateway:
        wait_for(lambda: gateway.probe() == 503, what="the gateway to listen")
        async with (
            browser() as nobody,
            nobody.get(gateway.url, headers=PAGE, allow_redirects=False) as answer,
        ):
            assert answer.status == 401
            assert "is starting" not in await answer.text()


async def test_before_the_service_told_a_policy_nobody_comes_in(tmp_path):
    with running_gateway(tmp_path, started=False) as gateway:
        gateway.service.away = True
        gateway.start()
        async with browser() as nobody:
            async with nobody.get(gateway.url, headers=PAGE) as answer:
                assert answer.status == 503
                assert "hub service does not answer" in await answer.text()
            gateway.service.away = False

            async def asked():
                async with nobody.get(f"{gateway.url}x") as answer:
                    return answer.status

            while await asked() == 503:
                pass
            assert await asked() == 401


async def test_an_editor_that_went_away_is_told_in_words(tmp_path):
    with running_gateway(tmp_path) as gateway:
        (gateway.sockets / "editor.sock").unlink()
        async with browser() as ada:
            await sign_in(ada, gateway)
            async with ada.get(f"{gateway.url}lab", headers=PAGE) as answer:
                assert answer.status == 502
                assert "Fake editor does not answer" in await answer.text()


async def test_an_editor_on_a_port_is_reached_too(tmp_path):
    def on_port(gateway):
        return gateway.fake_editor(port=free_port())

    with running_gateway(tmp_path, editor=on_port) as gateway:
        assert (await ask(gateway, "echo"))["method"] == "GET"


def test_the_gateway_is_small(tmp_path):
    """One of these runs beside every notebook."""
    with running_gateway(tmp_path) as gateway:
        assert psutil.Process(gateway.process.pid).memory_info().rss < 80_000_000
