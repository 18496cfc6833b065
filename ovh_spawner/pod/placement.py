"""Which nodes: a flavor's own wishes, after the settings' for every pod."""

from dataclasses import asdict
from typing import Any

from ovh_spawner.domain.flavors import Flavor, Toleration
from ovh_spawner.settings_kubernetes import KubernetesSettings


def placed(flavor: Flavor, settings: KubernetesSettings) -> dict[str, Any]:
    """Return a notebook's part of the pod spec that says where it runs and what goes before it."""
    ours, wish = settings.placement, flavor.placement
    found: dict[str, Any] = {
        "nodeSelector": {**ours.node_selector, **dict(wish.node_selector)},
        "tolerations": tolerations(flavor, settings),
        "runtimeClassName": wish.runtime_class or ours.runtime_class,
        "priorityClassName": wish.priority_class or ours.priority_class,
        "imagePullSecrets": pull_secrets(settings),
    }
    return {name: value for name, value in found.items() if value}


def tolerations(flavor: Flavor | None, settings: KubernetesSettings) -> list[dict[str, Any]]:
    """Return which taints are put up with: the settings', then the flavor's."""
    ours = [Toleration(**each.model_dump(by_alias=False)) for each in settings.placement.tolerations]
    theirs = flavor.placement.tolerations if flavor else ()
    return [_toleration(each) for each in dict.fromkeys([*ours, *theirs])]


def pull_secrets(settings: KubernetesSettings) -> list[dict[str, str]]:
    """Return the Secrets that open the images' repository."""
    return [{"name": name} for name in settings.images.pull_secrets]


def _toleration(toleration: Toleration) -> dict[str, Any]:
    values = asdict(toleration)
    values["tolerationSeconds"] = values.pop("toleration_seconds")
    return {name: value for name, value in values.items() if value not in ("", None)}
