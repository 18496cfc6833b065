"""What a machine may lack: there a test is skipped, unless the run asked for it by OVH_SPAWNER_TESTS_REQUIRE."""

import os

import pytest


def need(what: str, found: object, hint: str) -> None:
    """Skip the test when ``found`` is false; fail it where ``what`` is named in OVH_SPAWNER_TESTS_REQUIRE."""
    if found:
        return
    if what in os.environ.get("OVH_SPAWNER_TESTS_REQUIRE", "").split(","):
        pytest.fail(f"{what} is required here and missing: {hint}")
    pytest.skip(f"{what} is not on this machine: {hint}")


LONG = bool(os.environ.get("OVH_SPAWNER_LONG"))
"""Set by ``make test-long``: instances that take minutes, and all of those of which CI runs a few."""

long_only = pytest.mark.skipif(not LONG, reason="long tier: run make test-long")
