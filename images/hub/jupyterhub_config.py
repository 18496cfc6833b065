"""The hub's configuration without Zero to JupyterHub, whose own file is mounted over this one.

With it, the same is done by hub.extraConfig of helm-values.yaml, after all that the chart sets.
"""

from ovh_spawner.hub.kubernetes_configuration import configure

configure(c)  # noqa: F821 - given by JupyterHub
