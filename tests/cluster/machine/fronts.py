"""One address in front of the pods of a Service: what kube-proxy does, which this cluster does not have."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from socketserver import BaseRequestHandler, TCPServer, ThreadingTCPServer

from tests.cluster.machine.api import Api, is_ready

Target = tuple[str, int]
CHUNK = 65_536


class _Connection(BaseRequestHandler):
    """Copies both ways until both sides have ended."""

    server: "_Front"

    def handle(self) -> None:
        for target in self.server.targets():
            try:
                there = socket.create_connection(target, timeout=5)
            except OSError:
                continue
            there.settimeout(None)
            with there:
                back = threading.Thread(target=_copy, args=(there, self.request), daemon=True)
                back.start()
                _copy(self.request, there)
                back.join()
            return


class _Front(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, where: Target, targets: Callable[[], list[Target]]) -> None:
        super().__init__(where, _Connection)
        self.targets = targets


@contextmanager
def front(where: Target, targets: Callable[[], list[Target]]) -> Iterator[None]:
    """Lead connections to the first target that takes them."""
    with serving(_Front(where, targets)):
        yield


@contextmanager
def serving(server: TCPServer) -> Iterator[None]:
    """Let a server answer on a thread of its own."""
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def ready_pods(api: Api, namespace: str, labels: str, *, port: int) -> Callable[[], list[Target]]:
    """Return how to find the addresses of ready pods, each first in its turn."""
    turns = count()

    def look() -> list[Target]:
        pods = api.items("pods", namespace=namespace, labels=labels)
        found = [
            (pod["status"]["podIP"], port)
            for pod in pods
            if is_ready(pod) and "deletionTimestamp" not in pod["metadata"]
        ]
        turn = next(turns) % len(found) if found else 0
        return [*found[turn:], *found[:turn]]

    return look


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(CHUNK):
            target.sendall(chunk)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
