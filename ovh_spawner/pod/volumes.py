"""What is mounted where: the claim by sub-paths, Secrets, scratch disk and shared memory."""

from typing import Any

from ovh_spawner.domain.flavors import Flavor
from ovh_spawner.domain.volumes import Permission, Volume
from ovh_spawner.pod import paths
from ovh_spawner.pod.names import claim_name, run_secret_name
from ovh_spawner.pod.request import PodRequest
from ovh_spawner.pod.resources import quantity

FILES = "files"
GATEWAY_CONFIG = "gateway-config"
PULL_JOB = "pull-job"
EDITOR_RUN = "editor-run"
SCRATCH = "scratch"
SHARED_MEMORY = "shared-memory"
TEMPORARY = "temporary"

_PRIVATE = 0o440
"""Root's and the group's to read: our own containers run with that group."""


def pod_volumes(request: PodRequest, flavor: Flavor) -> list[dict[str, Any]]:
    """Return the volumes of a notebook's pod."""
    amount = flavor.per_unit.times(request.spec.count)
    secret = run_secret_name(request.run)
    found: list[dict[str, Any]] = [
        {"name": FILES, "persistentVolumeClaim": {"claimName": claim_name(request.notebook)}},
        secret_file(GATEWAY_CONFIG, secret, "gateway.json"),
        {"name": EDITOR_RUN, "emptyDir": {}},
        # What is written there is memory of the container that wrote it. Half of the memory, as Linux gives a
        # machine: a program that fills it meets "no space left", and is not killed for using too much memory.
        {
            "name": SHARED_MEMORY,
            "emptyDir": {"medium": "Memory", "sizeLimit": quantity(amount.memory // 2)},
        },
    ]
    if not _has_own_data(request.spec.volumes):
        limit = quantity(amount.ephemeral_storage)
        found.append({"name": SCRATCH, "emptyDir": {"sizeLimit": limit}})
    if request.has_pull:
        # Apart from the gateway's file: neither container sees the other's secrets.
        found += [secret_file(PULL_JOB, secret, "pull.json"), {"name": TEMPORARY, "emptyDir": {}}]
    return found


def secret_file(volume: str, secret: str, key: str) -> dict[str, Any]:
    """Return a volume that shows one key of a Secret as a file of that name."""
    return {
        "name": volume,
        "secret": {
            "secretName": secret,
            "defaultMode": _PRIVATE,
            "items": [{"key": key, "path": key}],
        },
    }


def editor_mounts(volumes: tuple[Volume, ...]) -> list[dict[str, Any]]:
    """Return what the editor sees: its home, the volumes, scratch disk and shared memory."""
    return [
        {"name": FILES, "mountPath": paths.WORKSPACE, "subPath": paths.HOME_FOLDER},
        *(mount for volume in volumes for mount in _volume_mounts(volume)),
        *([] if _has_own_data(volumes) else [{"name": SCRATCH, "mountPath": paths.SCRATCH}]),
        {"name": SHARED_MEMORY, "mountPath": "/dev/shm"},  # noqa: S108 - a mount point, not a file
        {"name": EDITOR_RUN, "mountPath": paths.EDITOR_RUN},
    ]


def _has_own_data(volumes: tuple[Volume, ...]) -> bool:
    """Tell whether a volume of the user's stands where the scratch disk is otherwise."""
    return any(volume.mount_path == paths.SCRATCH for volume in volumes)


def _volume_mounts(volume: Volume) -> list[dict[str, Any]]:
    """Mount what the home does not show already: other places, and read-only volumes."""
    folder = paths.claim_folder(volume.mount_path)
    read_only = volume.permission is Permission.RO
    if paths.is_in_home(volume.mount_path) and not read_only:
        return []
    mount: dict[str, Any] = {"name": FILES, "mountPath": volume.mount_path, "subPath": folder}
    return [{**mount, "readOnly": True} if read_only else mount]


def data_mounts(job_volume: str) -> list[dict[str, Any]]:
    """Return what a container of the data sync sees: the whole claim, its job, room for temporary files."""
    return [
        {"name": FILES, "mountPath": paths.CLAIM},
        {"name": job_volume, "mountPath": paths.CONFIG_FOLDER, "readOnly": True},
        {"name": TEMPORARY, "mountPath": paths.TEMPORARY},
    ]
