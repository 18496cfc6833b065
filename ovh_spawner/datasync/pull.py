"""Pull: what the store holds comes into the folder, over files that differ. Local files are never deleted."""

import contextlib
from collections.abc import Mapping

from ovh_spawner.contract.sync import SyncState
from ovh_spawner.datasync.board import listed
from ovh_spawner.datasync.failures import VolumeFailedError
from ovh_spawner.datasync.folders import Scan, Stamp, make_read_only, scan, stamp_of
from ovh_spawner.datasync.manifests import Entry, Manifest, Stored
from ovh_spawner.datasync.names import parents, show
from ovh_spawner.datasync.rclone import Listing, microseconds
from ovh_spawner.datasync.task import StoreTask

_SECOND = 1_000_000
"""In microseconds."""


def pull(task: StoreTask) -> None:
    """Pull one volume; raises VolumeFailedError."""
    task.folder.mkdir(parents=True, exist_ok=True)
    task.patience.with_(lambda: _pull_once(task))


def _pull_once(task: StoreTask) -> None:
    listing = task.listing()
    found = scan(task.folder, without=task.others)
    for name in found.unfinished:
        (task.folder / name).unlink(missing_ok=True)
    left_out = dict(listing.left_out)
    wanted = _possible(task, listing, found, left_out=left_out)
    _make_folders(task, listing, found, left_out=left_out)
    manifest = task.manifest.read()
    missing = [
        name
        for name, stored in wanted.items()
        if not _is_in_place(name, stored, found=found, manifest=manifest)
    ]
    skipped = len(wanted) - len(missing) + len(left_out)
    total_bytes = sum(wanted[name].size for name in missing)
    task.update(
        total=len(wanted) + len(left_out),
        skipped=skipped,
        processed=skipped,
        total_bytes=total_bytes,
        skipped_files=listed(left_out),
    )
    if missing:
        before = {name: _identity(task, name) for name in missing if name in found.files}
        task.rclone.download(missing, to=task.folder, total=len(wanted), on_stats=task.show_stats(skipped))
        _check_arrived(task, {name: wanted[name] for name in missing}, before=before)
        task.update(
            completed=len(missing), failed=0, processed=skipped + len(missing), transferred_bytes=total_bytes
        )
    _settle(task, wanted)


def _possible(
    task: StoreTask, listing: Listing, found: Scan, *, left_out: dict[str, str]
) -> dict[str, Stored]:
    """Return the objects that can be files here; the others are named in ``left_out``."""
    folders = {parent for name in listing.objects for parent in parents(name)} | found.folders
    others = _other_volumes(task)
    wanted = {}
    for name, stored in listing.objects.items():
        problem = "a folder has the same name" if name in folders else ""
        if problem := _obstacle(name, found, others=others) or problem:
            left_out[show(name)] = problem
        else:
            wanted[name] = stored
    return wanted


def _make_folders(task: StoreTask, listing: Listing, found: Scan, *, left_out: dict[str, str]) -> None:
    """Make the folders that the store keeps as objects without content; an object with content goes before."""
    others = _other_volumes(task)
    for name in sorted(listing.empty_folders):
        files = [part for part in (*parents(name), name) if part in listing.objects or part in found.files]
        problem = f"{show(files[0])!r} is a file" if files else ""
        if problem := _obstacle(name, found, others=others) or problem:
            left_out[f"{show(name)}/"] = problem
        else:
            (task.folder / name).mkdir(parents=True, exist_ok=True)


def _other_volumes(task: StoreTask) -> set[str]:
    return {other.removeprefix(f"{task.folder}/") for other in task.others}


def _obstacle(name: str, found: Scan, *, others: set[str]) -> str:
    """Return what is in an object's way: a link most of all, since writing through it would leave the
    volume.
    """
    if name in found.left_out:
        return f"{found.left_out[name]} is in its place"
    for parent in (*parents(name), name):
        if parent in others:
            return "another volume is in its place"
    for parent in parents(name):
        if parent in found.left_out:
            return f"{found.left_out[parent]} is in the place of its folder"
        if parent in found.files:
            return "a file is in the place of its folder"
    return ""


def _is_in_place(name: str, stored: Stored, *, found: Scan, manifest: Manifest | None) -> bool:
    stamp = found.files.get(name)
    entry = manifest.files.get(name) if manifest else None
    if entry and entry.is_file(stamp) and entry.stored.same_as(stored):
        return True
    return _looks_downloaded(stamp, stored)


def _looks_downloaded(stamp: Stamp | None, stored: Stored) -> bool:
    """Tell this version's download by its size and time; one of a sync that was cut off counts, too."""
    if stamp is None or stamp.size != stored.size:
        return False
    local, remote = stamp.mtime_ns // 1000, microseconds(stored.modified)
    # A store may list a time more finely than it sends it with the object: HTTP dates have whole seconds. An
    # editor hardly ever writes at one, so an edit within the second of the download is told from it.
    return local == remote or (local % _SECOND == 0 and abs(local - remote) <= _SECOND)


def _check_arrived(
    task: StoreTask, expected: Mapping[str, Stored], *, before: Mapping[str, tuple[int, int]]
) -> None:
    """Look at every file that was to come: rclone says nothing of an object that vanished meanwhile."""
    absent = [
        name for name, stored in expected.items() if not _has_arrived(task, name, stored, before=before)
    ]
    if absent:
        task.update(failed=len(absent), completed=len(expected) - len(absent))
        raise VolumeFailedError(SyncState.TRANSIENT_ERROR, task.rclone.words.changed(absent))


def _has_arrived(
    task: StoreTask, name: str, stored: Stored, *, before: Mapping[str, tuple[int, int]]
) -> bool:
    stamp = stamp_of(task.folder / name)
    if stamp is None or stamp.size != stored.size:
        return False
    if _looks_downloaded(stamp, stored):
        return True
    # Some stores send another time with an object than they list. A download is a new file then, with a time
    # of HTTP.
    is_sent_time = stamp.mtime_ns // 1000 % _SECOND == 0
    return is_sent_time and _identity(task, name) != before.get(name)


def _identity(task: StoreTask, name: str) -> tuple[int, int]:
    """Tell a file from the one that is put in its place."""
    try:
        status = (task.folder / name).lstat()
    except OSError:
        return 0, 0
    return status.st_ino, status.st_ctime_ns


def _settle(task: StoreTask, wanted: Mapping[str, Stored]) -> None:
    """Write the manifest of a volume that is pushed later; protect the files of one that is not."""
    if task.may_write:
        stamps = {name: stamp_of(task.folder / name) for name in wanted}
        task.manifest.write(
            {
                name: Entry(stored=wanted[name], mtime_ns=stamp.mtime_ns)
                for name, stamp in stamps.items()
                if stamp is not None and stamp.size == wanted[name].size
            }
        )
        return
    for name in wanted:
        with contextlib.suppress(FileNotFoundError, PermissionError):  # a hint to people, no guard
            make_read_only(task.folder / name)
