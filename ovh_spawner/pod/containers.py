"""The containers of a notebook's pod: data sync (before), gateway and editor (together)."""

from typing import Any

from ovh_spawner.domain.capabilities import Editor
from ovh_spawner.domain.flavors import Flavor
from ovh_spawner.pod import images, paths
from ovh_spawner.pod.editor import editor_command, editor_environment
from ovh_spawner.pod.names import environment_secret_name
from ovh_spawner.pod.request import PodRequest
from ovh_spawner.pod.resources import editor_resources, own_resources
from ovh_spawner.pod.security import security_context
from ovh_spawner.pod.volumes import EDITOR_RUN, GATEWAY_CONFIG, PULL_JOB, data_mounts, editor_mounts
from ovh_spawner.settings_kubernetes import ImageSettings

DATA = "data"
GATEWAY = "gateway"
EDITOR = "editor"
PORT = 8888
PORT_NAME = "notebook-port"
"""KubeSpawner finds the port by this name."""


def data_container(request: PodRequest, flavor: Flavor) -> dict[str, Any]:
    """Return the init container that clones and pulls."""
    # A pod reserves the larger of this and of what runs after it: the notebook's own CPUs are there to be used.
    resources = editor_resources(flavor, request.spec.count, gpus=False)
    return data_sync_container(
        request.settings.kubernetes.images, paths.PULL_JOB, resources=resources, job_volume=PULL_JOB
    )


def data_sync_container(
    settings: ImageSettings,
    job: str,
    *,
    resources: dict[str, Any],
    job_volume: str,
) -> dict[str, Any]:
    """Return a container of the data sync, in a notebook's pod or in a Job."""
    return {
        "name": DATA,
        "image": images.program_image(settings, images.DATASYNC),
        "imagePullPolicy": settings.pull_policy,
        "command": [images.PYTHON, "-m", "ovh_spawner.datasync", job],
        "args": ["--termination-message", paths.TERMINATION_MESSAGE],
        "env": variables({"HOME": paths.TEMPORARY, "LANG": "C.UTF-8", "TMPDIR": paths.TEMPORARY}),
        "resources": resources,
        "securityContext": security_context(read_only=True),
        "terminationMessagePath": paths.TERMINATION_MESSAGE,
        # Only what the data sync itself says is shown to people, never the end of a log.
        "terminationMessagePolicy": "File",
        "volumeMounts": data_mounts(job_volume),
    }


def gateway_container(request: PodRequest) -> dict[str, Any]:
    """Return the notebook's only listener; the pod is ready when it says that the editor is."""
    kubernetes = request.settings.kubernetes
    return {
        "name": GATEWAY,
        "image": images.program_image(kubernetes.images, images.GATEWAY),
        "imagePullPolicy": kubernetes.images.pull_policy,
        "command": [images.PYTHON, "-m", "ovh_spawner.gateway", paths.GATEWAY_CONFIG],
        "ports": [{"name": PORT_NAME, "containerPort": PORT, "protocol": "TCP"}],
        "readinessProbe": {
            "httpGet": {"path": f"{request.prefix}api", "port": PORT_NAME},
            # A person waits for the first answer.
            "periodSeconds": 1,
            "timeoutSeconds": 5,
            "failureThreshold": 3,
        },
        "env": variables({"LANG": "C.UTF-8"}),
        "resources": own_resources(kubernetes.gateway),
        "securityContext": security_context(read_only=True),
        "terminationMessagePolicy": "File",
        "volumeMounts": [
            {"name": GATEWAY_CONFIG, "mountPath": paths.CONFIG_FOLDER, "readOnly": True},
            {"name": EDITOR_RUN, "mountPath": paths.EDITOR_RUN, "readOnly": True},
        ],
    }


def editor_container(request: PodRequest, editor: Editor, flavor: Flavor) -> dict[str, Any]:
    """Return the editor; it listens on a unix socket that only the gateway shares."""
    spec, kubernetes = request.spec, request.settings.kubernetes
    image = images.notebook_image(
        kubernetes.images, editor=spec.editor, framework=spec.framework, version=spec.framework_version
    )
    return {
        "name": EDITOR,
        "image": image,
        "imagePullPolicy": kubernetes.images.pull_policy,
        "command": [
            literal(word)
            for word in editor_command(editor, request.prefix, has_ssh=request.settings.ssh.enabled)
        ],
        "workingDir": paths.WORKSPACE,
        # The user's variables first: what stands under "env" wins over them.
        **_own_variables(request),
        "env": variables(
            {
                **request.platform_variables,
                **editor_environment(editor, flavor, run=request.run, prefix=request.prefix),
            }
        ),
        "resources": editor_resources(flavor, spec.count),
        "securityContext": security_context(read_only=False),
        "terminationMessagePolicy": "File",
        "volumeMounts": editor_mounts(spec.volumes),
    }


def _own_variables(request: PodRequest) -> dict[str, Any]:
    """Return where the user's variables stand, when there are any: a Secret less for every other notebook."""
    if not request.spec.environment:
        return {}
    return {"envFrom": [{"secretRef": {"name": environment_secret_name(request.run)}}]}


def variables(values: dict[str, str]) -> list[dict[str, str]]:
    """Return variables as a container's ``env``."""
    return [{"name": name, "value": literal(value)} for name, value in sorted(values.items())]


def literal(text: str) -> str:
    """Return the text so that Kubernetes, which fills in $(NAME), leaves it as it is."""
    return text.replace("$", "$$")
