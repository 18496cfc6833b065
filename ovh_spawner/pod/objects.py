"""What every object of ours is made of: kind, name, labels."""

from typing import Any

from ovh_spawner.pod.labels import Component, Subject, labels_of

Manifest = dict[str, Any]
"""An object as the API of a cluster takes it: JSON, camelCase keys."""


def make_object(
    kind: str, name: str, subject: Subject, *, api_version: str = "v1", component: Component, **parts: Any
) -> Manifest:
    """Return an object with our labels; ``parts`` are what stands beside its metadata."""
    metadata = {"name": name, "labels": labels_of(subject, component)}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **parts}
