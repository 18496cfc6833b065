"""What this machine has of the catalog: in local mode, what is not installed is shown with the reason."""

import re
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from ovh_spawner.domain.capabilities import Capabilities, Editor, Framework
from ovh_spawner.domain.flavors import Flavor, FlavorType
from ovh_spawner.settings import Settings

_GPU_DEVICE = re.compile(r"nvidia\d+")


def local_capabilities(capabilities: Capabilities, settings: Settings, *, gpus: int) -> Capabilities:
    """Return the catalog with a reason beside everything that cannot be chosen on this machine.

    ``gpus`` is what the machine has itself, see :func:`count_gpus`.
    """
    total = gpus + settings.local.simulated_gpus
    return replace(
        capabilities,
        editors=tuple(replace(e, unavailable=_missing_editor(e, settings)) for e in capabilities.editors),
        frameworks=tuple(
            replace(f, unavailable=_missing_framework(f, settings)) for f in capabilities.frameworks
        ),
        flavors=tuple(replace(f, unavailable=_missing_hardware(f, total)) for f in capabilities.flavors),
    )


def count_gpus(devices: Path = Path("/dev")) -> int:
    """Return the number of NVIDIA cards that the machine's driver shows."""
    try:
        return sum(_GPU_DEVICE.fullmatch(entry.name) is not None for entry in devices.iterdir())
    except OSError:
        return 0


def vscode_launcher(settings: Settings) -> Path:
    """Return where `make vscode` puts the program that starts VS Code: {editor} in the catalog's command."""
    return Path(settings.local.vscode_folder).absolute() / "node_modules" / ".bin" / "code-server"


def framework_python(settings: Settings, framework_id: str) -> Path:
    """Return the Python of a framework's environment; where it exists, the framework can be chosen."""
    return Path(settings.local.environments_folder).absolute() / framework_id / "bin" / "python"


def _missing_editor(editor: Editor, settings: Settings) -> str:
    needs = " ".join(editor.command)
    if "{editor}" in needs and not vscode_launcher(settings).exists():
        return f"{editor.name} is not installed on this machine. To install it, run `make vscode`."
    if "jupyterlab" in editor.command and find_spec("jupyterlab") is None:
        return f"{editor.name} is not installed beside the hub. To install it, run `make run`."
    return ""


def _missing_framework(framework: Framework, settings: Settings) -> str:
    if framework_python(settings, framework.id).exists():
        return ""
    folder = Path(settings.local.environments_folder) / framework.id
    return (
        f"{framework.name} is not installed on this machine. To add it, make a Python environment with "
        f"ipykernel in {folder}."
    )


def _missing_hardware(flavor: Flavor, gpus: int) -> str:
    if flavor.type is FlavorType.CPU or gpus > 0:
        return ""
    return "This machine has no GPU. Choose CPUs, or let the settings pretend GPUs (local.simulatedGpus)."
