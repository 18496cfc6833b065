"""The programs of a cluster, built from Go modules: versions stand in ``programs/*/go.mod``, results stay in the cache.

A build takes minutes, so its result is kept under a name that changes with the versions and their checksums.
"""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).parents[1] / "programs"
CACHE = Path(os.environ.get("OVH_SPAWNER_CACHE", Path.home() / ".cache" / "ovh-spawner")) / "cluster"


@dataclass(frozen=True)
class Program:
    """A program, and the module folder that pins its version."""

    name: str
    module: str
    package: str


PROGRAMS = [
    Program("etcd", "etcd", "go.etcd.io/etcd/server/v3"),
    *(
        Program(name, "kubernetes", f"k8s.io/kubernetes/cmd/{name}")
        for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kubectl")
    ),
    Program("pause", "pause", "."),
    Program("versitygw", "versitygw", "github.com/versity/versitygw/cmd/versitygw"),
    Program("kwok", "kwok", "sigs.k8s.io/kwok/cmd/kwok"),
]
BY_NAME = {program.name: program for program in PROGRAMS}
# What kwok's fake nodes and pods do, as its authors wrote it; kwok alone knows no stage.
STAGES = ["node/fast/node-initialize", "node/heartbeat-with-lease/node-heartbeat-with-lease"] + [
    f"pod/fast/pod-{stage}" for stage in ("ready", "complete", "delete")
]


def place(name: str) -> Path:
    """Where the built program is, or will be."""
    module = BY_NAME[name].module
    digest = hashlib.sha256()
    for path in sorted((SOURCES / module).iterdir()):
        digest.update(path.read_bytes())
    return CACHE / f"{module}-{digest.hexdigest()[:12]}" / name


def missing() -> list[str]:
    return [program.name for program in PROGRAMS if not place(program.name).exists()]


def build(names: Iterable[str], say: Callable[[str], None]) -> None:
    """Build what is not in the cache yet."""
    for name in names:
        target = place(name)
        if target.exists():
            continue
        say(f"Building {name} (a few minutes the first time)")
        _build(BY_NAME[name], target)


def _build(program: Program, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f"{target.name}.{os.getpid()}.part")
    folder = SOURCES / program.module
    command = ["go", "build", "-trimpath", "-buildvcs=false", "-ldflags", _linker_flags(folder)]
    answer = subprocess.run(
        [*command, "-o", unfinished, program.package],
        cwd=folder,
        env={**os.environ, "CGO_ENABLED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode:
        raise RuntimeError(f"{program.name} could not be built:\n{answer.stderr[-4000:]}")
    if program.name == "kwok":
        _copy_stages(folder, stages_file())
    unfinished.rename(target)


def stages_file() -> Path:
    return place("kwok").with_name("stages.yaml")


def _copy_stages(folder: Path, target: Path) -> None:
    command = ["go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/kwok"]
    module = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout.strip()
    texts = [Path(module, "kustomize", "stage", f"{stage}.yaml").read_text() for stage in STAGES]
    target.write_text("\n---\n".join(texts))


def _linker_flags(folder: Path) -> str:
    """Kubernetes asks its linker for its own version; without it kubelet and API server call themselves v0.0.0."""
    version = re.search(r"k8s\.io/kubernetes v(\d+)\.(\d+)\.\d+", (folder / "go.mod").read_text())
    if folder.name != "kubernetes" or not version:
        return "-s -w"
    where = "k8s.io/component-base/version"
    full = version.group().split()[1]
    major, minor = version.groups()
    return f"-s -w -X {where}.gitVersion={full} -X {where}.gitMajor={major} -X {where}.gitMinor={minor}"


def why_not() -> str:
    """Why no cluster can run here, or nothing."""
    if os.geteuid() != 0:
        return "a kubelet needs root"
    absent = [name for name in ("containerd", "runc", "ctr", "ip", "setpriv") if not shutil.which(name)]
    if absent or not Path("/usr/lib/cni/bridge").exists():
        return "Debian's packages containerd, runc, containernetworking-plugins and iproute2 are not all installed"
    if missing() and not shutil.which("go"):
        return "Go is needed to build Kubernetes the first time, and is not installed"
    return ""
