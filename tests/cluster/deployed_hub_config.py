"""A hub in a pod: what Zero to JupyterHub's configuration would say, then ours; mounted into the hub's own image."""

import os

from ovh_spawner.hub.kubernetes_configuration import configure

c = get_config()  # noqa: F821 - given by JupyterHub
c.JupyterHub.bind_url = os.environ["PUBLIC_URL"]
c.JupyterHub.hub_bind_url = "http://0.0.0.0:8081"
c.JupyterHub.hub_connect_url = os.environ["HUB_URL"]
c.JupyterHub.db_url = os.environ["DATABASE_URL"]
c.ConfigurableHTTPProxy.should_start = False
c.ConfigurableHTTPProxy.api_url = os.environ["PROXY_API_URL"]
c.Authenticator.allow_all = True
configure(c)
