"""Why a pod does not go on, in one plain sentence. The cluster's own words are never shown: they name its nodes."""

import re
from dataclasses import dataclass

from ovh_spawner.pod.labels import FLAVOR
from ovh_spawner.pod.record import Record, condition, container_states, image, label


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a pod waits for. ``code`` is empty when it only takes its time."""

    code: str = ""
    message: str = ""
    is_hopeless: bool = False
    """True: waiting longer cannot help."""


NO_TROUBLE = Trouble()


def trouble_of(pod: Record, *, card: str) -> Trouble:
    """Return what a pod of a notebook waits for; ``card`` is what its flavor's GPU is called."""
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        return _unscheduled(pod, scheduled, card)
    ready = condition(pod, "Ready")
    if ready.get("status") == "False" and ready.get("reason") == "NodeStatusUnknown":
        return Trouble("node_lost", "The notebook's node does not answer.")
    for name, state in container_states(pod).items():
        if found := _container_trouble(state.get("waiting") or {}, image(pod, name)):
            return found
    return NO_TROUBLE


def _unscheduled(pod: Record, scheduled: Record, card: str) -> Trouble:
    if scheduled.get("reason") == "SchedulingGated":
        return Trouble("queued", "The notebook waits for its turn in the cluster's queue.")
    return unschedulable(str(scheduled.get("message") or ""), card=card, flavor=label(pod, FLAVOR))


_CLAIM_LOST = re.compile(
    r'persistentvolumeclaim "[^"]*" (not found|is being deleted)|non-existent persistentvolume'
)
_NO_STORAGE = re.compile(
    r"unbound immediate PersistentVolumeClaims|binding volumes|find available persistent volumes"
    r"|enough free storage|storageclass\S* \S+ not found"
)
_INSUFFICIENT = re.compile(r"Insufficient ([A-Za-z0-9./_-]+[A-Za-z0-9])")
_TOO_MANY = {"Too many pods": "pods", "exceed max volume count": "volumes"}
_SIZES = frozenset({"cpu", "memory", "ephemeral-storage"})
_WORDS = {
    "cpu": "CPUs",
    "memory": "memory",
    "ephemeral-storage": "disk",
    "pods": "places for notebooks",
    "volumes": "places for disks",
}


NO_DISK = Trouble(
    "no_disk",
    "The cluster has not made the notebook's disk: it may have no storage left. Tell the operator if it lasts.",
)


def unschedulable(message: str, *, card: str, flavor: str) -> Trouble:
    """Return what a scheduler's sentence means: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu."""
    if _CLAIM_LOST.search(message):
        return Trouble(
            "claim_lost", "The disk with the notebook's files is gone. Tell the operator.", is_hopeless=True
        )
    if "volume node affinity conflict" in message:
        return Trouble("no_capacity", "The node that the notebook's files are on has no room for it now.")
    missing = _INSUFFICIENT.findall(message)
    missing += [name for words, name in _TOO_MANY.items() if words in message]
    if missing and _is_too_big(message, missing):
        words = _in_words(missing)
        return Trouble("too_big", f"No node of the cluster has as much as this notebook asks for of {words}.")
    if missing:
        return _no_room(missing, card)
    if _NO_STORAGE.search(message):
        return NO_DISK
    kind = f"flavor {flavor}" if flavor else "this notebook"
    return Trouble(
        "no_node", f"No node of the cluster that may run {kind} is in service. Tell the operator if it lasts."
    )


_NO_HELP = re.compile(r"preemption: 0/(\d+) nodes are available: \1 Preemption is not helpful")
_OUT_OF_SERVICE = re.compile(r"node\.kubernetes\.io/|were unschedulable")


def _is_too_big(message: str, missing: list[str]) -> bool:
    """Tell whether no node would have room even if it were empty. Devices come and go: they are waited for."""
    is_for_all = _NO_HELP.search(message) is not None and not _OUT_OF_SERVICE.search(message)
    return is_for_all and all(name in _SIZES for name in missing)


