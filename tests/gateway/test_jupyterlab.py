"""A real, unmodified JupyterLab behind the gateway: its pages, its files, its kernels."""

import asyncio
import json
import os
import re
import sys
from datetime import UTC, datetime
from uuid import uuid4

import aiohttp
import pytest
from yarl import URL

from ovh_spawner.contract.local import RUN_VARIABLE, EditorProcess
from tests.gateway.running import PAGE, browser, running_gateway, sign_in
from tests.support.waiting import wait_for

PUBLIC_HOST = "notebooks.example"
"""Not a local name: JupyterLab refuses those unless it is told that something stands in front of it."""


def jupyterlab(gateway) -> EditorProcess:
    home = gateway.folder / "workspace"
    home.mkdir()
    address = str(gateway.sockets / "lab.sock")
    return EditorProcess(
        command=[
            sys.executable,
            "-m",
            "jupyterlab",
            "--no-browser",
            f"--ServerApp.sock={address}",
            "--ServerApp.sock_mode=0600",
            f"--ServerApp.base_url={gateway.prefix}",
            f"--ServerApp.root_dir={home}",
            "--ServerApp.allow_remote_access=True",
            "--ServerApp.trust_xheaders=True",
            "--ServerApp.allow_root=True",
            "--IdentityProvider.token=",
            "--PasswordIdentityProvider.hashed_password=",
        ],
        folder=str(home),
        environment={
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            RUN_VARIABLE: str(gateway.service.run),
        },
        socket=address,
        strip_prefix=False,
        probe_path="api",
        name="JupyterLab",
    )


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    with running_gateway(folder, editor=jupyterlab, stop_seconds=20.0) as gateway:
        yield gateway


@pytest.fixture
async def ada():
    async with browser() as client:
        yield client


async def enter(client, lab):
    """Sign in, open the first page (it sets the XSRF cookie); return headers that its pages would send."""
    await sign_in(client, lab)
    async with client.get(lab.url, headers=PAGE) as answer:
        assert answer.status == 200
        assert str(answer.url) == f"{lab.url}lab"
        assert "<title>JupyterLab</title>" in await answer.text()
    (token,) = [cookie.value for cookie in client.cookie_jar if cookie.key == "_xsrf"]
    return {"Origin": lab.origin, "X-XSRFToken": token}


def request_message(kind, content):
    header = {
        "msg_id": uuid4().hex,
        "msg_type": kind,
        "username": "",
        "session": uuid4().hex,
        "date": datetime.now(UTC).isoformat(),
        "version": "5.3",
    }
    return {
        "header": header,
        "parent_header": {},
        "metadata": {},
        "content": content,
        "channel": "shell",
        "buffers": [],
    }


async def execute(socket, code):
    """Run code as a cell; return what it printed."""
    asked = request_message("execute_request", {"code": code, "silent": False, "store_history": True})
    await socket.send_str(json.dumps(asked))
    printed = ""
    async with asyncio.timeout(120):
        while True:
            message = json.loads(await socket.receive_str())
            if message["parent_header"].get("msg_id") != asked["header"]["msg_id"]:
                continue
            if message["msg_type"] == "stream":
                printed += message["content"]["text"]
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return printed


async def start_kernel(client, lab, headers):
    async with client.post(f"{lab.url}api/kernels", headers=headers, json={"name": "python3"}) as answer:
        assert answer.status == 201, await answer.text()
        return (await answer.json())["id"]


async def test_a_cell_runs_through_the_gateway(ada, lab):
    headers = await enter(ada, lab)
    kernel = await start_kernel(ada, lab, headers)
    async with ada.ws_connect(
        f"{lab.url}api/kernels/{kernel}/channels", headers={"Origin": lab.origin}
    ) as socket:
        assert await execute(socket, "print(6 * 7)") == "42\n"
        printed = await execute(socket, "import os; print(sorted(os.environ))")

    assert "JUPYTERHUB" not in printed
    assert "OVH_SPAWNER_RUN" in printed


async def test_the_kernels_own_subprotocol_works(ada, lab):
    headers = await enter(ada, lab)
    kernel = await start_kernel(ada, lab, headers)
    name = "v1.kernel.websocket.jupyter.org"
    async with ada.ws_connect(
        f"{lab.url}api/kernels/{kernel}/channels", headers={"Origin": lab.origin}, protocols=[name]
    ) as socket:
        assert socket.protocol == name


