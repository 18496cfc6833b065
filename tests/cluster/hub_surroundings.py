"""Where a hub of the cluster tests finds proxy, database and its own address; ``Installation`` wrote it down."""

import json
import os
from pathlib import Path
from typing import Any


def use_surroundings(config: Any) -> dict[str, Any]:
    """Configure what every hub of the tests needs; return all that was written down."""
    here: dict[str, Any] = json.loads(Path(os.environ["CLUSTER_TEST_HUB"]).read_text())
    config.JupyterHub.bind_url = here["public_url"]
    config.JupyterHub.hub_ip = here["address"]
    config.JupyterHub.hub_port = here["hub_port"]
    config.JupyterHub.hub_connect_url = here["hub_url"]
    config.JupyterHub.db_url = f"sqlite:///{here['state']}/jupyterhub.sqlite"
    config.JupyterHub.cookie_secret_file = f"{here['state']}/cookie_secret"
    # A proxy of its own, as on a cluster: it outlives the hub.
    config.ConfigurableHTTPProxy.should_start = False
    config.ConfigurableHTTPProxy.api_url = here["proxy_api_url"]
    config.Authenticator.allow_all = True
    return here
