"""Through the gateway against the editor directly, both on loopback: requests, large bodies, websockets, memory.

Twice: with JupyterLab, which people use, and with a bare program that does nothing but answer, which shows what the
gateway itself costs. On two cores three programs share what two have without it.
"""

import asyncio
import base64
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from bench.measuring import Row, memory_of, ratio
from ovh_spawner.contract.local import EditorProcess
from ovh_spawner.loopback import free_port
from tests.gateway.running import FAKE_EDITOR, PREFIX, Gateway, running_gateway
from tests.gateway.test_jupyterlab import jupyterlab
from tests.support.waiting import wait_for

MEGABYTES = {"quick": 256, "full": 1024}
REQUESTS = {"quick": 2_000, "full": 10_000}
ROUND_TRIPS = {"quick": 500, "full": 2_000}
ROUNDS = 7
CONNECTIONS = 8
WEBSOCKETS = 200
CHUNK = 2**20
TIMES = {"policy_seconds": 4.0, "heartbeat_seconds": 30.0}
"""As everywhere else; tests are more impatient."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to the editor."""

    port: int
    path: str
    token: str = ""

    def head(self, method: str, rest: str, *lines: str) -> bytes:
        return "\r\n".join(
            [
                f"{method} {self.path}{rest} HTTP/1.1",
                f"Host: 127.0.0.1:{self.port}",
                f"Authorization: Bearer {self.token}",
                # JupyterLab gives files to its own pages only.
                f"Referer: http://127.0.0.1:{self.port}{self.path}lab",
                *lines,
                "",
                "",
            ]
        ).encode()

    def websocket(self, session: aiohttp.ClientSession) -> aiohttp.client._WSRequestContextManager:
        return session.ws_connect(
            f"http://127.0.0.1:{self.port}{self.path}ws",
            headers={"Authorization": f"Bearer {self.token}"},
            compress=0,
        )


@contextmanager
def _editor(folder: Path) -> Iterator[Way]:
    """Run the same small editor on a port of its own: the peer."""
    port = free_port()
    log = folder / "editor.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(FAKE_EDITOR), str(port), "/"],
            cwd=folder,
            stdout=output,
            stderr=output,
            env=dict(os.environ),
        )
    try:
        wait_for(lambda: b"listens" in log.read_bytes(), what="the editor", seconds=60)
        yield Way(port, "/")
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def _jupyterlab(gateway: Gateway, folder: Path) -> Iterator[Way]:
    """Run the same JupyterLab on a port of its own."""
    behind = gateway.config.editor
    port = free_port()
    home = folder / "workspace"
    home.mkdir(exist_ok=True)
    command = [word for word in behind.command if ".sock" not in word and ".root_dir" not in word]
    command += [f"--ServerApp.port={port}", "--ServerApp.ip=127.0.0.1", f"--ServerApp.root_dir={home}"]
    with (folder / "jupyterlab.log").open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=home,
            stdout=output,
            stderr=output,
            env={**behind.environment, "HOME": str(home)},
        )
    try:
        way = Way(port, PREFIX)
        wait_for(lambda: _answers(way), what="JupyterLab", seconds=120)
        yield way
    finally:
        process.terminate()
        process.wait(30)


def _bench_jupyterlab(gateway: Gateway) -> EditorProcess:
    editor = jupyterlab(gateway)
    return editor.model_copy(update={"command": [*editor.command, "--ServerApp.disable_check_xsrf=True"]})


def _answers(way: Way) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", way.port), timeout=5) as connection:
            connection.sendall(way.head("GET", "api", "Connection: close"))
            return connection.recv(12) == b"HTTP/1.1 200"
    except OSError:
        return False


