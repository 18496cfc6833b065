"""The hub of the cluster tests: what the chart's configuration would say, for programs that run on this machine."""

from ovh_spawner.hub.kubernetes_configuration import configure
from tests.cluster.hub_surroundings import use_surroundings

c = get_config()  # noqa: F821 - given by JupyterHub
use_surroundings(c)
configure(c)
# There is no registry that could come back.
c.OVHSpawner.pull_timeout = 20
