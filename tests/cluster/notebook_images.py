"""Our images on the node: built before the tests into the image build's cache, imported once a session."""

import json
import os
import shutil
import subprocess
import sys
from typing import Any

from tests.cluster.machine import images, programs
from tests.cluster.machine.cluster import Cluster
from tests.support.requirements import need
from tests.support.stack import CHECKOUT

PROGRAMS = ("gateway", "datasync")
EDITORS = {"jupyterlab": "jupyterlab-conda", "vscode": "vscode-conda"}
# No conda channel is needed: a plain Python stands in its place.
INSTALLER = "plain"


def load(cluster: Cluster, *editors: str) -> list[dict[str, Any]]:
    """Import the images of our programs and of these editors; skip the test where they were not built."""
    wanted = [
        fact
        for name in (*PROGRAMS, *(EDITORS[e] for e in editors))
        for fact in listed(name)
        if fact["buildable"]
    ]
    if cluster.machine is None:
        given = os.environ.get("OVH_SPAWNER_TEST_IMAGES")
        need("images", given, "set OVH_SPAWNER_TEST_IMAGES=1 when your cluster can pull them")
        return wanted
    missing = [fact["name"] for fact in wanted if not fact["built"]]
    need("images", wanted and not missing, f"make test-cluster builds them first: {', '.join(missing)}")
    there = images.names(cluster.machine.node.containerd_socket)
    for fact in wanted:
        if fact["image"] not in there:
            cluster.machine.load(fact["archive"])
    return wanted


def build() -> int:
    """Build what the tests run; where that cannot be, they are skipped."""
    if os.environ.get("KUBECONFIG") or programs.why_not():
        return 0
    absent = [tool for tool in ("buildah", "mmdebstrap") if not shutil.which(tool)]
    if absent:
        sys.stdout.write(f"==> No images of ours: Debian's packages {' '.join(absent)} are missing\n")
        return 0
    command = [sys.executable, "-m", "images", "--installer", INSTALLER, *PROGRAMS, *EDITORS.values()]
    return subprocess.run(command, cwd=CHECKOUT, check=False).returncode


def listed(name: str) -> list[dict[str, Any]]:
    """What the image build says of the images of this name."""
    command = [sys.executable, "-m", "images", "--list", "--installer", INSTALLER, name]
    answer = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    return [fact for fact in json.loads(answer.stdout) if fact["name"].split(":")[0] == name]


if __name__ == "__main__":
    sys.exit(build())
