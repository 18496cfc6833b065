"""Addresses that people chose lead to the public internet only, whatever happens on the way."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ovh_spawner.contract.sync import GitSource, Reach, SwiftSource, SyncDirection, SyncReport, SyncState
from ovh_spawner.datasync.guard import Guard
from ovh_spawner.datasync.upstream import UpstreamProxy
from ovh_spawner.domain.volumes import Permission
from tests.support.git_server import git_server

RO, RW = Permission.RO, Permission.RW
ONCE = ("--tries", "1")
PUBLIC_ONLY = Reach(private_addresses=False)
AROUND = {"NO_PROXY": "*", "no_proxy": "127.0.0.1,localhost", "HTTP_PROXY": "", "GIT_CONFIG_COUNT": "0"}
"""What would lead a program around a proxy."""


def but(*allowed: str) -> Reach:
    return Reach(private_addresses=False, allowed=list(allowed))


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "2130706433"])
def test_a_store_at_a_private_address_is_not_asked(notebook, odd_s3, odd_bucket, host):
    port = odd_s3.endpoint.rpartition(":")[2]
    source = odd_bucket().model_copy(update={"endpoint": f"http://{host}:{port}"})
    volume = notebook.volume(source, RW, reach=PUBLIC_ONLY)

    result = notebook.run(notebook.job(SyncDirection.PULL, volume), *ONCE, env=AROUND)

    assert (result.code, result.volume.state) == (1, SyncState.FAILED), result.volume
    assert result.volume.message == (
        f"bucket@ODD: data store 'ODD' leads to '{host.strip('[]')}', a private address, and this platform does not "
        "connect to those. Use a public address, or ask the operator to allow this one."
    )
    assert odd_s3.requests == []


def test_what_the_operator_allows_is_reached(notebook, odd_s3, odd_bucket):
    odd_s3.objects["bucket"] = {"a": b"a" * 1_000_000}
    volume = notebook.volume(odd_bucket(), RW, reach=but("127.0.0.0/8"))

    notebook.pull(volume).done()
    assert (notebook.home / "data/a").read_bytes() == odd_s3.objects["bucket"]["a"]
    (notebook.home / "data/b").write_bytes(b"b" * 1_000_000)
    notebook.push(volume).done()
    assert odd_s3.objects["bucket"]["b"] == b"b" * 1_000_000


def test_a_connection_test_asks_no_private_address(notebook, odd_s3, odd_bucket):
    def check(reach: Reach) -> SyncReport:
        job = notebook.job(SyncDirection.PULL, notebook.volume(odd_bucket(), RO, reach=reach))
        command = [sys.executable, "-m", "ovh_spawner.datasync.check", str(job)]
        return SyncReport.model_validate_json(
            subprocess.run(command, capture_output=True, check=True, env={**os.environ, **AROUND}).stdout
        )

    refused = check(PUBLIC_ONLY).volumes[0]
    assert refused.state is SyncState.FAILED
    assert "a private address" in refused.message
    assert odd_s3.requests == []
    odd_s3.objects["bucket"] = {}
    assert check(but("127.0.0.1")).state is SyncState.DONE


@contextmanager
def answering(status: int, headers: dict[str, str]) -> Iterator[str]:
    """Run a server that has one answer to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": "0"}.items():
                self.send_header(name, value)
            self.end_headers()

        do_HEAD = do_PUT = do_POST = do_GET  # noqa: N815 - http.server's names

        def log_message(self, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://localhost:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join(10)


def test_a_sign_in_leads_to_no_private_storage(notebook, odd_s3):
    headers = {"X-Storage-Url": f"{odd_s3.endpoint}/v1", "X-Auth-Token": "token", "X-Storage-Token": "token"}
    with answering(200, headers) as url:
        source = SwiftSource(
            alias="SW", auth_url=f"{url}/auth/v1.0", user="me", key="secret", auth_version=1, container="box"
        )
        result = notebook.pull(notebook.volume(source, RO, reach=but("localhost")), options=ONCE)

    assert result.volume.state is SyncState.FAILED
    assert "leads to '127.0.0.1', a private address" in result.volume.message
    assert odd_s3.requests == []


@pytest.mark.parametrize("status", [301, 307])
def test_a_redirect_of_a_store_leads_to_no_private_address(notebook, odd_s3, odd_bucket, status):
    with answering(status, {"Location": f"{odd_s3.endpoint}/bucket?list-type=2"}) as url:
        source = odd_bucket().model_copy(update={"endpoint": url})
        result = notebook.pull(notebook.volume(source, RO, reach=but("localhost")), options=ONCE)

    assert result.code == 1
    assert odd_s3.requests == []


@pytest.fixture
def git(tmp_path):
    with git_server(tmp_path / "server") as server:
        server.create("repo", files={"a": "a"})
        yield server


def test_a_repository_at_a_private_address_is_not_asked(notebook, git):
    volume = notebook.volume(GitSource(url=git.address("repo")), RW, at="repo", reach=PUBLIC_ONLY)
    result = notebook.run(notebook.job(SyncDirection.PULL, volume), env=AROUND)

    assert result.volume.state is SyncState.FAILED
    assert "this repository leads to '127.0.0.1', a private address" in result.volume.message
    assert git.requests == []
    assert not (notebook.home / "repo").exists()


def test_a_redirect_of_a_repository_leads_to_no_private_address(notebook, git, tmp_path):
    with git_server(tmp_path / "old") as old:
        old.redirect_to = git.url
        url = old.address("repo").replace("127.0.0.1", "localhost")
        volume = notebook.volume(GitSource(url=url), RW, at="repo", reach=but("localhost"))
        result = notebook.run(notebook.job(SyncDirection.PULL, volume), env=AROUND)

        assert old.requests, "the first server was asked"
    assert result.volume.state is SyncState.FAILED
    assert "leads to '127.0.0.1', a private address" in result.volume.message
    assert git.requests == []


def test_an_allowed_repository_is_cloned(notebook, git):
    volume = notebook.volume(GitSource(url=git.address("repo")), RW, at="repo", reach=but("127.0.0.1"))
    notebook.pull(volume).done()

    assert (notebook.home / "repo/a").read_text() == "a"
    assert "proxy" not in (notebook.home / "repo/.git/config").read_text()


def ask(guard: Guard, host: str, port: int) -> int:
    """Ask a guard for a host by name and return its answer's code."""
    with socket.create_connection(("127.0.0.1", int(guard.address.rpartition(":")[2])), timeout=10) as sock:
        sock.sendall(bytes((5, 1, 0)))
        assert sock.recv(2) == bytes((5, 0))
        sock.sendall(bytes((5, 1, 0, 3, len(host))) + host.encode() + port.to_bytes(2))
        return sock.recv(10)[1]


def test_a_name_that_changes_its_address_is_looked_at_each_time():
    answers = iter([["127.0.0.1"], ["127.0.0.2", "10.0.0.1"], ["127.0.0.2", "127.0.0.1"]])
    asked = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return next(answers)

    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        Guard(but("127.0.0.1"), resolve=resolve, upstream=UpstreamProxy()) as guard,
    ):
        port = server.getsockname()[1]
        # Connected; refused; connected to the one address that is allowed.
        assert [ask(guard, "rebind.example", port) for _ in range(3)] == [0, 2, 0]
    assert len(asked) == 3, "each connection goes to an address of the one look-up"


