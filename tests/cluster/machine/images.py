"""The images that pods run: a pause image made here from one static program, and archives that were built before."""

import hashlib
import io
import json
import os
import subprocess
import tarfile
from pathlib import Path

from tests.cluster.machine import programs

PAUSE = "localhost/ovh-spawner/pause:1"


def write_pause_archive(path: Path) -> None:
    """Pack the pause program as a docker archive: one layer, one file."""
    layer = _layer(programs.place("pause"))
    digest = hashlib.sha256(layer).hexdigest()
    config = {
        "architecture": os.uname().machine.replace("x86_64", "amd64").replace("aarch64", "arm64"),
        "os": "linux",
        "config": {"Entrypoint": ["/pause"], "User": "65534:65534"},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        "history": [{"created_by": "tests"}],
    }
    manifest = [{"Config": "config.json", "RepoTags": [PAUSE], "Layers": [f"{digest}.tar"]}]
    with tarfile.open(path, "w") as archive:
        _add(archive, "config.json", json.dumps(config).encode())
        _add(archive, f"{digest}.tar", layer)
        _add(archive, "manifest.json", json.dumps(manifest).encode())


def _layer(program: Path) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as layer:
        _add(layer, "pause", program.read_bytes(), mode=0o755)
    return packed.getvalue()


def _add(archive: tarfile.TarFile, name: str, data: bytes, *, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), mode
    archive.addfile(entry, io.BytesIO(data))


def load(archive: Path, containerd: Path) -> None:
    """Give an archive's images to containerd, under the names that stand in it."""
    _ctr(containerd, "images", "import", str(archive))


def names(containerd: Path) -> set[str]:
    return set(_ctr(containerd, "images", "ls", "-q").split())


def _ctr(containerd: Path, *words: str) -> str:
    answer = subprocess.run(
        ["ctr", "--address", containerd, "-n", "k8s.io", *words], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, f"ctr {' '.join(words)}: {answer.stderr}"
    return answer.stdout
