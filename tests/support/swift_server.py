"""A real OpenStack Swift for tests: Debian's ``swift-*`` servers with one replica.

Its sign-in is its own (version 1), or Keystone's (version 3) by :mod:`tests.support.keystone_server`.

It needs the packages swift, swift-proxy, swift-account, swift-container, swift-object and memcached; where they are
missing, :func:`swift_is_installed` says so and tests skip.
"""

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ovh_spawner.loopback import free_port

_KINDS = ("account", "container", "object")


@dataclass
class SwiftServer:
    """Where it and its cache answer, and the only account of its own sign-in."""

    port: int
    cache: int
    user: str = "test:tester"
    key: str = "testing-key"

    @property
    def auth_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/auth/v1.0"

    def forget_cached(self) -> None:
        """Let it ask again for all that it remembers, sign-ins among that."""
        with socket.create_connection(("127.0.0.1", self.cache), timeout=30) as cache:
            cache.sendall(b"flush_all\r\n")
            assert cache.recv(16) == b"OK\r\n"


@dataclass(frozen=True)
class SignIn:
    """What the proxy asks before it answers."""

    filters: str
    """Their names, in the order in which they ask."""
    sections: str
    """How each is configured."""


def swift_is_installed() -> bool:
    return all(shutil.which(name) for name in ("swift-proxy-server", "swift-ring-builder", "memcached"))


def answers(port: int, *, host: str = "127.0.0.1", seconds: float = 60) -> None:
    """Wait until a port takes connections."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline, f"nothing answers on port {port}"
            time.sleep(0.1)
        else:
            return


def _write_storage(folder: Path, kind: str, port: int) -> None:
    builder = str(folder / f"{kind}.builder")
    device = f"r1z1-127.0.0.1:{port}/disk"
    for arguments in (["create", "6", "1", "1"], ["add", device, "1"], ["rebalance"]):
        subprocess.run(["swift-ring-builder", builder, *arguments], check=False, capture_output=True)
    (folder / f"{kind}-server.conf").write_text(
        f"[DEFAULT]\nbind_ip = 127.0.0.1\nbind_port = {port}\nswift_dir = {folder}\ndevices = {folder}/devices\n"
        f"mount_check = false\nuser = {getpass.getuser()}\nworkers = 0\n"
        f"[pipeline:main]\npipeline = {kind}-server\n[app:{kind}-server]\nuse = egg:swift#{kind}\n"
    )


def _own_sign_in(server: SwiftServer) -> SignIn:
    account = server.user.replace(":", "_")
    return SignIn(
        "tempauth",
        "[filter:tempauth]\nuse = egg:swift#tempauth\n"
        f"user_{account} = {server.key} .admin http://127.0.0.1:{server.port}/v1/AUTH_test\n",
    )


def _write_proxy(folder: Path, server: SwiftServer, sign_in: SignIn) -> None:
    filters = ("catch_errors", "listing_formats")
    (folder / "proxy-server.conf").write_text(
        f"[DEFAULT]\nbind_ip = 127.0.0.1\nbind_port = {server.port}\nswift_dir = {folder}\n"
        f"user = {getpass.getuser()}\nworkers = 0\n"
        f"[pipeline:main]\npipeline = catch_errors cache listing_formats {sign_in.filters} proxy-server\n"
        "[app:proxy-server]\nuse = egg:swift#proxy\naccount_autocreate = true\n"
        f"[filter:cache]\nuse = egg:swift#memcache\nmemcache_servers = 127.0.0.1:{server.cache}\n"
        + "".join(f"[filter:{name}]\nuse = egg:swift#{name}\n" for name in filters)
        + sign_in.sections
    )


@contextmanager
def server_process(command: list[str], log: Path, *, env: dict[str, str] | None = None) -> Iterator[None]:
    """Run a server and end it at the end."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})}
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


@contextmanager
def swift_server(folder: Path, sign_in: SignIn | None = None) -> Iterator[SwiftServer]:
    """Run a Swift whose disk is a folder; without ``sign_in`` it has its own."""
    (folder / "devices/disk").mkdir(parents=True)
    ports = {name: free_port() for name in (*_KINDS, "proxy", "cache")}
    server = SwiftServer(ports["proxy"], ports["cache"])
    for kind in _KINDS:
        _write_storage(folder, kind, ports[kind])
    _write_proxy(folder, server, sign_in or _own_sign_in(server))
    cache = ["memcached", "-l", "127.0.0.1", "-p", str(ports["cache"]), "-u", "nobody", "-m", "16"]
    with ExitStack() as stack:
        stack.enter_context(server_process(cache, folder / "cache.log"))
        for name in (*_KINDS, "proxy"):
            command = [f"swift-{name}-server", str(folder / f"{name}-server.conf")]
            stack.enter_context(server_process(command, folder / f"{name}.log"))
        for port in ports.values():
            answers(port)
        yield server