async def _printed(socket, wanted):
    """Read what the terminal prints until it holds what is wanted."""
    printed = ""
    while not wanted.search(printed):
        kind, text, *_ = await socket.receive_json()
        printed += text if kind == "stdout" else ""


async def test_a_terminal_works(ada, lab):
    headers = await enter(ada, lab)
    async with ada.post(f"{lab.url}api/terminals", headers=headers) as answer:
        name = (await answer.json())["name"]
    async with ada.ws_connect(
        f"{lab.url}terminals/websocket/{name}", headers={"Origin": lab.origin}
    ) as socket:
        async with asyncio.timeout(60):
            # A shell that sets its terminal up drops what was typed before its first prompt, as anywhere else.
            await _printed(socket, re.compile(r"[$#] "))
            await socket.send_json(["stdin", "echo $((6*7))\r"])
            await _printed(socket, re.compile(r"[\r\n]42\r"))


async def test_a_public_host_name_is_accepted(ada, lab):
    """The name that people use is not local, and pages and websockets carry it."""
    headers = await enter(ada, lab)
    kernel = await start_kernel(ada, lab, headers)
    cookies = "; ".join(f"{cookie.key}={cookie.value}" for cookie in ada.cookie_jar)
    public = {"Host": PUBLIC_HOST, "Origin": f"https://{PUBLIC_HOST}", "X-Forwarded-Proto": "https"}
    async with aiohttp.ClientSession(headers={**public, "Cookie": cookies}) as client:
        async with client.get(f"{lab.url}api/status") as answer:
            assert answer.status == 200
        async with client.ws_connect(f"{lab.url}api/kernels/{kernel}/channels") as socket:
            assert await execute(socket, "print('public')") == "public\n"


async def test_jupyterlabs_own_protection_against_forged_requests_stays_on(ada, lab):
    headers = await enter(ada, lab)
    without = {"Origin": headers["Origin"]}
    async with ada.post(f"{lab.url}api/kernels", headers=without, json={"name": "python3"}) as answer:
        assert answer.status == 403
        assert "_xsrf" in await answer.text()


async def test_odd_file_names_are_the_same_on_both_sides(ada, lab):
    headers = await enter(ada, lab)
    name = "50%25%20a%2Bb%20%E2%82%AC%23.txt"
    body = {"type": "file", "format": "text", "content": "odd"}

    address = URL(f"{lab.url}api/contents/{name}", encoded=True)
    async with ada.put(address, headers=headers, json=body) as answer:
        assert answer.status == 201, await answer.text()

    assert (lab.folder / "workspace" / "50% a+b €#.txt").read_text() == "odd"


async def test_nobody_reaches_jupyterlab_without_signing_in(ada, lab):
    for path in ("lab", "api/status", "api/contents", "static/lab/x.js", "login"):
        async with ada.get(f"{lab.url}{path}") as answer:
            assert answer.status == 401
    async with ada.get(f"{lab.url}api") as answer:
        assert answer.status == 200
        assert "version" in await answer.json()


async def test_shut_down_in_the_menu_is_a_clean_end(tmp_path, ada):
    with running_gateway(tmp_path, editor=jupyterlab, stop_seconds=20.0) as lab:
        headers = await enter(ada, lab)
        await start_kernel(ada, lab, headers)
        async with ada.post(f"{lab.url}api/shutdown", headers=headers) as answer:
            assert answer.status == 200

        assert await asyncio.to_thread(lab.process.wait, 60) == 0
        assert lab.leftovers() == []
        record = lab.end_record()
        assert (record["exitCode"], record["ordered"]) == (0, False)


async def test_a_stop_ends_jupyterlab_with_its_kernels(tmp_path, ada):
    with running_gateway(tmp_path, editor=jupyterlab, stop_seconds=20.0) as lab:
        headers = await enter(ada, lab)
        await start_kernel(ada, lab, headers)
        wait_for(lambda: len(lab.leftovers()) >= 2, what="JupyterLab and a kernel")

        assert await asyncio.to_thread(lab.stop) == 0
        assert lab.leftovers() == []
        assert lab.end_record()["ordered"] is True


async def test_no_kernel_survives_a_killed_gateway(tmp_path, ada):
    with running_gateway(tmp_path, editor=jupyterlab) as lab:
        headers = await enter(ada, lab)
        await start_kernel(ada, lab, headers)
        lab.process.kill()
        lab.process.wait(10)

        wait_for(lambda: not lab.leftovers(), what="the end of JupyterLab and its kernel")
