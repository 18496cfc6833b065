"""What validation needs to know beside a request, and the defaults of a request that says nothing."""

import secrets
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

from ovh_spawner.domain.capabilities import Capabilities
from ovh_spawner.domain.names import generate_name
from ovh_spawner.domain.resolution import ResolutionContext
from ovh_spawner.domain.spec import NotebookSpec
from ovh_spawner.domain.states import Door
from ovh_spawner.domain.volumes import DataStoreSource, GitSource, Volume
from ovh_spawner.errors import InvalidSpecError
from ovh_spawner.pod.checks import check_spec
from ovh_spawner.service.operations.means import Means

DEFAULT_EDITOR = "jupyterlab"


def resolution_context(
    means: Means, door: Door, aliases: frozenset[str], *, notebook: UUID | None = None
) -> ResolutionContext:
    """Return what the rules may know beside the request."""
    in_cluster = means.settings.deployment.mode == "kubernetes"
    return ResolutionContext(
        capabilities=means.capabilities(),
        store_aliases=aliases,
        mode=means.settings.deployment.mode,
        new_id=uuid4,
        generate_name=lambda editor: generate_name(editor, secrets),
        door=door,
        platform_check=check_spec if in_cluster else lambda _: (),
        notebook_id=notebook,
        allows_open_access=means.settings.allows_open_notebooks,
    )


def default_request(capabilities: Capabilities) -> dict[str, Any]:
    """Return the request of somebody who chose nothing.

    Raises:
        InvalidSpecError: this deployment has nothing to choose.

    """
    editors = [editor.id for editor in capabilities.editors if not editor.unavailable]
    editor = DEFAULT_EDITOR if DEFAULT_EDITOR in editors else next(iter(editors), None)
    framework = next(
        (f.id for f in capabilities.frameworks if not f.unavailable and editor not in f.incompatible_editors),
        None,
    )
    if editor is None or framework is None:
        raise InvalidSpecError.one("env", "No editor with a framework is available here; ask the operator.")
    return {"env": {"editorId": editor, "frameworkId": framework}}


def to_request(spec: NotebookSpec, capabilities: Capabilities) -> dict[str, Any]:
    """Return the spec in the request's shape, to fill a form; without the passwords of repositories."""
    flavor = capabilities.flavor(spec.flavor)
    resources: dict[str, Any] = {"flavor": spec.flavor, "flavorCount": spec.count}
    if flavor:
        amount = flavor.per_unit.times(spec.count)
        resources = {"flavor": spec.flavor, **({"gpu": amount.gpu} if amount.gpu else {"cpu": amount.cpu})}
    return {
        "name": spec.name,
        "env": {
            "editorId": spec.editor,
            "frameworkId": spec.framework,
            "frameworkVersion": spec.framework_version,
        },
        "resources": resources,
        "envVars": [
            {"name": name, "value": value.get_secret_value()} for name, value in spec.environment.items()
        ],
        "labels": dict(spec.labels),
        "sshPublicKeys": list(spec.ssh_public_keys),
        "timeoutAutoRestart": spec.timeout_auto_restart,
        "unsecureHttp": spec.open_access,
        "volumes": [_volume_request(volume) for volume in spec.volumes],
    }


def _volume_request(volume: Volume) -> dict[str, Any]:
    source: Mapping[str, Any]
    match volume.source:
        case DataStoreSource() as store:
            source = {
                "dataStore": {"alias": store.alias, "container": store.container, "prefix": store.prefix}
            }
        case GitSource() as repository:
            source = {
                "publicGit": {
                    "url": repository.url,
                    "ref": repository.ref or None,
                    "full": repository.full or None,
                }
            }
        case _:
            source = {"standalone": {}}
    return {"mountPath": volume.mount_path, "permission": volume.permission.value, **source}
