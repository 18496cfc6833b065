"""The command of the vendor's client that asks for the same notebook."""

import shlex
from collections.abc import Iterator

from ovh_spawner.domain.capabilities import Capabilities
from ovh_spawner.domain.flavors import FlavorType
from ovh_spawner.domain.spec import NotebookSpec
from ovh_spawner.domain.volume_text import format_volume


def equivalent_command(spec: NotebookSpec, capabilities: Capabilities | None = None) -> str:
    """Return ``ovhai notebook run …``, quoted for a shell.

    It repeats the environment variables to the person who has just typed them; credentials of
    repositories stay out.
    """
    return shlex.join(_words(spec, capabilities))


def _words(spec: NotebookSpec, capabilities: Capabilities | None) -> Iterator[str]:
    yield from ("ovhai", "notebook", "run", spec.framework, spec.editor)
    yield from ("--framework-version", spec.framework_version)
    yield from ("--name", spec.name)
    yield from ("--flavor", spec.flavor)
    yield from _size(spec, capabilities)
    for name, value in spec.labels.items():
        yield from ("--label", f"{name}={value}")
    for volume in spec.volumes:
        yield from ("--volume", format_volume(volume))
    for name, secret in spec.environment.items():
        yield from ("--envvar", f"{name}={secret.get_secret_value()}")
    for key in spec.ssh_public_keys:
        yield from ("--ssh-public-keys", key)
    if spec.timeout_auto_restart:
        yield from ("--restart-on-timeout", "true")
    if spec.open_access:
        yield "--unsecure-http"


def _size(spec: NotebookSpec, capabilities: Capabilities | None) -> tuple[str, str]:
    flavor = capabilities.flavor(spec.flavor) if capabilities else None
    if flavor is None:
        # Without a catalog the vendor's naming tells the kind: ai1-1-gpu, ai1-1-cpu.
        is_cpu, per_unit = spec.flavor.endswith("-cpu"), 1
    else:
        is_cpu = flavor.type is FlavorType.CPU
        per_unit = flavor.per_unit.cpu if is_cpu else flavor.per_unit.gpu
    return ("--cpu" if is_cpu else "--gpu", str(spec.count * per_unit))
