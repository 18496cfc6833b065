"""How often and how slowly something is tried again."""

from collections.abc import Callable
from dataclasses import dataclass

from ovh_spawner.contract.sync import SyncState
from ovh_spawner.datasync.failures import VolumeFailedError


@dataclass(frozen=True, slots=True)
class Patience:
    """Tries what failed for a passing reason again, after a pause that doubles each time."""

    tries: int
    first_pause: float
    """Seconds."""
    wait: Callable[[float], None]

    def with_(self, attempt: Callable[[], None]) -> None:
        """Try until it works, a failure is no passing one, or the tries are used up. Each try goes on where
        the last one ended.
        """
        for number in range(1, self.tries + 1):
            try:
                return attempt()
            except VolumeFailedError as exc:
                if exc.state is not SyncState.TRANSIENT_ERROR or number == self.tries:
                    raise
            self.wait(self.first_pause * 2 ** (number - 1))
        return None
