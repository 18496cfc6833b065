"""The Pod Security Standard "restricted" (which holds "baseline"), written down from the standard.

https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

ALLOWED_VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret",
}  # fmt: skip
HOST_NAMESPACES = ("hostNetwork", "hostPID", "hostIPC")
SECCOMP = {"RuntimeDefault", "Localhost"}
ALLOWED_CAPABILITY = "NET_BIND_SERVICE"


def violations(spec):
    """Return what an admission controller would refuse in a pod's spec."""
    return [*_of_pod(spec), *(found for each in _containers(spec) for found in _of_container(each, spec))]


def _containers(spec):
    return [
        *spec.get("initContainers", []),
        *spec.get("containers", []),
        *spec.get("ephemeralContainers", []),
    ]


def _of_pod(spec):
    for name in HOST_NAMESPACES:
        if spec.get(name):
            yield f"{name} is true"
    for volume in spec.get("volumes", []):
        for kind in volume.keys() - {"name"} - ALLOWED_VOLUMES:
            yield f"volume {volume['name']} is a {kind}"
    context = spec.get("securityContext", {})
    if context.get("sysctls"):
        yield "sysctls are set"
    yield from _common(context, "the pod")


def _of_container(container, spec):
    return [*_privileges(container), *_places(container), *_profile(container, spec)]


def _privileges(container):
    name = container["name"]
    context = container.get("securityContext", {})
    capabilities = context.get("capabilities", {})
    if context.get("privileged"):
        yield f"{name} is privileged"
    if context.get("allowPrivilegeEscalation") is not False:
        yield f"{name} may gain privileges"
    if "ALL" not in capabilities.get("drop", []):
        yield f"{name} keeps capabilities"
    if set(capabilities.get("add", [])) - {ALLOWED_CAPABILITY}:
        yield f"{name} adds capabilities"


def _places(container):
    name = container["name"]
    if container.get("securityContext", {}).get("procMount", "Default") != "Default":
        yield f"{name} has another /proc"
    if any(port.get("hostPort") for port in container.get("ports", [])):
        yield f"{name} takes a port of the node"
    for kind in ("livenessProbe", "readinessProbe", "startupProbe"):
        if any(
            "host" in handler for handler in container.get(kind, {}).values() if isinstance(handler, dict)
        ):
            yield f"{name} has a {kind} at another host"


def _profile(container, spec):
    name = container["name"]
    context = container.get("securityContext", {})
    pod = spec.get("securityContext", {})
    if context.get("runAsNonRoot", pod.get("runAsNonRoot")) is not True:
        yield f"{name} may run as root"
    if context.get("seccompProfile", pod.get("seccompProfile", {})).get("type") not in SECCOMP:
        yield f"{name} has no seccomp profile"
    yield from _common(context, name)


def _common(context, whose):
    if context.get("runAsUser") == 0:
        yield f"{whose} runs as user 0"
    if context.get("windowsOptions", {}).get("hostProcess"):
        yield f"{whose} is a process of the host"
    if context.get("seLinuxOptions", {}).keys() & {"user", "role"}:
        yield f"{whose} chooses an SELinux user or role"
    if context.get("appArmorProfile", {}).get("type", "RuntimeDefault") == "Unconfined":
        yield f"{whose} is not confined by AppArmor"
