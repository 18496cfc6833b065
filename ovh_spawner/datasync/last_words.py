"""The report as a container's termination message: what a cluster keeps of a container when its log is gone."""

from pathlib import Path

from ovh_spawner.contract.sync import SyncReport, VolumeProgress

LIMIT = 4096
"""Bytes that a cluster keeps; the rest of a longer message is lost, and with it the JSON."""

_TEXT_LENGTHS = (300, 150, 60, 20, 0)


def write_last_words(report: SyncReport, path: Path) -> None:
    """Write the report into a file that is there already: a cluster has mounted it. Raises OSError."""
    path.write_text(shortened(report), encoding="utf-8")


def shortened(report: SyncReport) -> str:
    """Return the report as JSON of at most 4096 bytes: the names of skipped files go first, then long texts."""
    text = report.model_dump_json()
    for length in (None, *_TEXT_LENGTHS):
        if len(text.encode()) <= LIMIT:
            break
        volumes = [_without_names(volume, length) for volume in report.volumes]
        message = report.message if length is None else report.message[: 2 * length]
        text = report.model_copy(update={"volumes": volumes, "message": message}).model_dump_json()
    return text


def _without_names(volume: VolumeProgress, length: int | None) -> VolumeProgress:
    changes: dict[str, object] = {"skipped_files": []}
    if length is not None:
        changes |= {"info": volume.info[:length], "message": volume.message[:length]}
    return volume.model_copy(update=changes)
