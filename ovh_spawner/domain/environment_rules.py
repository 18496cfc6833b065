"""Environment variables: which names a person may set, and how much in all."""

import re
from collections.abc import Sequence

from ovh_spawner.constants import MAX_ENVIRONMENT_BYTES
from ovh_spawner.domain.context import ResolutionContext
from ovh_spawner.domain.problems import Findings, show
from ovh_spawner.domain.spec import EnvVar
from ovh_spawner.domain.states import Door

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_MAX_NAME = 255
_PLATFORM_PREFIXES = ("JUPYTERHUB_", "LD_", "NOTEBOOK_", "OVH_")
# What the platform sets, and what would change which program starts or where it finds itself.
_PLATFORM_NAMES = frozenset(
    {"BASH_ENV", "BASHOPTS", "ENV", "HASHED_PASSWORD", "HOME", "IFS", "JUPYTER_CONFIG_DIR",
     "JUPYTER_CONFIG_PATH", "JUPYTER_DATA_DIR", "JUPYTER_PATH", "JUPYTER_RUNTIME_DIR", "JUPYTER_TOKEN",
     "LOGNAME", "NODE_OPTIONS", "PASSWORD", "PATH", "PIP_USER", "PORT", "PS4", "PWD", "PYTHONHOME",
     "PYTHONSTARTUP", "PYTHONUSERBASE", "SHELL", "SHELLOPTS", "TMPDIR", "USER", "USERNAME",
     "VIRTUAL_ENV", "XDG_RUNTIME_DIR"}
)  # fmt: skip


def resolve_environment(
    variables: Sequence[EnvVar], context: ResolutionContext, *, findings: Findings
) -> dict[str, str]:
    """Return the variables by name; what is wrong goes to ``findings``. Values are never repeated."""
    if variables and context.door is Door.HUB:
        findings.add(
            "envVars",
            "may hold secrets, which JupyterHub would keep in clear, so that they are not accepted here. "
            "Create the notebook with 'POST /services/ai/v1/notebook' instead, which keeps them encrypted.",
        )
        return {}
    found: dict[str, str] = {}
    for index, variable in enumerate(variables):
        field = f"envVars[{index}]"
        if reason := _name_problem(variable.name):
            findings.add(f"{field}.name", f"{show(variable.name)} {reason}")
        elif variable.name in found:
            findings.add(f"{field}.name", f"{show(variable.name)} is set twice. Leave one of them out.")
        if "\0" in variable.value:
            findings.add(f"{field}.value", "contains a NUL character, which no variable can hold.")
        found[variable.name] = variable.value
    # Name, '=', value and the closing NUL, as the kernel counts.
    size = sum(len(v.name.encode()) + len(v.value.encode()) + 2 for v in variables)
    if size > MAX_ENVIRONMENT_BYTES:
        findings.add(
            "envVars", f"{size} bytes are too many; at most {MAX_ENVIRONMENT_BYTES} in all are allowed."
        )
    return found


def is_platforms(name: str) -> bool:
    """Tell whether the platform alone sets this variable."""
    return name in _PLATFORM_NAMES or name.startswith(_PLATFORM_PREFIXES)


def _name_problem(name: str) -> str:
    if not _NAME.fullmatch(name) or len(name) > _MAX_NAME:
        return f"is no name of a variable. Allowed: 1 to {_MAX_NAME} letters, digits and '_', no digit first."
    if is_platforms(name):
        return "is set by the platform. Choose another name."
    return ""