def test_a_name_without_an_address_is_unreachable_and_not_private():
    def resolve(host: str, port: int) -> list[str]:
        raise socket.gaierror

    with Guard(PUBLIC_ONLY, resolve=resolve, upstream=UpstreamProxy()) as guard:
        assert ask(guard, "nowhere.example", 443) == 4
        guard.check(None)


@pytest.mark.parametrize("agrees", [True, False])
def test_a_guard_goes_through_the_operators_proxy(agrees):
    heads = []

    def serve(listener: socket.socket) -> None:
        client, _ = listener.accept()
        with client:
            heads.append(client.recv(4096).decode())
            client.sendall(b"HTTP/1.1 200 Yes\r\nVia: x\r\n\r\n" if agrees else b"HTTP/1.1 403 No\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        proxy = UpstreamProxy(
            {"https": f"http://me:s%40crt@127.0.0.1:{listener.getsockname()[1]}", "no": "inner.example"}
        )
        answers = {
            "outer.example": ["93.184.216.34"],
            "inner.example": ["10.0.0.1"],
            "trap.example": ["10.0.0.1"],
        }
        with Guard(PUBLIC_ONLY, resolve=lambda host, _: answers[host], upstream=proxy) as guard:
            assert ask(guard, "outer.example", 443) == (0 if agrees else 5)
            # An exception of the proxy is no exception of the guard, and nor is the proxy.
            assert ask(guard, "inner.example", 443) == 2
            assert ask(guard, "trap.example", 443) == 2
        thread.join(10)
    assert heads[0].splitlines()[0] == "CONNECT outer.example:443 HTTP/1.1"
    assert "Proxy-Authorization: Basic bWU6c0BjcnQ=" in heads[0]
