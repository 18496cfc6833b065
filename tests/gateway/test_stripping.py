"""Editors that believe to live at /: the prefix is taken off on the way in and put back on the way out."""

import json

import pytest

from tests.gateway.running import PREFIX, browser, running_gateway, sign_in


@pytest.fixture(scope="module")
def stripping(tmp_path_factory):
    with running_gateway(tmp_path_factory.mktemp("run"), strip=True) as gateway:
        yield gateway


@pytest.fixture
async def at_root(stripping):
    stripping.service.reset()
    async with browser() as client:
        await sign_in(client, stripping)
        yield client


async def test_the_editor_sees_paths_at_its_root(stripping, at_root):
    async with at_root.get(f"{stripping.url}static/a%2Fb?x=1") as answer:
        assert (await answer.json())["path"] == "/static/a%2Fb?x=1"
    async with at_root.get(stripping.url) as answer:
        assert (await answer.json())["path"] == "/"


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        ("/login?to=%2Fx", f"{PREFIX}login?to=%2Fx"),
        ("/", PREFIX),
        (f"{PREFIX}x", f"{PREFIX}x"),
        ("./next", "./next"),
        ("?folder=/workspace", "?folder=/workspace"),
        ("https://other.example/x", "https://other.example/x"),
        ("//other.example/x", "//other.example/x"),
        ("http://HOST/login", f"http://HOST{PREFIX}login"),
    ],
)
async def test_a_redirect_stays_in_the_notebook(stripping, at_root, said, seen):
    host = f"127.0.0.1:{stripping.port}"
    parameters = {"status": "302", "headers": json.dumps({"Location": said.replace("HOST", host)})}
    async with at_root.get(f"{stripping.url}headers", params=parameters, allow_redirects=False) as answer:
        assert answer.headers["Location"] == seen.replace("HOST", host)


async def test_cookies_and_service_workers_do_not_claim_the_whole_host(stripping, at_root):
    lines = ["session=1; Path=/; HttpOnly", "other=2", "deep=3; path=/deep/"]
    async with at_root.get(f"{stripping.url}cookies", params=[("set", line) for line in lines]) as answer:
        assert answer.headers.getall("Set-Cookie") == [
            f"session=1; Path={PREFIX}; HttpOnly",
            "other=2",
            f"deep=3; path={PREFIX}deep/",
        ]
    parameters = {"headers": json.dumps({"Service-Worker-Allowed": "/"})}
    async with at_root.get(f"{stripping.url}headers", params=parameters) as answer:
        assert answer.headers["Service-Worker-Allowed"] == PREFIX


async def test_websockets_reach_the_editors_root(stripping, at_root):
    socket = await at_root.ws_connect(f"{stripping.url}ws", headers={"Origin": stripping.origin})
    await socket.receive_json(timeout=20)
    await socket.send_str("hello")
    assert await socket.receive_str(timeout=20) == "hello"
    await socket.close()
