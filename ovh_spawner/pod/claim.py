"""The claim that holds a notebook's files, from its first start until it is deleted."""

from ovh_spawner.pod.labels import Component, Subject
from ovh_spawner.pod.names import claim_name
from ovh_spawner.pod.objects import Manifest, make_object
from ovh_spawner.settings_kubernetes import StorageSettings


def plan_claim(subject: Subject, storage: StorageSettings) -> Manifest:
    """Return a notebook's claim. Nothing owns it in the cluster: only the service deletes it."""
    spec = {
        "accessModes": [storage.access_mode],
        "resources": {"requests": {"storage": storage.size}},
    }
    if storage.class_name:
        spec["storageClassName"] = storage.class_name
    return make_object(
        "PersistentVolumeClaim",
        claim_name(subject.notebook),
        # It outlives runs, and a notebook may change its flavor.
        Subject(notebook=subject.notebook, project=subject.project, hub=subject.hub),
        component=Component.NOTEBOOK,
        spec=spec,
    )