def _in_words(names: list[str]) -> str:
    return " and ".join(_WORDS.get(name, name) for name in dict.fromkeys(names))


def _no_room(missing: list[str], card: str) -> Trouble:
    if any("/" in name for name in missing):
        return Trouble("no_capacity", f"No node has a free {card} now. The notebook starts when one is free.")
    words = _in_words(missing)
    return Trouble("no_capacity", f"No node has enough free {words} now. The notebook starts when one has.")


_PULLING = frozenset({"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "ImageInspectError"})
_BROKEN = frozenset(
    {"CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PreCreateHookError"}
)


def _container_trouble(waiting: Record, name: str) -> Trouble | None:
    why, message = waiting.get("reason") or "", str(waiting.get("message") or "")
    if why in _PULLING:
        return image_trouble(message, name)
    if why in {"InvalidImageName", "ErrImageNeverPull"}:
        words = (
            "is no image's name" if why == "InvalidImageName" else "is not on the node, and may not be pulled"
        )
        return Trouble(
            "image_pull", f"The image pull failed: {name} {words}. Tell the operator.", is_hopeless=True
        )
    if why in _BROKEN:
        return _set_up_trouble(message)
    return None


_FOR_EVER = (
    (
        re.compile(r"(?<!host )not found|manifest unknown|does not exist|name unknown", re.IGNORECASE),
        "does not exist",
    ),
    (
        re.compile(r"unauthorized|forbidden|denied|authentication required", re.IGNORECASE),
        "may not be pulled by this cluster",
    ),
    (
        re.compile(r"no match for platform|exec format", re.IGNORECASE),
        "is not made for the cluster's processors",
    ),
)


_NAMED = re.compile(r'"[^"]*"|https?://\S+')


def image_trouble(message: str, name: str) -> Trouble:
    """Return what a failed pull means. What may pass by itself is not hopeless."""
    # A name or an address may hold any of these words.
    said = _NAMED.sub("", message).replace(name, "")
    for pattern, words in _FOR_EVER:
        if pattern.search(said):
            return Trouble(
                "image_pull", f"The image pull failed: {name} {words}. Tell the operator.", is_hopeless=True
            )
    if "no space left" in message.lower():
        return Trouble(
            "image_pull", f"The image pull failed: the node has no room for {name}. It is tried again."
        )
    return Trouble("image_pull", f"The image pull failed: {name} cannot be reached now. It is tried again.")


def _set_up_trouble(message: str) -> Trouble:
    if "subPath" in message:
        return Trouble(
            "volume_place",
            "A volume cannot be mounted: there is a file or a link in the place of its folder. Remove the "
            "volume, start the notebook and look at its mount path.",
            is_hopeless=True,
        )
    if "secret" in message.lower() and "not found" in message.lower():
        return Trouble(
            "set_up", "A part of the notebook's set-up is missing. Start it again.", is_hopeless=True
        )
    return Trouble("set_up", "The node cannot set the notebook up. It is tried again.")


GROWING = frozenset({"TriggeredScaleUp", "Nominated"})
"""Events by which autoscalers say that they make a node for a pod."""


def event_trouble(event: Record) -> Trouble:
    """Return what the newest event of a pod that has a node says of what its node cannot do for it."""
    if event.get("type") != "Warning":
        return NO_TROUBLE
    why, message = str(event.get("reason") or ""), str(event.get("message") or "")
    if why == "FailedAttachVolume" and "Multi-Attach" in message:
        return Trouble(
            "disk_held", "Another machine still holds the notebook's disk. The start goes on when it lets go."
        )
    if why in {"FailedAttachVolume", "FailedMount", "FailedMapVolume"}:
        # Secrets are mounted as well.
        if "secret" in message.lower() and "not found" in message.lower():
            return _set_up_trouble(message)
        return Trouble("disk_held", "The node cannot mount the notebook's disk now. It is tried again.")
    return _set_up_trouble("") if why == "FailedCreatePodSandBox" else NO_TROUBLE