async def _requests(way: Way, count: int, path: str) -> float:
    """Ask for a small page again and again over kept connections; return requests per second."""
    question = way.head("GET", path)

    async def ask(times: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", way.port)
        for _ in range(times):
            writer.write(question)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            await reader.readexactly(length)
        writer.close()
        await writer.wait_closed()

    began = time.perf_counter()
    await asyncio.gather(*(ask(count // CONNECTIONS) for _ in range(CONNECTIONS)))
    return count / (time.perf_counter() - began)


def _download(way: Way, megabytes: int, path: str) -> float:
    """Return megabytes per second."""
    buffer = memoryview(bytearray(CHUNK))
    began = time.perf_counter()
    with socket.create_connection(("127.0.0.1", way.port)) as connection:
        connection.sendall(way.head("GET", path, "Connection: close"))
        received = 0
        while size := connection.recv_into(buffer):
            received += size
    assert received > megabytes * 1_000_000
    return megabytes / (time.perf_counter() - began)


def _upload(way: Way, megabytes: int) -> float:
    block = b"u" * 1_000_000
    length = f"Content-Length: {megabytes * 1_000_000}"
    began = time.perf_counter()
    with socket.create_connection(("127.0.0.1", way.port)) as connection:
        connection.sendall(way.head("PUT", "sink", length, "Connection: close"))
        for _ in range(megabytes):
            connection.sendall(block)
        answer = b""
        while piece := connection.recv(65_536):
            answer += piece
    assert answer.endswith(str(megabytes * 1_000_000).encode()), answer[-200:]
    return megabytes / (time.perf_counter() - began)


def _upload_to_jupyterlab(way: Way, megabytes: int) -> float:
    """Upload as its page does: pieces of a megabyte, one after the other."""
    content = base64.b64encode(b"u" * 1_000_000).decode()
    began = time.perf_counter()
    with socket.create_connection(("127.0.0.1", way.port)) as connection:
        for number in range(1, megabytes + 1):
            chunk = -1 if number == megabytes else number
            body = json.dumps(
                {"type": "file", "format": "base64", "chunk": chunk, "content": content}
            ).encode()
            length = f"Content-Length: {len(body)}"
            connection.sendall(
                way.head("PUT", "api/contents/up.bin", length, "Content-Type: application/json") + body
            )
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(65_536)
            assert head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201")), head
            missing = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            missing -= len(head.partition(b"\r\n\r\n")[2])
            while missing:
                missing -= len(connection.recv(missing))
    return megabytes / (time.perf_counter() - began)


async def _round_trips(way: Way, count: int) -> list[float]:
    """Return how long a small message takes to the editor and back, in milliseconds."""
    times = []
    async with aiohttp.ClientSession() as session, way.websocket(session) as connection:
        await connection.receive_str()
        for _ in range(count):
            began = time.perf_counter()
            await connection.send_str("hello")
            await connection.receive_str()
            times.append(1000 * (time.perf_counter() - began))
    return times


async def _memory(way: Way, pid: int) -> float:
    """Return what 200 open websockets cost the gateway, in MiB."""
    before = memory_of(pid)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        sockets = [await way.websocket(session) for _ in range(WEBSOCKETS)]
        for connection in sockets:
            await connection.receive_str()
            await connection.send_str("x" * 1000)
            await connection.receive_str()
        after = memory_of(pid)
        await asyncio.gather(*(connection.close() for connection in sockets))
    return after - before


@dataclass(frozen=True, slots=True)
class Case:
    """Something to measure on both ways; more is better."""

    what: str
    unit: str
    goal: str
    measure: Callable[[Way], float]


def _compared(ours: Way, peer: Way, cases: tuple[Case, ...], name: str) -> list[Row]:
    rows = []
    for case in cases:
        case.measure(ours), case.measure(peer)
        pairs = [(case.measure(ours), case.measure(peer)) for _ in range(ROUNDS)]
        mine, theirs = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        details = f"{statistics.median(mine):.0f} against {statistics.median(theirs):.0f} {case.unit}"
        rows.append(Row(f"{case.what} (throughput)", name, ratio(mine, theirs), case.goal, details))
    return rows


def _of_jupyterlab(scale: str) -> tuple[Case, ...]:
    megabytes, count = MEGABYTES[scale], REQUESTS[scale]
    return (
        Case(
            f"small requests, {CONNECTIONS} kept connections",
            "per second",
            "≥ 0.4",
            lambda way: asyncio.run(_requests(way, count, "api/status")),
        ),
        Case(
            f"download of {megabytes} MB",
            "MB/s",
            "≥ 0.7",
            lambda way: _download(way, megabytes, "files/big.bin"),
        ),
        Case(f"upload of {megabytes} MB", "MB/s", "≥ 0.7", lambda way: _upload_to_jupyterlab(way, megabytes)),
    )


def _of_bare_program(scale: str) -> tuple[Case, ...]:
    megabytes, count = MEGABYTES[scale], REQUESTS[scale]
    return (
        Case(
            f"small requests, {CONNECTIONS} kept connections",
            "per second",
            "",
            lambda way: asyncio.run(_requests(way, count, "headers?headers={}")),
        ),
        Case(
            f"download of {megabytes} MB",
            "MB/s",
            "",
            lambda way: _download(way, megabytes, f"big?mb={megabytes}"),
        ),
        Case(f"upload of {megabytes} MB", "MB/s", "", lambda way: _upload(way, megabytes)),
    )


def _websockets(ours: Way, peer: Way, gateway: Gateway, scale: str) -> list[Row]:
    count = ROUND_TRIPS[scale]
    mine: list[float] = []
    theirs: list[float] = []
    for _ in range(ROUNDS):
        mine += asyncio.run(_round_trips(ours, count))
        theirs += asyncio.run(_round_trips(peer, count))
    more = statistics.median(mine) - statistics.median(theirs)
    details = f"{statistics.median(mine):.2f} ms against {statistics.median(theirs):.2f} ms at the median"
    memory = asyncio.run(_memory(ours, gateway.process.pid))
    return [
        Row("websocket round trip", "the editor directly", f"+ {more:.2f} ms", "≤ + 0.5 ms", details),
        Row(f"memory of {WEBSOCKETS} open websockets", "none open", f"+ {memory:.0f} MiB", "< 60 MB", ""),
    ]


def _with_jupyterlab(folder: Path, scale: str) -> list[Row]:
    run = folder / "jupyterlab"
    run.mkdir()
    with (
        running_gateway(run, editor=_bench_jupyterlab, **TIMES) as gateway,
        _jupyterlab(gateway, folder) as peer,
    ):
        for home in (run / "workspace", folder / "workspace"):
            with (home / "big.bin").open("wb") as file:
                for _ in range(MEGABYTES[scale]):
                    file.write(b"\xff" * 1_000_000)
        ours = Way(gateway.port, gateway.prefix, gateway.service.new_token())
        return _compared(ours, peer, _of_jupyterlab(scale), "JupyterLab directly")


def _with_bare_program(folder: Path, scale: str) -> list[Row]:
    run = folder / "bare"
    run.mkdir()
    with running_gateway(run, **TIMES) as gateway, _editor(folder) as peer:
        ours = Way(gateway.port, gateway.prefix, gateway.service.new_token())
        return [
            *_compared(ours, peer, _of_bare_program(scale), "a bare program directly"),
            *_websockets(ours, peer, gateway, scale),
        ]


def measure(scale: str) -> list[Row]:
    """Return the gateway's rows."""
    with tempfile.TemporaryDirectory() as folder:
        return [*_with_jupyterlab(Path(folder), scale), *_with_bare_program(Path(folder), scale)]
