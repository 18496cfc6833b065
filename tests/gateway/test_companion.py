"""The editor is a container of its own: the gateway finds it by its socket, and neither starts nor ends it."""

import asyncio
import os
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

from ovh_spawner.contract.local import EditorProcess
from ovh_spawner.gateway.companion import accompany
from tests.gateway.running import browser, running_gateway, sign_in
from tests.support.waiting import wait_for


def elsewhere(gateway):
    return gateway.fake_editor().model_copy(update={"command": [], "folder": "", "environment": {}})


@contextmanager
def editor_container(gateway):
    editor = gateway.fake_editor()
    # Not of the run's environment: another container's processes are not the gateway's to end.
    process = subprocess.Popen(
        editor.command,
        cwd=gateway.folder,
        env={"PATH": os.environ["PATH"]},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


@contextmanager
def pod(folder, **settings):
    folder.joinpath("pod").mkdir()
    settings = {"editor": elsewhere, "editor_gone_seconds": 1.0, **settings}
    with (
        running_gateway(folder / "pod", started=False, **settings) as gateway,
        editor_container(gateway) as editor,
    ):
        yield gateway.start(), editor


async def test_it_is_ready_when_the_editors_socket_answers(tmp_path):
    with running_gateway(tmp_path, editor=elsewhere, ready=False) as gateway:
        wait_for(lambda: gateway.probe() == 503, what="the gateway to listen")
        with editor_container(gateway):
            wait_for(lambda: gateway.probe() == 200, what="the editor to be found", seconds=60)
            async with browser() as ada:
                await sign_in(ada, gateway)
                async with ada.get(f"{gateway.url}echo") as answer:
                    assert answer.status == 200


def test_it_proves_life(tmp_path):
    with pod(tmp_path) as (gateway, _editor):
        beats = gateway.service.heartbeats
        wait_for(lambda: gateway.service.heartbeats > beats + 1, what="heartbeats")


def test_a_stop_ends_it_at_once_and_leaves_the_editor_to_its_own_signal(tmp_path):
    with pod(tmp_path) as (gateway, editor):
        assert gateway.stop(signal.SIGTERM) == 0
        assert editor.poll() is None


def test_a_stop_before_the_editor_is_ready_ends_it_too(tmp_path):
    with running_gateway(tmp_path, editor=elsewhere, ready=False) as gateway:
        wait_for(lambda: gateway.probe() == 503, what="the gateway to listen")

        assert gateway.stop() == 0


def test_a_run_that_is_over_in_the_books_ends(tmp_path):
    with pod(tmp_path) as (gateway, _editor):
        gateway.service.should_stop = True

        assert gateway.process.wait(30) == 0


def test_it_follows_an_editor_that_has_ended(tmp_path):
    with pod(tmp_path) as (gateway, editor):
        editor.kill()

        assert gateway.process.wait(60) == 1
        assert "editor_gone" in gateway.log()


def test_it_leaves_no_records_as_its_container_has_its_own(tmp_path):
    with pod(tmp_path) as (gateway, _editor):
        gateway.stop()

        assert not (gateway.folder / "process.json").exists()
        assert not (gateway.folder / "end.json").exists()


async def test_an_editor_that_listens_again_in_time_has_not_ended(tmp_path):
    path = str(tmp_path / "s")
    editor = EditorProcess(socket=path, strip_prefix=False, probe_path="", name="An editor")
    stop = asyncio.Event()
    looks = Looks()
    first = await asyncio.start_unix_server(looks, path)
    watching = asyncio.create_task(accompany(editor, Ready(), stop, gone_seconds=30))
    await looks.more()
    first.close()
    Path(path).unlink()
    async with await asyncio.start_unix_server(looks, path):
        await looks.more()
        stop.set()

        assert await watching == 0
    await first.wait_closed()


class Ready:
    is_ready = True


class Looks:
    """Counts who connects."""

    def __init__(self):
        self._seen = asyncio.Event()

    def __call__(self, _reader, writer):
        self._seen.set()
        writer.close()

    async def more(self):
        self._seen.clear()
        async with asyncio.timeout(60):
            await self._seen.wait()
