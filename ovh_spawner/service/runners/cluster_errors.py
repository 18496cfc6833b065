"""What a cluster can answer besides "done", and what of it a person reads.

An API server's own sentences name objects that people have never heard of, so they are kept for the log.
"""

from ovh_spawner.errors import OVHSpawnerError, RunnerError, StartFailedError
from ovh_spawner.pod.refusals import read_refusal
from ovh_spawner.service.runners.base import NotYetError


class ClusterUnavailableError(NotYetError):
    """The API server does not answer, or not with an answer: what it did is not known."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            "The cluster does not answer. Nothing is lost; try again in a moment.", reason=reason
        )


class NotThereError(RunnerError):
    """There is no such object."""


class AlreadyThereError(RunnerError):
    """An object of this name is there."""


class HistoryGoneError(RunnerError):
    """The server does not remember the version that a watch was to begin at."""


class ClusterRefusedError(StartFailedError):
    """The cluster's own rules refuse an object: a quota, a limit, a policy."""


class NotAllowedError(RunnerError):
    """The service's role lacks a verb: the operator's to mend."""


def refusal_of(code: int, message: str) -> OVHSpawnerError:
    """Return the error for an answer that means "no"."""
    refusal = read_refusal(message)
    # RBAC's "User … cannot create resource …" is not the fault of the notebook's user, and another day it may work.
    kind = NotAllowedError if " cannot " in message else ClusterRefusedError
    return kind(refusal.message, code=code, said=message)
