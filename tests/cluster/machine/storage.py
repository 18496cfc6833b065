"""Claims become folders: a small provisioner behind a storage class, as a cluster's operator would have a real one.

A claim gets its volume when its first pod is scheduled, on that node; the folder goes when the claim is deleted.
The pods of a fake node use no files, but their claims want to be bound as well.
"""

import shutil
import threading
from pathlib import Path

import httpx

from tests.cluster.machine.api import Api, Thing

CLASS = "folders"
PROVISIONER = "ovh-spawner.test/folders"
SELECTED_NODE = "volume.kubernetes.io/selected-node"


class FolderProvisioner:
    """Looks at claims and volumes again and again, and does what is missing."""

    def __init__(self, api: Api, folder: Path) -> None:
        self._api = api
        self._folder = folder
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="provisioner")

    def start(self) -> None:
        self._folder.mkdir(mode=0o711)
        annotations = {"storageclass.kubernetes.io/is-default-class": "true"}
        self._api.create(
            "storageclasses",
            {
                "apiVersion": "storage.k8s.io/v1",
                "kind": "StorageClass",
                "metadata": {"name": CLASS, "annotations": annotations},
                "provisioner": PROVISIONER,
                "reclaimPolicy": "Delete",
                "volumeBindingMode": "WaitForFirstConsumer",
            },
        )
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=20)

    def _run(self) -> None:
        while not self._stop.wait(0.2):
            try:
                self._provide()
                self._reclaim()
            except (AssertionError, httpx.TransportError):
                # The API server is away: a test may have stopped it.
                continue

    def _provide(self) -> None:
        volumes = {volume["metadata"]["name"] for volume in self._api.items("persistentvolumes")}
        for claim in self._api.items("persistentvolumeclaims"):
            node = claim["metadata"].get("annotations", {}).get(SELECTED_NODE)
            name = f"folder-{claim['metadata']['uid']}"
            if node and claim["spec"].get("storageClassName") == CLASS and name not in volumes:
                self._provide_one(claim, name, node)

    def _provide_one(self, claim: Thing, name: str, node: str) -> None:
        path = self._folder / name
        path.mkdir(exist_ok=True)
        same = ("name", "namespace", "uid")
        here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
        spec = {
            "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
            "accessModes": claim["spec"]["accessModes"],
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": CLASS,
            "local": {"path": str(path)},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                **{key: claim["metadata"][key] for key in same},
            },
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
        }
        metadata = {"name": name, "annotations": {"pv.kubernetes.io/provisioned-by": PROVISIONER}}
        volume = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": metadata, "spec": spec}
        self._api.create("persistentvolumes", volume)

    def _reclaim(self) -> None:
        for volume in self._api.items("persistentvolumes"):
            name = volume["metadata"]["name"]
            if volume["status"].get("phase") in {"Released", "Failed"} and name.startswith("folder-"):
                self._api.delete("persistentvolumes", name)
                shutil.rmtree(self._folder / name, ignore_errors=True)
