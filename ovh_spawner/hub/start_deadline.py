"""How long a start may take, and what is said of one that takes longer."""

_HUB_MARGIN_SECONDS = 5.0
"""Our own deadline ends before the hub's, whose sentence would not say what to do."""


def start_seconds(start_timeout: float) -> float:
    """Return how long a start may take by our own deadline."""
    # A very short time, as in a trial, is not eaten up by the margin.
    return max(start_timeout - _HUB_MARGIN_SECONDS, start_timeout / 2)


def too_slow(start_timeout: float) -> str:
    """Return what is said of a start that took longer."""
    minutes = max(1, round(start_timeout / 60))
    return (
        f"The notebook did not start within {minutes} minute{'s' if minutes != 1 else ''}. "
        "Choose less data or start it again."
    )
