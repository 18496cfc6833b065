"""Waiting for a state, with a deadline: the only way in which tests wait."""

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


def wait_for(look: Callable[[], Value], *, what: str, seconds: float = 120.0) -> Value:
    """Call ``look`` until it returns something true, and return that; fail with the last answer after ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:.0f} s for {what}; the last answer was {found!r}")
        time.sleep(0.1)
