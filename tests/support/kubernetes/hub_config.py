"""The configuration file of a hub of pods under test; what differs from test to test is in hub.json beside it."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from ovh_spawner.domain.capabilities import Capabilities, Editor
from ovh_spawner.domain.flavors import Flavor, FlavorType, GpuInformation, Price, Resources
from ovh_spawner.hub.configuration import TEMPLATES, Deployment
from ovh_spawner.settings import Settings
from tests.support.fake_service import GIB, INTERNAL_TOKEN

c = get_config()  # noqa: F821 - given by JupyterHub
told = json.loads(Path("hub.json").read_text())


def _flavor(name: str, *, gpu: int = 0) -> Flavor:
    return Flavor(
        id=name,
        description=name,
        type=FlavorType.GPU if gpu else FlavorType.CPU,
        default=True,
        max=4,
        per_unit=Resources(cpu=2, gpu=gpu, memory=4 * GIB, ephemeral_storage=40 * GIB),
        prices=(Price(datetime(2020, 1, 1, tzinfo=UTC), Decimal("0.03")),),
        gpu=GpuInformation("NVIDIA", "V100S", 32 * GIB) if gpu else None,
    )


_EDITOR = Editor(
    id="fake", name="Fake editor", description="", doc_url="", logo_url="", versions=("1",),
    command=("run", "{socket}", "{prefix}"), probe_path="api", strip_prefix=False,
)  # fmt: skip

c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{told['port']}/"
c.JupyterHub.bind_url = "http://127.0.0.1:0/"
c.JupyterHub.proxy_class = "tests.support.mute_proxy.MuteProxy"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "ovh_spawner.hub.kubernetes_spawner.OVHSpawner"
c.JupyterHub.allow_named_servers = True
c.JupyterHub.template_paths = [str(TEMPLATES)]
c.JupyterHub.db_url = "sqlite:///hub.sqlite"
c.JupyterHub.cookie_secret_file = "cookie_secret"
c.JupyterHub.cleanup_servers = False
c.JupyterHub.init_spawners_timeout = 1
c.JupyterHub.concurrent_spawn_limit = 0
c.JupyterHub.tornado_settings = {
    "slow_spawn_timeout": told["patience"],
    "slow_stop_timeout": told["patience"],
}
deployment = Deployment(
    settings=Settings.model_validate(told["settings"]),
    state=Path.cwd(),
    service_token=told["service_token"],
    internal_token=INTERNAL_TOKEN,
    sign_in_password="",
    admin_password="",
)
c.JupyterHub.services = [{"name": "tester", "api_token": told["token"]}, *deployment.services()]
c.JupyterHub.load_roles = [
    {"name": "tester", "scopes": ["admin:users", "admin:servers", "tokens"], "services": ["tester"]},
    *deployment.roles(),
]
c.JupyterHub.trust_user_provided_tokens = True
c.OVHSpawner.settings = deployment.settings
c.OVHSpawner.internal_token = INTERNAL_TOKEN
if told["has_fake_catalog"]:
    flavors = (_flavor("cpu"), _flavor("gpu", gpu=1))
    c.OVHSpawner.capabilities = Capabilities("GRA", "EUR", (_EDITOR,), (), flavors)
c.OVHSpawner.poll_interval = 1
c.OVHSpawner.poll_jitter = 0
c.OVHSpawner.consecutive_failure_limit = 0
for trait, value in told["spawner"].items():
    setattr(c.OVHSpawner, trait, value)
for trait, value in told["reflector"].items():
    setattr(c.ResourceReflector, trait, value)


# What an operator may set on top.
def _mark(spawner, pod):
    pod.metadata.annotations["operator/mark"] = spawner.user.name
    return pod


c.OVHSpawner.modify_pod_hook = _mark
c.OVHSpawner.environment = {"HTTPS_PROXY": "http://proxy.example:3128"}
c.OVHSpawner.tolerations = [{"key": "notebooks", "operator": "Exists"}]
c.OVHSpawner.extra_containers = [{"name": "watcher", "image": "watcher:1"}]
c.OVHSpawner.image_pull_secrets = ["registry"]
