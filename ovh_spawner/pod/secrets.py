"""Secrets of a run and of a data sync: what a pod's manifest must not say.

Each is written once and never changed; a container sees only the keys that are meant for it.
"""

from collections.abc import Mapping
from uuid import UUID

from ovh_spawner.contract.base import Secret, dump_private
from ovh_spawner.contract.local import GatewayConfig
from ovh_spawner.contract.sync import SyncJob
from ovh_spawner.pod.labels import Component, Subject
from ovh_spawner.pod.names import environment_secret_name, run_secret_name, sync_name
from ovh_spawner.pod.objects import Manifest, make_object


def plan_run_secret(subject: Subject, gateway: GatewayConfig, pull: SyncJob | None) -> Manifest:
    """Return what the gateway and, when there is something to bring, the pull are told."""
    files = {"gateway.json": dump_private(gateway)}
    if pull is not None:
        files["pull.json"] = dump_private(pull)
    return _secret(run_secret_name(_known(subject.run)), subject, Component.NOTEBOOK, files=files)


def plan_environment_secret(subject: Subject, environment: Mapping[str, Secret]) -> Manifest | None:
    """Return the user's own variables by name; None when there are none."""
    if not environment:
        return None
    values = {name: value.get_secret_value() for name, value in environment.items()}
    return _secret(environment_secret_name(_known(subject.run)), subject, Component.NOTEBOOK, files=values)


def plan_sync_secret(subject: Subject, job: SyncJob) -> Manifest:
    """Return what a Job of the data sync is told."""
    return _secret(sync_name(job.id), subject, Component.SYNC, files={"job.json": dump_private(job)})


def _secret(name: str, subject: Subject, component: Component, *, files: Mapping[str, str]) -> Manifest:
    return make_object(
        "Secret",
        name,
        subject,
        component=component,
        type="Opaque",
        immutable=True,
        stringData=dict(files),
    )


def _known(run: UUID | None) -> UUID:
    if run is None:
        raise ValueError("Secrets of a run need to know the run.")
    return run
