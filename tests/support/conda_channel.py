"""A small conda channel in a folder: packages of a few bytes, so that an installer can be tried without a network."""

import bz2
import hashlib
import io
import json
import tarfile
from pathlib import Path


def write_channel(folder: Path, packages: dict[str, str]) -> None:
    """Make a channel of packages, name → version; each puts one file of its name into ``share/``."""
    entries = {}
    noarch = folder / "noarch"
    noarch.mkdir(parents=True)
    for name, version in packages.items():
        data, index = _package(name, version)
        file = f"{name}-{version}-0.tar.bz2"
        (noarch / file).write_bytes(data)
        entries[file] = {
            **index,
            "sha256": hashlib.sha256(data).hexdigest(),
            "md5": hashlib.md5(data).hexdigest(),
            "size": len(data),
        }
    _write_index(noarch, "noarch", entries)
    (folder / "linux-64").mkdir()
    _write_index(folder / "linux-64", "linux-64", {})


def _write_index(folder: Path, platform: str, packages: dict) -> None:
    index = {"info": {"subdir": platform}, "packages": packages, "packages.conda": {}, "repodata_version": 1}
    (folder / "repodata.json").write_text(json.dumps(index))


def _package(name: str, version: str) -> tuple[bytes, dict]:
    payload = f"{name} {version}\n".encode()
    path = f"share/{name}"
    index = {
        "name": name,
        "version": version,
        "build": "0",
        "build_number": 0,
        "depends": [],
        "subdir": "noarch",
        "noarch": "generic",
        "timestamp": 1700000000000,
    }
    paths = {
        "paths_version": 1,
        "paths": [
            {
                "_path": path,
                "path_type": "hardlink",
                "sha256": hashlib.sha256(payload).hexdigest(),
                "size_in_bytes": len(payload),
            }
        ],
    }
    files = {
        "info/index.json": json.dumps(index).encode(),
        "info/paths.json": json.dumps(paths).encode(),
        "info/files": f"{path}\n".encode(),
        path: payload,
    }
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for inside, data in files.items():
            member = tarfile.TarInfo(inside)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return bz2.compress(raw.getvalue()), index
