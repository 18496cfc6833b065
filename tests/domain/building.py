"""Small working values for tests of the rules."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from uuid import UUID

from ovh_spawner.domain.capabilities import Capabilities, Editor, Framework
from ovh_spawner.domain.flavors import Flavor, FlavorType, GpuInformation, Price, Resources
from ovh_spawner.domain.resolution import ResolutionContext
from ovh_spawner.domain.states import Door, RunState, Source, Transition

GIB = 2**30
NOTEBOOK = UUID("7600dda5-27f7-4937-9260-e24c987ae3c6")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHVzZWxlc3MgYnV0IHdlbGwtZm9ybWVkIGtleSAhISEh someone@somewhere"


def price(per_hour, valid_from=datetime(2020, 1, 1, tzinfo=UTC)):
    return Price(valid_from, Decimal(per_hour))


GPU = Flavor(
    id="ai1-1-gpu",
    description="NVIDIA Tesla V100S",
    type=FlavorType.GPU,
    default=True,
    max=4,
    per_unit=Resources(
        cpu=13, gpu=1, memory=40 * GIB, ephemeral_storage=40 * GIB, public_network=1_500_000_000
    ),
    prices=(price("1.93"),),
    gpu=GpuInformation("NVIDIA", "Tesla-V100S", 32 * GIB),
)
CPU = Flavor(
    id="ai1-1-cpu",
    description="Intel vCores",
    type=FlavorType.CPU,
    default=True,
    max=12,
    per_unit=Resources(cpu=1, gpu=0, memory=4 * GIB, ephemeral_storage=40 * GIB, public_network=500_000_000),
    prices=(price("0.03"),),
)
OTHER_GPU = replace(GPU, id="ai1-le-1-gpu", default=False)


def editor(editor_id, **changes):
    return replace(
        Editor(editor_id, editor_id, "", "", "", ("4",), ("true",), "api", strip_prefix=False), **changes
    )


def framework(framework_id, *versions, **changes):
    values = Framework(framework_id, framework_id, "", "", "", versions, ("/workspace",))
    return replace(values, **changes)


CAPABILITIES = Capabilities(
    region="GRA",
    currency="EUR",
    editors=(editor("jupyterlab"), editor("vscode"), editor("broken", unavailable="Run `make broken`.")),
    frameworks=(
        framework("conda", "conda-py311-cpu", "conda-py310-cpu"),
        framework("pytorch", "pytorch2.4.0-py311-cuda11.8", incompatible_editors=frozenset({"vscode"})),
        framework("mxnet", "mxnet1", unavailable="It is not installed."),
    ),
    flavors=(GPU, CPU, OTHER_GPU),
)


def context(**changes):
    """Return surroundings in which ids count up: 1, 2, 3, …"""
    ids = count(1)
    values = {
        "capabilities": CAPABILITIES,
        "store_aliases": frozenset({"DEMO", "S3GRA"}),
        "mode": "local",
        "new_id": lambda: UUID(int=next(ids)),
        "generate_name": lambda editor_id: f"{editor_id}-inspiring",
        "door": Door.API,
    }
    return ResolutionContext(**(values | changes))


def spec_data(**changes):
    """Return the smallest request that works on CPUs."""
    values = {
        "env": {"editorId": "jupyterlab", "frameworkId": "conda"},
        "resources": {"flavor": "ai1-1-cpu", "cpu": 1},
    }
    return values | changes


def store_volume(mount_path="/workspace/data", permission="RO", **source):
    return {
        "mountPath": mount_path,
        "permission": permission,
        "dataStore": {"alias": "DEMO", "container": "demo-data"} | source,
    }


def git_volume(url="https://git.example/team/code.git", mount_path="/workspace/code", **source):
    return {"mountPath": mount_path, "permission": "RW", "publicGit": {"url": url} | source}


START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def at(state, when, source=Source.HUB):
    """Return a transition; ``when`` is an instant, or seconds after ``START``."""
    if not isinstance(when, datetime):
        when = START + timedelta(seconds=when)
    return Transition(RunState(state), source, when)
