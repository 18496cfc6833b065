"""The hub of the cluster benchmark: ours, or plain KubeSpawner, in the same surroundings.

Pods on fake nodes answer nothing, so both spawners are told that every pod listens at a stub of the benchmark.
"""

from kubespawner import KubeSpawner

from ovh_spawner.hub.kubernetes_configuration import API_SECONDS, REFLECTOR_SECONDS, configure
from ovh_spawner.hub.kubernetes_spawner import OVHSpawner
from tests.cluster.hub_surroundings import use_surroundings

c = get_config()  # noqa: F821 - given by JupyterHub
here = use_surroundings(c)


class Plain(KubeSpawner):  # type: ignore[misc]
    """KubeSpawner as it comes."""

    def _get_pod_url(self, pod):  # noqa: ANN001, ANN202, ARG002
        return here["stub"]


class Ours(OVHSpawner):
    """Our spawner."""

    def _get_pod_url(self, pod):  # noqa: ANN001, ANN202, ARG002
        return here["stub"]


def use_plain_kubespawner(config) -> None:  # noqa: ANN001
    """Give the hub what ours has too: named servers, a claim for each, the same size, place and security."""
    config.JupyterHub.spawner_class = Plain
    config.JupyterHub.authenticator_class = "dummy"
    config.JupyterHub.allow_named_servers = True
    config.JupyterHub.concurrent_spawn_limit = 0
    config.JupyterHub.trust_user_provided_tokens = True
    config.JupyterHub.cleanup_servers = False
    spawner = config.KubeSpawner
    for name, value in here["plain"].items():
        setattr(spawner, name, value)
    spawner.k8s_api_request_timeout = API_SECONDS
    config.ResourceReflector.timeout_seconds = REFLECTOR_SECONDS


if here["plain"]:
    use_plain_kubespawner(c)
else:
    configure(c)
    c.JupyterHub.spawner_class = Ours
c.JupyterHub.services = [*c.JupyterHub.get("services", []), {"name": "bench", "api_token": here["token"]}]
bench = {"name": "bench", "services": ["bench"], "scopes": ["admin:users", "admin:servers", "proxy"]}
c.JupyterHub.load_roles = [*c.JupyterHub.get("load_roles", []), bench]
