"""A real Ceph Object Gateway for tests: Debian's monitor, one OSD that keeps everything in memory, and radosgw.

It speaks S3 and Swift (its own sign-in, version 1). It needs the packages ceph-mon, ceph-osd, radosgw and
ceph-common; where they are missing, :func:`radosgw_is_installed` says so and tests skip.
"""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from ovh_spawner.loopback import free_port
from tests.support.swift_server import answers, server_process

_PROGRAMS = ("ceph", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin")


@dataclass
class Radosgw:
    """Where it answers, and its only account."""

    endpoint: str
    access_key: str = "RGWTESTSKEY"
    secret_key: str = "rgw-tests-secret-key"
    swift_user: str = "tests:swift"
    swift_key: str = "rgw-swift-secret"

    @property
    def auth_url(self) -> str:
        return f"{self.endpoint}/auth/v1.0"


def radosgw_is_installed() -> bool:
    return all(shutil.which(name) for name in _PROGRAMS)


class _Cluster:
    """The programs' configuration and their folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.conf = str(folder / "ceph.conf")
        self.fsid, self.monitor = str(uuid4()), f"v2:127.0.0.1:{free_port()}"
        settings = {
            "fsid": self.fsid,
            "mon_host": f"[{self.monitor}]",
            **{f"auth_{whose}_required": "none" for whose in ("cluster", "service", "client")},
            # The gateway asks its monitor for encryption, which needs keys.
            **{f"ms_mon_{whose}_mode": "crc" for whose in ("cluster", "service", "client")},
            "osd_pool_default_size": 1,
            "osd_pool_default_min_size": 1,
            "osd_pool_default_pg_num": 4,
            "mon_max_pg_per_osd": 500,
            "osd_crush_chooseleaf_type": 0,
            "osd_objectstore": "memstore",
            "memstore_device_bytes": 2 * 1024**3,
            "mon_data": folder / "mon",
            "osd_data": folder / "osd",
            "public_addr": "127.0.0.1",
            "cluster_addr": "127.0.0.1",
            "log_file": folder / "$name.log",
            "admin_socket": "",
            "pid_file": "",
            "run_dir": folder,
        }
        lines = [f"{name} = {value}" for name, value in settings.items()]
        Path(self.conf).write_text("\n".join(["[global]", *lines]) + "\n")

    def run(self, *command: str) -> None:
        done = subprocess.run(
            [command[0], "--conf", self.conf, *command[1:]],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"

    def serving(self, *command: str):
        log = self.folder / f"{Path(command[0]).name}.out"
        return server_process([command[0], "--conf", self.conf, "--foreground", *command[1:]], log)


@contextmanager
def radosgw(folder: Path, *, host: str = "127.0.0.1") -> Iterator[Radosgw]:
    """Run a gateway on ``host`` with all that is behind it; what it holds is gone with it."""
    cluster, osd, port = _Cluster(folder), str(uuid4()), free_port()
    server = Radosgw(f"http://{host}:{port}")
    (folder / "osd").mkdir()
    monmap = str(folder / "monmap")
    subprocess.run(
        ["monmaptool", "--create", "--fsid", cluster.fsid, "--addv", "a", f"[{cluster.monitor}]", monmap],
        check=True,
        capture_output=True,
    )
    cluster.run("ceph-mon", "--mkfs", "--id", "a", "--monmap", monmap)
    with ExitStack() as stack:
        stack.enter_context(cluster.serving("ceph-mon", "--id", "a"))
        cluster.run("ceph", "--connect-timeout", "100", "osd", "new", osd)
        cluster.run("ceph-osd", "--mkfs", "--id", "0", "--osd-uuid", osd)
        stack.enter_context(cluster.serving("ceph-osd", "--id", "0"))
        names = ("user", "create", "--uid", "tests", "--display-name", "Tests")
        keys = ("--access-key", server.access_key, "--secret-key", server.secret_key)
        cluster.run("radosgw-admin", *names, *keys)
        cluster.run("radosgw-admin", "subuser", "create", "--uid", "tests", "--subuser", server.swift_user,
                    "--access", "full", "--key-type", "swift", "--secret", server.swift_key)  # fmt: skip
        gateway = ("--name", "client.rgw", "--rgw-frontends", f"beast endpoint={host}:{port}")
        stack.enter_context(cluster.serving("radosgw", *gateway))
        answers(port, host=host)
        yield server
