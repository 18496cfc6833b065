"""A real S3 server that pods reach: versitygw, which keeps versions and honours If-Match. Its buckets are folders."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from ovh_spawner.loopback import free_port
from tests.cluster.machine import programs
from tests.cluster.machine.daemons import Daemon, wait_until
from tests.cluster.machine.fronts import serving
from tests.support.s3_server import S3Server

ACCESS_KEY = "demo-access"
SECRET_KEY = "demo-secret-key"


class Unavailable(BaseHTTPRequestHandler):
    """503 to every request, as stores and what stands before them answer in bad hours."""

    def answer(self) -> None:
        self.send_response(503)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.close_connection = True

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer  # noqa: N815 - http.server calls them so

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class VersityStore(S3Server):
    """The client of ``S3Server``, and a process that a test may stop for a while."""

    daemon: Daemon

    def go_away(self) -> None:
        self.daemon.stop()

    def come_back(self) -> None:
        self.daemon.start()
        wait_until(self.daemon, self._answers, what="versitygw to answer", seconds=30)

    @contextmanager
    def unavailable(self) -> Iterator[None]:
        """Answer 503 to everything for a while, from the same address."""
        self.daemon.stop()
        address = urlsplit(self.endpoint)
        try:
            with serving(ThreadingHTTPServer((address.hostname, address.port), Unavailable)):
                yield
        finally:
            self.come_back()

    def _answers(self) -> bool:
        try:
            return httpx.get(self.endpoint, trust_env=False).status_code < 500
        except httpx.TransportError:
            return False


@contextmanager
def versity_store(folder: Path, *, host: str) -> Iterator[VersityStore]:
    """Run a server on ``host`` whose buckets are the folders of ``folder / "buckets"``."""
    root, versions = folder / "buckets", folder / "versions"
    root.mkdir(parents=True)
    versions.mkdir()
    address = f"{host}:{free_port()}"
    words = ["--port", address, "--quiet", "posix", "--versioning-dir", versions, root]
    # The keys come by the environment: a command line is everybody's to read.
    keys = {"ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": SECRET_KEY}
    daemon = Daemon("versitygw", [programs.place("versitygw"), *words], folder, keys)
    store = VersityStore(f"http://{address}", ACCESS_KEY, SECRET_KEY, root, process=None)
    store.daemon = daemon
    try:
        store.come_back()
        yield store
    finally:
        daemon.stop()
