"""Build a cluster's programs, run a cluster until Ctrl-C, or remove what killed runs left behind."""

import argparse
import os
import signal
import sys
import time

from tests.cluster import notebook_images
from tests.cluster.machine import leftovers, programs
from tests.cluster.machine.cluster import own_cluster


def say(text: str) -> None:
    print(f"==> {text}", flush=True)  # noqa: T201 (a command's output)


def build() -> int:
    """Build what is missing. A machine that cannot run a cluster is told why by the tests themselves."""
    if os.environ.get("KUBECONFIG"):
        say("KUBECONFIG is set: the tests use that cluster")
        return 0
    if reason := programs.why_not():
        say(f"No cluster here: {reason}")
        return 0
    programs.build([program.name for program in programs.PROGRAMS], say)
    return 0


def run(fake_nodes: int, *, has_images: bool) -> int:
    """Run a cluster until it is told to stop."""
    if reason := programs.why_not():
        say(f"No cluster here: {reason}")
        return 1
    build()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    began = time.monotonic()
    with own_cluster() as cluster:
        if fake_nodes:
            cluster.machine.fake_nodes.add(fake_nodes)
        if has_images:
            built = [fact for fact in notebook_images.buildable(*notebook_images.EDITORS) if fact["built"]]
            notebook_images.put_on_node(cluster.machine, built)
        say(f"Ready after {time.monotonic() - began:.0f} s. In another terminal:")
        say(f"    export KUBECONFIG={cluster.kubeconfig}")
        say(f"    {programs.place('kubectl')} get nodes")
        say(f"Images: ctr --address {cluster.machine.node.containerd_socket} -n k8s.io images import FILE")
        say(
            f"Logs: {cluster.machine.state / 'logs'}. Pods reach this machine at {cluster.address}. Ctrl-C ends it all."
        )
        try:
            signal.pause()
        except KeyboardInterrupt:
            say("Ending")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.machine", description=__doc__)
    parser.add_argument("what", choices=["build", "run", "clean"])
    parser.add_argument("--fake-nodes", type=int, default=0)
    parser.add_argument("--images", action="store_true", help="import our images that are built")
    asked = parser.parse_args()
    if asked.what == "clean":
        leftovers.remove_dead()
        return 0
    return build() if asked.what == "build" else run(asked.fake_nodes, has_images=asked.images)


if __name__ == "__main__":
    sys.exit(main())
