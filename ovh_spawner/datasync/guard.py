"""The guard: the only way out for git and rclone when a person chose the address.

It is a SOCKS5 proxy on loopback. git and rclone hand it host names; it resolves each one itself, and connects to
an address that it has looked at. So there is nothing between the look and the connection that a name server could
change, and whatever the programs are led to on their way (a redirect, the storage address of a sign-in) comes by
here too. It sees no content: TLS goes through it from end to end.
"""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Self

from ovh_spawner.contract.sync import Reach, SyncState
from ovh_spawner.datasync.failures import VolumeFailedError, Words
from ovh_spawner.datasync.upstream import UpstreamProxy
from ovh_spawner.domain.addresses import is_allowed, is_private

Resolve = Callable[[str, int], list[str]]

_VERSION = 5
_NO_SIGN_IN = 0
_CONNECT = 1
_IPV4, _IPV6 = 1, 4
_IPV4_BYTES, _IPV6_BYTES = 4, 16
_DONE, _FAILED, _NOT_ALLOWED, _UNREACHABLE, _REFUSED, _BAD_COMMAND = 0, 1, 2, 4, 5, 7

_SECONDS_TO_CONNECT = 15.0
_CHUNK = 256 * 1024

NO_OTHER_PROXY = dict.fromkeys(
    ("http_proxy", "https_proxy", "no_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
    "",
)  # fmt: skip
"""Environment of a guarded program: no list of exceptions leads around the guard."""


class _RefusedError(Exception):
    """The guard does not connect to a host."""


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class Guard:
    """A proxy that lets programs out to where they may go."""

    def __init__(
        self, reach: Reach, *, resolve: Resolve = resolve, upstream: UpstreamProxy | None = None
    ) -> None:
        self._reach = reach
        self._resolve = resolve
        self._upstream = upstream or UpstreamProxy.of_environment()
        self._refused: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        threading.Thread(target=self._serve, name="guard", daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # wakes the thread that waits for the next one
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    @property
    def address(self) -> str:
        """What a program takes as its proxy."""
        return f"socks5h://127.0.0.1:{self._listener.getsockname()[1]}"

    def check(self, words: Words) -> None:
        """Raise VolumeFailedError when a program was refused its way since the last look."""
        hosts, self._refused = self._refused, []
        if hosts:
            raise VolumeFailedError(
                SyncState.FAILED,
                f"{words.place}: {words.owner} leads to {words.scrub(hosts[0])!r}, a private address, and this "
                "platform does not connect to those. Use a public address, or ask the operator to allow this one.",
            )

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._attend, args=(client,), name="guard", daemon=True).start()

    def _attend(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            client.settimeout(_SECONDS_TO_CONNECT)
            target = _read_request(client)
            if target is None:
                _answer(client, _BAD_COMMAND)
                return
            try:
                server = self._connect(*target)
            except _RefusedError:
                self._refused.append(target[0])
                _answer(client, _NOT_ALLOWED)
            except socket.gaierror:
                _answer(client, _UNREACHABLE)
            except ConnectionRefusedError:
                _answer(client, _REFUSED)
            except OSError:
                _answer(client, _FAILED)
            else:
                with server:
                    _answer(client, _DONE)
                    _relay(client, server)

    def _connect(self, host: str, port: int) -> socket.socket:
        through_proxy = self._upstream.serves(host, port)
        try:
            addresses = self._resolve(host, port)
        except socket.gaierror:
            if not through_proxy:
                raise
            # Only the proxy knows the names of the world outside; what it may reach is its operator's choice.
            return self._upstream.connect(host, port, _SECONDS_TO_CONNECT)
        good = [address for address in addresses if self._may(host, address)]
        if not good:
            raise _RefusedError
        if through_proxy:
            return self._upstream.connect(host, port, _SECONDS_TO_CONNECT)
        return _first_that_answers(good, port)

    def _may(self, host: str, address: str) -> bool:
        return not is_private(address) or is_allowed(host, address, self._reach.allowed)


@contextlib.contextmanager
def guarded(reach: Reach) -> Iterator[Guard | None]:
    """Give a guard where one is needed."""
    if reach.private_addresses:
        yield None
        return
    with Guard(reach) as guard:
        yield guard


def _first_that_answers(addresses: list[str], port: int) -> socket.socket:
    last = OSError("no address")
    for address in addresses:
        try:
            return socket.create_connection((address, port), timeout=_SECONDS_TO_CONNECT)
        except OSError as exc:
            last = exc
    raise last


def _read_request(client: socket.socket) -> tuple[str, int] | None:
    """Return host and port that a program wants to reach; nothing when it wants something else."""
    _, methods = _read(client, 2)
    _read(client, methods)
    client.sendall(bytes((_VERSION, _NO_SIGN_IN)))
    version, command, _, kind = _read(client, 4)
    if kind == _IPV4:
        host = socket.inet_ntop(socket.AF_INET, _read(client, _IPV4_BYTES))
    elif kind == _IPV6:
        host = socket.inet_ntop(socket.AF_INET6, _read(client, _IPV6_BYTES))
    else:
        host = _read(client, _read(client, 1)[0]).decode("ascii", "replace")
    port = int.from_bytes(_read(client, 2))
    return (host, port) if (version, command) == (_VERSION, _CONNECT) else None


def _answer(client: socket.socket, code: int) -> None:
    client.sendall(bytes((_VERSION, code, 0, _IPV4, 0, 0, 0, 0, 0, 0)))


def _read(sock: socket.socket, size: int) -> bytes:
    """Return exactly so many bytes."""
    data = bytearray()
    while len(data) < size:
        chunk = sock.recv(size - len(data))
        if not chunk:
            raise ConnectionResetError
        data += chunk
    return bytes(data)


def _relay(client: socket.socket, server: socket.socket) -> None:
    """Pass everything on, both ways, until both have said all."""
    client.settimeout(None)
    server.settimeout(None)
    back = threading.Thread(target=_pass_on, args=(server, client), name="guard", daemon=True)
    back.start()
    _pass_on(client, server)
    back.join()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    buffer = memoryview(bytearray(_CHUNK))
    with contextlib.suppress(OSError):
        while size := source.recv_into(buffer):
            sink.sendall(buffer[:size])
    # A side that is gone cannot be told; the other one ends by this.
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
