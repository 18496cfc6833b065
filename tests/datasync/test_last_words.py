"""The report as a container's last words: whole, or shortened to what a cluster keeps."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from ovh_spawner.contract.sync import SyncReport, SyncState, VolumeProgress
from ovh_spawner.datasync.last_words import LIMIT, shortened, write_last_words

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def report(count, *, message="", names=0):
    volumes = [
        VolumeProgress(
            volume=UUID(int=n),
            mount_path=f"/workspace/{n:0>30}",
            info="https://git.test/" + "x" * 480,
            state=SyncState.FAILED,
            message=message,
            skipped_files=[f"{'é' * 100}: too long"] * names,
        )
        for n in range(count)
    ]
    return SyncReport(
        job=UUID(int=99),
        state=SyncState.FAILED,
        started_at=NOW,
        ended_at=NOW,
        message=message,
        volumes=volumes,
    )


def test_a_short_report_is_whole():
    found = report(1, message="The bucket is gone.", names=2)

    assert SyncReport.model_validate_json(shortened(found)) == found


@pytest.mark.parametrize(
    ("count", "message", "names"), [(1, "no", 100), (10, "é" * 3000, 100), (10, "\n" * 3000, 0)]
)
def test_a_long_report_keeps_what_every_volume_came_to(count, message, names):
    text = shortened(report(count, message=message, names=names))
    kept = SyncReport.model_validate_json(text)

    assert len(text.encode()) <= LIMIT
    assert [volume.state for volume in kept.volumes] == [SyncState.FAILED] * count
    assert all(volume.message for volume in kept.volumes)


def test_a_container_leaves_its_report(notebook, bucket, tmp_path):
    place = tmp_path / "termination-log"
    place.touch()
    volume = notebook.volume(bucket(access_key="wrong-key"), "R")

    result = notebook.pull(volume, options=("--termination-message", str(place)))

    assert result.code == 1
    assert SyncReport.model_validate_json(place.read_text()) == result.report


def test_the_file_is_the_one_that_the_cluster_has_mounted(tmp_path):
    place = tmp_path / "termination-log"
    place.write_text("")
    before = place.stat().st_ino

    write_last_words(report(1), place)

    assert place.stat().st_ino == before
    assert SyncReport.model_validate_json(place.read_text()) == report(1)
