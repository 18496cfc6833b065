"""Where things are: in the claim, in our own containers, in the editor's container.

The claim of a notebook holds:

``home/``            the notebook's home; the editor sees it as /workspace
``volumes/<hash>/``  volumes whose mount path lies outside of /workspace
``sync/``            the data sync's manifests and lock; only its own containers see it
"""

from hashlib import sha256

WORKSPACE = "/workspace"
SCRATCH = "/data"
"""Fast disk of the node, lost at the stop."""

CLAIM = "/claim"
"""The whole claim, in the data sync's containers."""
HOME_FOLDER = "home"
VOLUMES_FOLDER = "volumes"
SYNC_STATE = f"{CLAIM}/sync"

CONFIG_FOLDER = "/run/ovh"
GATEWAY_CONFIG = f"{CONFIG_FOLDER}/gateway.json"
PULL_JOB = f"{CONFIG_FOLDER}/pull.json"
SYNC_JOB = f"{CONFIG_FOLDER}/job.json"

EDITOR_RUN = "/run/editor"
"""Shared by gateway and editor."""
EDITOR_SOCKET = f"{EDITOR_RUN}/editor.sock"
SSH_SOCKET = f"{EDITOR_RUN}/ssh.sock"
TEMPORARY = "/tmp"  # noqa: S108 - an empty folder of the container's own
TERMINATION_MESSAGE = "/dev/termination-log"
"""A cluster keeps what a container wrote there, up to 4096 bytes."""

_HASH = 16
"""64 bits: a notebook has ten volumes."""


def is_in_home(mount_path: str) -> bool:
    """Tell whether a volume is a folder of the notebook's home."""
    return mount_path.startswith(f"{WORKSPACE}/")


def claim_folder(mount_path: str) -> str:
    """Return a volume's folder within the claim: home/data, or volumes/<hash>."""
    if is_in_home(mount_path):
        return f"{HOME_FOLDER}{mount_path.removeprefix(WORKSPACE)}"
    return f"{VOLUMES_FOLDER}/{sha256(mount_path.encode()).hexdigest()[:_HASH]}"


def claim_path(mount_path: str) -> str:
    """Return a volume's folder as the data sync's containers see it."""
    return f"{CLAIM}/{claim_folder(mount_path)}"
