"""Our pod over the operator's: KubeSpawner's manifest is what they configured, the plan is what the notebook needs.

Pure. Where both say something the plan stands; lists of theirs (tolerations, volumes, further containers) are kept.
What a person typed is in the plan only, so it never meets KubeSpawner's string templates.
"""

from typing import Any

Manifest = dict[str, Any]

_BASE_CONTAINER = "notebook"
"""KubeSpawner's own container: it would run the image with the hub's token in its environment."""
_EDITOR = "editor"

_ADDED = ("volumes", "tolerations", "imagePullSecrets")
"""Lists in which both have their entries."""
_MERGED = ("nodeSelector",)


def lay_over(base: Manifest, plan: Manifest, *, variables: dict[str, str]) -> Manifest:
    """Return the pod.

    Args:
        base: What KubeSpawner makes of its configuration.
        plan: The notebook's pod.
        variables: The operator's own variables for the editor; the plan's win.
    """
    metadata = {**base["metadata"], **plan["metadata"]}
    for part in ("labels", "annotations"):
        metadata[part] = (base["metadata"].get(part) or {}) | (plan["metadata"].get(part) or {})
    return {
        **base,
        "apiVersion": plan["apiVersion"],
        "kind": plan["kind"],
        "metadata": metadata,
        "spec": _spec(base["spec"], plan["spec"], variables),
    }


def _spec(base: Manifest, plan: Manifest, variables: dict[str, str]) -> Manifest:
    spec = {**base, **plan}
    for name in _ADDED:
        spec[name] = _joined(base.get(name), plan.get(name))
    for name in _MERGED:
        spec[name] = (base.get(name) or {}) | (plan.get(name) or {})
    theirs = [c for c in base["containers"] if c["name"] != _BASE_CONTAINER]
    notebook: Manifest = next((c for c in base["containers"] if c["name"] == _BASE_CONTAINER), {})
    ours = [_editor(c, notebook, variables) if c["name"] == _EDITOR else c for c in plan["containers"]]
    # Ours first: KubeSpawner looks for the notebook's port from the first container on.
    names = {c["name"] for c in ours}
    spec["containers"] = [*ours, *(c for c in theirs if c["name"] not in names)]
    spec["initContainers"] = _joined(base.get("initContainers"), plan.get("initContainers"))
    return {name: value for name, value in spec.items() if value not in ([], {}, None)}


def _editor(editor: Manifest, notebook: Manifest, variables: dict[str, str]) -> Manifest:
    """Return the editor's container with what the operator set up for it: variables and mounts."""
    given = [{"name": name, "value": value} for name, value in sorted(variables.items())]
    mounts = [m for m in notebook.get("volumeMounts") or [] if m["mountPath"] not in _paths(editor)]
    return {
        **editor,
        "env": _joined(given, editor.get("env")),
        "volumeMounts": [*(editor.get("volumeMounts") or []), *mounts],
    }


def _paths(container: Manifest) -> set[str]:
    return {mount["mountPath"] for mount in container.get("volumeMounts") or []}


def _joined(theirs: list[Manifest] | None, ours: list[Manifest] | None) -> list[Manifest]:
    """Return both lists, theirs first; of two with one name, and of two that are equal, ours stays."""
    names = {item["name"] for item in ours or [] if "name" in item}
    kept = [t for t in theirs or [] if t.get("name") not in names and t not in (ours or [])]
    return [*kept, *(ours or [])]
