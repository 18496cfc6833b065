"""Moments in a notebook's life that are reached and held, so that something can be killed right then."""

import itertools
from collections.abc import Callable

from tests.support.kills import BUCKET, BrokenStack
from tests.support.waiting import wait_for

Reach = Callable[[BrokenStack], str | None]
"""Brings a notebook to a moment; returns what its kernel has written by then, or None before it ran."""

_texts = (f"result {number}" for number in itertools.count())


def opened(broken: BrokenStack) -> None:
    """The API has answered; the hub has not heard of the start."""
    # The service knows the token from here on and needs no hub to take the order.
    broken.alice.api("GET", "notebook").raise_for_status()
    broken.freeze("hub")
    broken.create()


def adopted(broken: BrokenStack) -> None:
    """The spawner has just opened its run."""
    broken.create()
    wait_for(lambda: any(run["attempt"] for run in broken.life.runs()), what="the spawner", seconds=120)


def pulling(broken: BrokenStack) -> None:
    broken.store.hold.clear()
    broken.store.objects[BUCKET] = {"old.txt": b"old" * 1000}
    seen = len(broken.store.requests)
    broken.create()
    broken.await_program("data sync")
    wait_for(
        lambda: any("GET" in r and "old.txt" in r for r in broken.store.requests[seen:]),
        what="the pull",
        seconds=120,
    )


def editor_starting(broken: BrokenStack) -> None:
    broken.create()
    broken.freeze("editor")
    assert broken.life.state() == "STARTING"


def running(broken: BrokenStack) -> str:
    broken.store.objects[BUCKET] = {"old.txt": b"old"}
    broken.create().wait("RUNNING")
    text = next(_texts)
    broken.life.write(text)
    return text


def stop_ordered(broken: BrokenStack) -> str:
    text = running(broken)
    broken.life.order_stop()
    return text


def editor_ending(broken: BrokenStack) -> str:
    """Frozen, it does not end by itself: gateway and hub wait for it."""
    text = running(broken)
    broken.freeze("editor")
    broken.life.order_stop()
    broken.life.wait("STOPPING")
    return text


def pushing(broken: BrokenStack) -> str:
    text = running(broken)
    broken.store.hold_puts.clear()
    broken.life.order_stop()
    wait_for(
        lambda: any("PUT" in r and "result.txt" in r for r in broken.store.requests),
        what="the push",
        seconds=120,
    )
    broken.await_program("data sync")
    assert broken.store.objects[BUCKET].get("result.txt") is None
    return text


MOMENTS: dict[str, Reach] = {
    "run opened, the hub not told": opened,
    "run taken over by the spawner": adopted,
    "pull before the start": pulling,
    "editor starting": editor_starting,
    "running": running,
    "stop ordered": stop_ordered,
    "editor ending": editor_ending,
    "push after the stop": pushing,
}
