"""What JupyterHub operators may set on the spawners; all else is in the settings file."""

import os
from collections.abc import Callable
from datetime import UTC, datetime

from traitlets import Float, Instance, Unicode, default
from traitlets.config import Configurable

from ovh_spawner import constants
from ovh_spawner.catalog.loader import load_catalog
from ovh_spawner.domain.capabilities import Capabilities
from ovh_spawner.hub.service_client import ServiceClient
from ovh_spawner.settings import Settings


def utc_now() -> datetime:
    """Return the hub's clock."""
    return datetime.now(UTC)


class NotebookTraits(Configurable):
    """Traits that every spawner of ours has."""

    settings = Instance(
        Settings, help="The installation's settings; jupyterhub_config.py reads them once."
    ).tag(config=True)
    internal_token = Unicode(help="The hub's token at the service; from the environment by default.").tag(
        config=True
    )
    stop_grace_seconds = Float(
        30.0, help="How long an editor may take to end after the order, before it is killed."
    ).tag(config=True)
    editor_timeout = Float(
        300.0, help="How long an editor may take to answer once its process runs, in seconds."
    ).tag(config=True)
    capabilities = Instance(
        Capabilities, help="The catalog; loaded once from the package and the settings."
    ).tag(config=True)
    service = Instance(ServiceClient)
    now: Callable[[], datetime] = staticmethod(utc_now)

    @default("settings")
    def _default_settings(self) -> Settings:
        return Settings()

    @default("internal_token")
    def _default_internal_token(self) -> str:
        return os.environ.get(constants.ENV_INTERNAL_TOKEN, "")

    @default("capabilities")
    def _default_capabilities(self) -> Capabilities:
        return load_catalog(self.settings.catalog, region=self.settings.deployment.region)

    @default("service")
    def _default_service(self) -> ServiceClient:
        return ServiceClient(self.settings.service.url, self.internal_token)
