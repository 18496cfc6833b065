"""Names of the objects in a cluster, from ids alone: every program finds them without asking another.

A notebook has one pod name, so that the cluster itself refuses a second pod beside the first (409).
All are at most 42 characters; a name has at most 63.
"""

from uuid import UUID


def pod_name(notebook: UUID) -> str:
    """Return the name of a notebook's pod."""
    return f"nb-{notebook}"


def claim_name(notebook: UUID) -> str:
    """Return the name of the claim that holds a notebook's files."""
    return f"nb-{notebook}"


def run_secret_name(run: UUID) -> str:
    """Return the name of the Secret with what our own containers of a run are told."""
    return f"run-{run}"


def environment_secret_name(run: UUID) -> str:
    """Return the name of the Secret with the editor's variables."""
    return f"env-{run}"


def run_policy_name(run: UUID) -> str:
    """Return the name of the NetworkPolicy of a run's pod."""
    return f"run-{run}"


def sync_name(sync: UUID) -> str:
    """Return the name of a data sync's Job, Secret and NetworkPolicy."""
    return f"sync-{sync}"
