"""The hub's configuration on Kubernetes: what the settings and the environment's secrets decide.

It runs after Zero to JupyterHub's own configuration (hub.extraConfig in helm-values.yaml), which says where proxy and
database are and what the chart's values say of pods. An operator's own extraConfig comes after it.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog

from ovh_spawner import constants
from ovh_spawner.catalog.settings_file import load_settings
from ovh_spawner.domain.hosts import subdomain_of
from ovh_spawner.errors import ConfigError
from ovh_spawner.hub.configuration import (
    ENV_ADMIN_PASSWORD,
    ENV_CRYPT_KEY,
    ENV_SIGN_IN_PASSWORD,
    TEMPLATES,
    Deployment,
)
from ovh_spawner.settings import Settings

log = structlog.get_logger()

REFLECTOR_SECONDS = 60
"""KubeSpawner lists all pods anew this often; its own 10 s cost the hub a large part of its one core."""
API_SECONDS = 10
"""A busy API server answers a create later than after KubeSpawner's 3 s, and a second try meets the first one's pod."""


def configure(config: Any, environment: Mapping[str, str] = os.environ) -> None:
    """Set up JupyterHub on top of what the chart, or an operator's own file, has set.

    Raises:
        ConfigError: The settings are wrong, a secret is missing, or the chart says something else.
    """
    path = environment.get(constants.ENV_SETTINGS)
    settings = load_settings(Path(path) if path else None)
    deployment = _deployment(settings, environment)
    _check(config, deployment)
    _check_hosts(config, deployment)
    _hub(config, deployment)
    _spawner(config, deployment)
    _sign_in(config, deployment, environment)


def _deployment(settings: Settings, environment: Mapping[str, str]) -> Deployment:
    if settings.deployment.mode != "kubernetes":
        raise ConfigError("This is the hub of a cluster: set deployment.mode to kubernetes in the settings.")
    return Deployment(
        settings=settings,
        state=Path.cwd(),
        service_token=_secret(environment, constants.ENV_SERVICE_TOKEN),
        internal_token=_secret(environment, constants.ENV_INTERNAL_TOKEN),
        sign_in_password=environment.get(ENV_SIGN_IN_PASSWORD, ""),
        admin_password=environment.get(ENV_ADMIN_PASSWORD, ""),
    )


def _check(config: Any, deployment: Deployment) -> None:
    said = config.JupyterHub.get("base_url", deployment.base_path)
    if said.strip("/") != deployment.base_path.strip("/"):
        raise ConfigError(
            f"The chart's hub.baseUrl is {said!r}, the settings' deployment.basePath is "
            f"{deployment.base_path!r}: they must be the same."
        )


def _check_hosts(config: Any, deployment: Deployment) -> None:
    if config.JupyterHub.get("subdomain_host") and not deployment.settings.deployment.subdomains:
        raise ConfigError(
            "JupyterHub.subdomain_host is set in the chart. Set deployment.subdomains in the settings instead, which "
            "hub and service read alike."
        )


def _hub(config: Any, deployment: Deployment) -> None:
    hub = config.JupyterHub
    hub.base_url = deployment.base_path
    # A restart of the hub must not end people's notebooks.
    hub.cleanup_servers = False
    hub.allow_named_servers = True
    # The service counts and limits; the hub neither throttles nor gives up.
    hub.concurrent_spawn_limit = 0
    hub.services = [*hub.get("services", []), *deployment.services()]
    hub.load_roles = [*hub.get("load_roles", []), *deployment.roles()]
    # Ours are long and random; the slow hash of short ones would take a fifth of the hub's time.
    hub.trust_user_provided_tokens = True
    hub.template_paths = [str(TEMPLATES), *hub.get("template_paths", [])]
    hub.template_vars = {**hub.get("template_vars", {}), **deployment.template_vars()}
    hub.default_url = f"{deployment.base_path}hub/home"
    if deployment.settings.deployment.subdomains:
        hub.subdomain_host = deployment.settings.deployment.public_url
        hub.subdomain_hook = subdomain_of
        hub.cookie_host_prefix_enabled = deployment.settings.uses_host_cookies


def _spawner(config: Any, deployment: Deployment) -> None:
    settings = deployment.settings
    config.JupyterHub.spawner_class = "ovh_spawner.hub.kubernetes_spawner.OVHSpawner"
    config.OVHSpawner.settings = settings
    config.OVHSpawner.capabilities = deployment.capabilities()
    config.OVHSpawner.internal_token = deployment.internal_token
    # One notebook that cannot start says nothing about the others: the hub must not end because of five of them.
    config.OVHSpawner.consecutive_failure_limit = 0
    # The service makes the claims.
    config.OVHSpawner.storage_pvc_ensure = False
    config.OVHSpawner.k8s_api_request_timeout = API_SECONDS
    config.ResourceReflector.timeout_seconds = REFLECTOR_SECONDS
    if settings.kubernetes.namespace:
        config.OVHSpawner.namespace = settings.kubernetes.namespace


def _sign_in(config: Any, deployment: Deployment, environment: Mapping[str, str]) -> None:
    sign_in = deployment.settings.sign_in
    if sign_in.openid is not None:
        _secret(environment, sign_in.openid.client_secret_env)
        # The chart keeps the keys in its own values.
        if not config.CryptKeeper.get("keys"):
            _secret(environment, ENV_CRYPT_KEY)
    config.JupyterHub.authenticator_class = "ovh_spawner.hub.authenticator.OVHAuthenticator"
    ours = config.OVHAuthenticator
    ours.sign_in = sign_in
    ours.service_url = deployment.settings.service.url
    ours.internal_token = deployment.internal_token
    public = deployment.settings.deployment.public_url
    ours.oauth_callback_url = f"{public}{deployment.base_path}hub/oauth_callback"
    if deployment.uses_demo_password:
        if not deployment.sign_in_password:
            raise ConfigError(
                "Nobody could sign in. Set signIn.openid or signIn.accountsFile in the settings; for a trial among "
                f"people who trust each other, put {ENV_SIGN_IN_PASSWORD} into the hub's Secret: it admits everybody "
                "who knows it, under any name."
            )
        ours.user_password = deployment.sign_in_password
        ours.admin_password = deployment.admin_password
        ours.admin_users = {"admin"} if deployment.admin_password else set()
        log.warning("one_password_for_everybody", advice="Set up signIn in the settings.")


def _secret(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise ConfigError(
            f"The environment variable {name} is not set. It comes from the Secret ovh-spawner."
        )
    return value
