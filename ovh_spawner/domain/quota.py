"""The project's quota: how many GPUs its STARTING and RUNNING runs may hold at a time."""

from collections.abc import Sequence

from ovh_spawner.errors import QuotaExceededError


def check_quota(project: str, *, asked: int, used: int, limit: int, by: Sequence[str] = ()) -> None:
    """Let a run take its hold or not. CPUs are not limited, so that a run without GPUs always passes.

    Raises:
        QuotaExceededError: ``asked`` does not fit beside ``used``; ``by`` names who holds GPUs now.
    """
    if asked > 0 and used + asked > limit:
        raise QuotaExceededError(project=project, asked=asked, used=used, limit=limit, by=by)
