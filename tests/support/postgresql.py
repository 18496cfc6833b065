"""A PostgreSQL server of our own for tests, when the machine has its programs."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDERS = Path("/usr/lib/postgresql")
"""Where Debian puts the server's programs, by version."""


def find_programs() -> Path | None:
    """Return the folder that holds initdb and pg_ctl, or None."""
    candidates = sorted(FOLDERS.glob("*/bin"), reverse=True)
    if on_path := shutil.which("initdb"):
        candidates.append(Path(on_path).parent)
    return next(
        (path for path in candidates if (path / "initdb").exists() and (path / "pg_ctl").exists()), None
    )


class PostgresqlServer:
    """A server that listens on a unix socket, and on loopback where a port is given."""

    def __init__(self, programs: Path, folder: Path, account: list[str]) -> None:
        self._programs = programs
        self._folder = folder
        self._account = account
        self._databases = 0

    def start(self, *, durable: bool = False, port: int = 0) -> None:
        data = str(self._folder / "data")
        self._run("initdb", "-D", data, "-U", "tests", "-A", "trust", "--no-sync", "-E", "UTF8")
        fsync = "on" if durable else "off"
        where = f"-c listen_addresses=127.0.0.1 -c port={port}" if port else "-c listen_addresses=''"
        self._socket = ["-h", str(self._folder), *(["-p", str(port)] if port else [])]
        options = f"{where} -c unix_socket_directories={self._folder} -c fsync={fsync}"
        self._run("pg_ctl", "-D", data, "-w", "-l", str(self._folder / "log"), "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", "immediate", "stop")

    def new_database(self) -> str:
        """Create an empty database and return its address."""
        self._databases += 1
        name = f"test{self._databases}"
        self.create(name)
        return f"postgresql+psycopg://tests@/{name}?host={self._folder}"

    def create(self, name: str) -> None:
        """Create an empty database."""
        self._run("createdb", *self._socket, "-U", "tests", name)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [*self._account, str(self._programs / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
            check=False,
        )
        assert done.returncode == 0, f"{program}: {done.stderr}"


@contextmanager
def postgresql_server(programs: Path, *, durable: bool = False, port: int = 0) -> Iterator[PostgresqlServer]:
    """Run a server; tests need none that survives a power cut, ``durable`` ones do."""
    # The path of a unix socket has a limit of about 100 bytes, so the folder is short.
    folder = Path(tempfile.mkdtemp(prefix="ovhpg-", dir="/tmp"))
    account: list[str] = []
    if os.geteuid() == 0:
        # The server refuses to run as root.
        shutil.chown(folder, user="nobody")
        account = ["setpriv", "--reuid=nobody", "--clear-groups"]
    server = PostgresqlServer(programs, folder, account)
    try:
        server.start(durable=durable, port=port)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
