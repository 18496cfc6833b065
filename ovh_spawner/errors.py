"""The whole error tree. A constructor takes facts and writes the sentence: what happened, what is allowed, what to do.

No HTTP status here: each door translates once (``service/api/errors.py``, ``hub/refusals.py``, ``cli``).
No secret in a message or a detail.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


class OVHSpawnerError(Exception):
    """Never raised itself. ``code`` is stable, ``message`` is for people, ``details`` are facts."""

    code = "internal"

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class RefusedError(OVHSpawnerError):
    """The caller can act on it. Shown to them, never an alert."""

    code = "refused"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with what somebody typed."""

    field: str
    """Where, in the words of the API: resources.cpu, volumes[0].mountPath."""
    message: str
    """What is wrong, with the value (unless it may be secret), and what is allowed."""


class InvalidSpecError(RefusedError):
    """What was asked for breaks a rule; every broken rule is listed."""

    code = "invalid"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        text = " ".join(f"{p.field}: {p.message}" if p.field else p.message for p in self.problems)
        super().__init__(text, problems=[{"field": p.field, "message": p.message} for p in self.problems])

    @classmethod
    def one(cls, field: str, message: str) -> "InvalidSpecError":
        return cls([Problem(field, message)])


class UnauthenticatedError(RefusedError):
    """No credential, or one that is not known (any more)."""

    code = "unauthenticated"

    def __init__(self, message: str = "Sign in, or send a valid token as 'Authorization: Bearer …'.") -> None:
        super().__init__(message)


class PermissionDeniedError(RefusedError):
    """Known, and not allowed."""

    code = "forbidden"


class NotFoundError(RefusedError):
    """It does not exist, or the caller may not know that it does."""

    code = "not_found"

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"There is no {kind} {name!r}.", kind=kind, name=name)


class WrongStateError(RefusedError):
    """The notebook is in a state in which this cannot be done."""

    code = "wrong_state"


class QuotaExceededError(RefusedError):
    """The project's GPUs are in use."""

    code = "quota_exceeded"

    def __init__(self, *, project: str, asked: int, used: int, limit: int, by: Sequence[str] = ()) -> None:
        users = f" Running now: {', '.join(by)}." if by else ""
        super().__init__(
            f"This needs {asked} GPU{'s' if asked != 1 else ''}, and project {project!r} uses {used} of its {limit}."
            f"{users} Stop a notebook, or choose fewer GPUs or CPUs.",
            project=project,
            asked=asked,
            used=used,
            limit=limit,
            by=list(by),
        )


class StartFailedError(RefusedError):
    """The notebook could not start, and its owner can do something about it."""

    code = "start_failed"


class StoppedWhileStartingError(RefusedError):
    """The notebook was stopped before it ran."""

    code = "stopped"


class SignInError(RefusedError):
    """Somebody could not be signed in; the sentence stands on the page and tells nothing about others."""

    code = "sign_in"


class NoCapacityError(RefusedError):
    """The cluster has no room for the notebook."""

    code = "no_capacity"


class UpstreamError(OVHSpawnerError):
    """A program that we depend on failed; the caller may try again."""

    code = "upstream"


class HubError(UpstreamError):
    """JupyterHub did not answer, or refused."""

    code = "hub"


class ServiceUnavailableError(UpstreamError):
    """The hub service did not answer the hub, a gateway or the command line."""

    code = "service_unavailable"


class NotebookUnreachableError(UpstreamError):
    """The notebook runs, and its SSH server is not reached."""

    code = "notebook_unreachable"


class ObjectStoreError(UpstreamError):
    """A data store did not answer, or refused."""

    code = "object_store"


class LaunchError(UpstreamError):
    """A notebook's process could not be brought up, and its owner is not to blame."""

    code = "launch"


class RunnerError(UpstreamError):
    """A data sync could not be started."""

    code = "runner"


class ClusterUnavailableError(UpstreamError):
    """The cluster's API server did not answer, or not with what was asked for."""

    code = "cluster"


class LedgerUnavailableError(UpstreamError):
    """The database did not answer."""

    code = "ledger"


class ConfigError(OVHSpawnerError):
    """The settings or the catalog are wrong. Raised at start only."""

    code = "config"
