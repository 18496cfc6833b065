"""Push: changed files go to the store and are verified there; RWD then deletes what the notebook deleted.

Each step is taken only after the one before it succeeded for every file: upload, look at the store again,
delete, write the manifest. A push that is cut off anywhere leaves the old manifest, and so deletes too
little, never too much.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from ovh_spawner.contract.sync import SyncState
from ovh_spawner.datasync.board import listed
from ovh_spawner.datasync.failures import VolumeFailedError
from ovh_spawner.datasync.folders import Scan, scan
from ovh_spawner.datasync.manifests import Entry, Manifest, Stored
from ovh_spawner.datasync.names import file_problem, parents, show
from ovh_spawner.datasync.rclone import Listing
from ovh_spawner.datasync.task import StoreTask
from ovh_spawner.domain.volumes import Permission


@dataclass(slots=True)
class _Plan:
    """What a push does with each file."""

    upload: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    newer_in_store: dict[str, Entry] = field(default_factory=dict)
    """Unchanged here and changed there: the store's version stays, and so does our old entry for it."""
    left_out: dict[str, str] = field(default_factory=dict)


def push(task: StoreTask) -> None:
    """Push one RW or RWD volume; raises VolumeFailedError."""
    task.patience.with_(lambda: _push_once(task))


def _push_once(task: StoreTask) -> None:
    _check_there(task)
    found = scan(task.folder, without=task.others)
    listing = task.listing()
    manifest = task.manifest.read()
    plan = _plan(found, listing.objects, manifest)
    plan.left_out |= _lost_folders(task, found, listing)
    if task.volume.permission is Permission.RWD and manifest is not None:
        plan.left_out |= _staying_folders(task, listing)
    skipped = len(plan.same) + len(plan.left_out)
    total_bytes = sum(found.files[name].size for name in plan.upload)
    task.update(
        total=len(plan.upload) + skipped,
        skipped=skipped,
        processed=skipped,
        total_bytes=total_bytes,
        skipped_files=listed(plan.left_out),
    )
    objects = listing.objects
    if plan.upload:
        task.rclone.upload(plan.upload, of=task.folder, total=len(objects), on_stats=task.show_stats(skipped))
        objects = task.listing().objects
        _check_arrived(task, plan.upload, found=found, objects=objects)
        uploaded = len(plan.upload)
        task.update(completed=uploaded, failed=0, processed=skipped + uploaded, transferred_bytes=total_bytes)
    _check_readable(task, found)
    if task.volume.permission is Permission.RWD and manifest is not None:
        _delete(task, found, manifest, objects=objects, left_out=plan.left_out)
    # What was not uploaded was verified against the first listing: a later one may show somebody else's work.
    verified = {name: listing.objects[name] for name in plan.same} | {
        name: objects[name] for name in plan.upload
    }
    files = plan.newer_in_store | {
        name: Entry(stored=stored, mtime_ns=found.files[name].mtime_ns) for name, stored in verified.items()
    }
    if manifest is None or manifest.files != files:
        task.manifest.write(files)


def _check_there(task: StoreTask) -> None:
    """Refuse a volume whose folder is missing: it is not one whose files were all deleted."""
    if not task.folder.is_dir():
        raise VolumeFailedError(
            SyncState.ERROR,
            f"{task.rclone.words.place}: the folder {task.volume.mount_path} is missing, so nothing was "
            "deleted. Create the folder, or start the notebook to get its files.",
        )


def _plan(found: Scan, objects: Mapping[str, Stored], manifest: Manifest | None) -> _Plan:
    plan = _Plan(left_out={show(name): reason for name, reason in found.left_out.items()})
    plan.left_out |= {show(name): "an unfinished download" for name in found.unfinished}
    for name, stamp in found.files.items():
        entry = manifest.files.get(name) if manifest else None
        stored = objects.get(name)
        if problem := file_problem(name):
            plan.left_out[show(name)] = problem
        elif entry is None or not entry.is_file(stamp) or stored is None:
            plan.upload.append(name)
        elif entry.stored.same_as(stored):
            plan.same.append(name)
        else:
            plan.newer_in_store[name] = entry
            plan.left_out[show(name)] = (
                "unchanged here and changed in the data store, where it stays as it is"
            )
    return plan


def _lost_folders(task: StoreTask, found: Scan, listing: Listing) -> dict[str, str]:
    """Name the empty folders that the store will not have."""
    kept = set(listing.empty_folders)
    if task.volume.permission is Permission.RW:
        kept.update(parent for name in listing.objects for parent in parents(name))
    reason = "an empty folder; only files are uploaded"
    return {f"{show(name)}/": reason for name in found.empty_folders - kept}


def _staying_folders(task: StoreTask, listing: Listing) -> dict[str, str]:
    """Name the folders that are gone here and will come back: only files are deleted in a store."""
    gone = [name for name in listing.kept_folders if not os.path.lexists(task.folder / name)]
    reason = "no such folder here; the data store keeps it on its own, and only files are deleted there"
    return {f"{show(name)}/": reason for name in gone}


def _check_arrived(task: StoreTask, names: list[str], *, found: Scan, objects: Mapping[str, Stored]) -> None:
    """Look for every upload in the store (its content was compared with the store's checksum when it was
    sent).
    """
    absent = [name for name in names if name not in objects or objects[name].size != found.files[name].size]
    if absent:
        task.update(failed=len(absent), completed=len(names) - len(absent))
        raise VolumeFailedError(SyncState.TRANSIENT_ERROR, task.rclone.words.changed(absent))


def _check_readable(task: StoreTask, found: Scan) -> None:
    if not found.unreadable:
        return
    task.update(failed=len(found.unreadable))
    name, reason = min(found.unreadable.items())
    raise VolumeFailedError(
        SyncState.FAILED,
        f"{task.rclone.words.place}: {len(found.unreadable)} of its files or folders cannot be read, first "
        f"'{show(name)}' ({reason}). The others were uploaded and nothing was deleted. "
        "Allow reading (chmod u+r), then sync again.",
    )


def _delete(
    task: StoreTask,
    found: Scan,
    manifest: Manifest,
    *,
    objects: Mapping[str, Stored],
    left_out: dict[str, str],
) -> None:
    """Delete objects that the manifest lists, that are as it says in the store, and that are gone here."""
    gone = [name for name in manifest.files if name in objects and _is_gone(task, name, found)]
    # It may have gone while it was read, and all its files with it.
    _check_there(task)
    doomed = [name for name in gone if manifest.files[name].stored.same_as(objects[name])]
    kept = {
        show(name): "deleted here and changed in the data store since, where it stays"
        for name in set(gone).difference(doomed)
    }
    if kept:
        left_out |= kept
        task.update(skipped_files=listed(left_out))
    if doomed:
        task.rclone.delete(doomed, total=len(objects))
        task.update(deleted=len(doomed))


def _is_gone(task: StoreTask, name: str, found: Scan) -> bool:
    """Say whether a file was deleted, not only hidden: nothing has its name, and no link or pipe a
    parent's.
    """
    if name in found.files or any(part in found.left_out for part in (*parents(name), name)):
        return False
    return not os.path.lexists(task.folder / name)
