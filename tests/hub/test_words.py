"""Sentences and numbers that people read."""

from uuid import uuid4

import pytest

from ovh_spawner.contract.sync import SyncJob, VolumeProgress
from ovh_spawner.hub.progress import ProgressFeed, Step, amount, pull_step
from ovh_spawner.hub.spawn_view import price


def job(*kinds: str) -> SyncJob:
    sources = {
        "git": {"type": "git", "url": "https://host/a.git"},
        "data": {"type": "folder", "alias": "DEMO", "root": "/x", "container": "books"},
    }
    volumes = [
        {
            "id": str(uuid4()),
            "mountPath": f"/workspace/{n}",
            "path": "/x",
            "permission": "RW",
            "source": sources[kind],
        }
        for n, kind in enumerate(kinds)
    ]
    return SyncJob.model_validate(
        {
            "id": str(uuid4()),
            "direction": "pull",
            "notebook": str(uuid4()),
            "volumes": volumes,
            "stateFolder": "/x",
        }
    )


def going(of: SyncJob, number: int, state: str = "RUNNING", moved: int = 0, total: int = 0) -> VolumeProgress:
    volume = of.volumes[number]
    return VolumeProgress.model_validate(
        {"volume": volume.id, "mountPath": volume.mount_path, "info": "x", "state": state,
         "transferredBytes": moved, "totalBytes": total}
    )  # fmt: skip


def test_a_pull_is_told_in_plain_words():
    both = job("git", "git", "data")
    data = going(both, 2, moved=1_200_000_000, total=3_400_000_000)

    assert pull_step(both, []).message == "Cloning 2 repositories; pulling data"
    assert pull_step(both, [data]).message == "Cloning 2 repositories; pulling data: 1.2 of 3.4 GB"
    assert (
        pull_step(both, [going(both, 0, "DONE"), data]).message
        == "Cloning 1 repository; pulling data: 1.2 of 3.4 GB"
    )
    assert pull_step(job("git"), []).message == "Cloning 1 repository"
    assert pull_step(both, [data]).percent == 35


def test_a_pull_that_has_nothing_left_to_do_says_so():
    one = job("git")

    assert pull_step(one, [going(one, 0, "DONE")]).message == "Data is in place"


@pytest.mark.parametrize(
    ("part", "whole", "words"),
    [
        (0, 0, "0 of 0 bytes"),
        (5, 900, "5 of 900 bytes"),
        (1_000, 2_000, "1.0 of 2.0 kB"),
        (500_000_000, 2_500_000_000, "0.5 of 2.5 GB"),
    ],
)
def test_sizes_share_the_larger_ones_unit(part, whole, words):
    assert amount(part, whole) == words


@pytest.mark.parametrize(
    ("exact", "shown"),
    [
        ("1.7500", "1.75"),
        ("2", "2.00"),
        ("0.0325", "0.0325"),
        ("0.0300", "0.03"),
        ("20", "20.00"),
        ("?", "?"),
    ],
)
def test_prices_lose_needless_zeros_only(exact, shown):
    assert price(exact) == shown


async def test_a_late_watcher_sees_each_stage_once_in_its_last_words():
    feed = ProgressFeed()
    for step in (Step("open", 1, "a"), Step("pull", 10, "b"), Step("pull", 20, "c"), Step("editor", 85, "d")):
        feed.show(step)
    seen = []
    async for step in feed.watch():
        seen.append(step.message)
        if step.stage == "editor":
            break

    assert seen == ["a", "c", "d"]
