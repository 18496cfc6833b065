"""The hub of the cluster tests: what the chart's configuration would say, for programs that run on this machine."""

import json
import os
from pathlib import Path

from ovh_spawner.hub.kubernetes_configuration import configure

c = get_config()  # noqa: F821 - given by JupyterHub
here = json.loads(Path(os.environ["CLUSTER_TEST_HUB"]).read_text())

c.JupyterHub.bind_url = here["public_url"]
c.JupyterHub.hub_ip = here["address"]
c.JupyterHub.hub_port = here["hub_port"]
c.JupyterHub.hub_connect_url = here["hub_url"]
c.JupyterHub.db_url = f"sqlite:///{here['state']}/jupyterhub.sqlite"
c.JupyterHub.cookie_secret_file = f"{here['state']}/cookie_secret"
# A proxy of its own, as on a cluster: it outlives the hub.
c.ConfigurableHTTPProxy.should_start = False
c.ConfigurableHTTPProxy.api_url = here["proxy_api_url"]
c.Authenticator.allow_all = True

configure(c)
# There is no registry that could come back.
c.OVHSpawner.pull_timeout = 20
