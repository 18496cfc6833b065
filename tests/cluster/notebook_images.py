"""Our images: built before the tests into the image build's cache and imported into our own cluster's node once.

A cluster that KUBECONFIG names pulls them itself: OVH_SPAWNER_TEST_IMAGES names the repository."""

import json
import os
import shutil
import subprocess
import sys
from typing import Any

from tests.cluster.machine import images, programs
from tests.cluster.machine.cluster import Cluster, Machine
from tests.support.requirements import need
from tests.support.stack import CHECKOUT

PROGRAMS = ("gateway", "datasync")
# Only where hub and service run in pods themselves.
DEPLOYED = ("hub", "service")
EDITORS = {"jupyterlab": "jupyterlab-conda", "vscode": "vscode-conda"}
# No conda channel is needed: a plain Python stands in its place.
INSTALLER = "plain"


def load(cluster: Cluster, *names: str) -> None:
    """Import the images of a notebook's programs and of these others; skip the test where they were not built."""
    if cluster.machine is None:
        need(
            "images",
            given_repository(),
            "OVH_SPAWNER_TEST_IMAGES must name the repository that has our images for your cluster",
        )
        return
    wanted = buildable(*names)
    missing = [fact["name"] for fact in wanted if not fact["built"]]
    need("images", wanted and not missing, f"make test-cluster builds them first: {', '.join(missing)}")
    put_on_node(cluster.machine, wanted)


def put_on_node(machine: Machine, wanted: list[dict[str, Any]]) -> None:
    """Import what is not there yet."""
    there = images.names(machine.node.containerd_socket)
    for fact in wanted:
        if fact["image"] not in there:
            machine.load(fact["archive"])


def buildable(*names: str) -> list[dict[str, Any]]:
    """What the image build says of the images of a notebook's programs and of these others; editors by their name."""
    wanted = (*PROGRAMS, *(EDITORS.get(name, name) for name in names))
    return [fact for name in wanted for fact in listed(name) if fact["buildable"]]


def given_repository() -> str:
    """Where a cluster that is not ours pulls our images from; empty when nobody said."""
    return os.environ.get("OVH_SPAWNER_TEST_IMAGES", "")


def build() -> int:
    """Build what the tests run; where that cannot be, they are skipped."""
    if os.environ.get("KUBECONFIG") or programs.why_not():
        return 0
    absent = [tool for tool in ("buildah", "mmdebstrap") if not shutil.which(tool)]
    if absent:
        sys.stdout.write(f"==> No images of ours: Debian's packages {' '.join(absent)} are missing\n")
        return 0
    command = [sys.executable, "-m", "images", "--installer", INSTALLER]
    command += [*PROGRAMS, *DEPLOYED, *EDITORS.values()]
    return subprocess.run(command, cwd=CHECKOUT, check=False).returncode


def listed(name: str) -> list[dict[str, Any]]:
    """What the image build says of the images of this name."""
    command = [sys.executable, "-m", "images", "--list", "--installer", INSTALLER, name]
    answer = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    return [fact for fact in json.loads(answer.stdout) if fact["name"].split(":")[0] == name]


if __name__ == "__main__":
    sys.exit(build())
