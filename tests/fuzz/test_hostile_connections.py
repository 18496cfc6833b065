"""Clients that are slow, break off or send what is no request: bounded, and nobody else waits for them."""

import contextlib
import json
import socket
from urllib.parse import urlsplit

import pytest
import requests

from tests.fuzz.hostile_json import GOOD_SPEC
from tests.support.served_world import served_world

SECONDS = 30


@pytest.fixture(scope="module")
def impatient(tmp_path_factory):
    """A service that hangs up on slow clients soon, though not on one that is merely held up."""
    with served_world(tmp_path_factory.mktemp("slow"), idle_seconds=4, body_seconds=4) as running:
        yield running


def send(served, raw: bytes, *, finish: bool = False) -> bytes:
    """Send raw bytes and return everything that comes until the other side hangs up."""
    address = urlsplit(served.origin)
    with socket.create_connection((address.hostname, address.port), timeout=SECONDS) as client:
        with contextlib.suppress(ConnectionError):
            client.sendall(raw)
            if finish:
                client.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while chunk := client.recv(65_536):
                answer += chunk
        return answer


def head(served, *, length: object, path: str = "/v1/notebook", **headers: str) -> bytes:
    lines = [f"POST {urlsplit(served.api).path}{path} HTTP/1.1", "Host: x", "Connection: close"]
    lines += [
        f"Authorization: Bearer {served.ann}",
        "Content-Type: application/json",
        f"Content-Length: {length}",
    ]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def is_well(served) -> bool:
    answer = requests.get(f"{served.api}/health", timeout=SECONDS, proxies={"http": ""})
    return answer.status_code == 200


@pytest.mark.parametrize("megabytes", [2, 10])
def test_a_body_of_megabytes_is_told_the_limit(served, megabytes):
    body = json.dumps({**GOOD_SPEC, "name": "x" * megabytes * 1024**2}).encode()

    answer = send(served, head(served, length=len(body)) + body)

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"1048576" in answer


def test_a_body_without_end_is_not_read(served):
    answer = send(served, head(served, length=10**15) + b"x" * 100_000)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert is_well(served)


@pytest.mark.parametrize("sent", [0, 1, 500])
def test_a_body_that_breaks_off_changes_nothing(served, sent):
    body = json.dumps({**GOOD_SPEC, "name": "broken off"}).encode()

    answer = send(served, head(served, length=len(body)) + body[:sent], finish=True)

    assert not answer.startswith(b"HTTP/1.1 2")
    headers = {"Authorization": f"Bearer {served.ann}"}
    listed = requests.get(f"{served.api}/v1/notebook", headers=headers, timeout=SECONDS).json()["items"]
    assert "broken off" not in [notebook["spec"]["name"] for notebook in listed]


@pytest.mark.parametrize(
    "raw",
    [
        b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /services/ai/v1/notebook HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /services/ai/v1/notebook HTTP/1.1\r\nHost: x\r\nAuthorization: \xff\xfe\r\nConnection: close\r\n\r\n",
        b"GET /services/ai/v1/notebook/%ff%00%0a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /services/ai/v1/notebook?%ff=%ff&=&&=%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /services/ai/" + b"../" * 1000 + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /services/ai/ HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"POST /services/ai/v1/notebook HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\nConnection: close\r\n\r\n",
        b"POST /services/ai/v1/notebook HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 2\r\nConnection: close\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /services/ai/v1/notebook HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffff\r\n",
        b"POST /services/ai/v1/notebook HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_no_request_is_refused_or_hung_up_on(served, raw):
    answer = send(served, raw, finish=True)

    assert answer == b"" or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4")), answer[:500]
    assert is_well(served)


def test_slow_clients_are_hung_up_on_and_nobody_waits_for_them(impatient):
    address = urlsplit(impatient.origin)
    beginnings = [b"", b"GET /serv", head(impatient, length=100), head(impatient, length=100) + b"{"]
    with contextlib.ExitStack() as opened:
        slow = []
        for number in range(100):
            connection = socket.create_connection((address.hostname, address.port), timeout=SECONDS)
            opened.enter_context(connection)
            connection.sendall(beginnings[number % len(beginnings)])
            slow.append(connection)

        assert is_well(impatient)
        # recv returns nothing when the other side has hung up; it would time out if that never came.
        for connection in slow:
            with contextlib.suppress(ConnectionResetError):
                assert not connection.recv(65_536).startswith(b"HTTP/1.1 2")
    assert is_well(impatient)
