"""jupyterhub_config.py, read as JupyterHub reads it."""

from pathlib import Path

import pytest
from traitlets.config import Config

from ovh_spawner.errors import ConfigError
from ovh_spawner.hub.configuration import read_deployment

SECRETS = {
    "OVH_SPAWNER_SERVICE_TOKEN": "service-token",
    "OVH_SPAWNER_INTERNAL_TOKEN": "internal-token",
    "OVH_SPAWNER_SIGN_IN_PASSWORD": "sign-in-password",
}
CONFIG_FILE = Path(__file__).parents[2] / "jupyterhub_config.py"


@pytest.fixture
def environment(tmp_path, monkeypatch):
    settings = tmp_path / "settings.yaml"
    settings.write_text(f"local:\n  stateFolder: {tmp_path / 'state'}\nhub:\n  port: 8123\n")
    found = SECRETS | {"OVH_SPAWNER_SETTINGS": str(settings)}
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    return found


def read_config() -> Config:
    config = Config()
    exec(compile(CONFIG_FILE.read_text(), str(CONFIG_FILE), "exec"), {"get_config": lambda: config})
    return config


def test_the_configuration_takes_everything_from_settings_and_environment(environment, tmp_path):
    c = read_config()

    assert c.JupyterHub.bind_url == "http://127.0.0.1:8123/"
    assert c.JupyterHub.db_url == f"sqlite:///{tmp_path / 'state' / 'jupyterhub.sqlite'}"
    assert c.OVHAuthenticator.user_password == "sign-in-password"
    assert c.OVHLocalSpawner.internal_token == "internal-token"
    assert c.OVHLocalSpawner.settings.hub.port == 8123
    (service,) = c.JupyterHub.services
    assert service["api_token"] == "service-token"
    assert service["oauth_redirect_uri"] == "/services/ai/oauth_callback"
    assert {"name": "user", "scopes": ["self", "access:services!service=ai"]} in c.JupyterHub.load_roles


def test_nothing_ends_a_notebook_for_being_idle_or_old(environment):
    c = read_config()

    # A culler would be a service of the hub with a command, and a role that stops other people's servers.
    assert [service["name"] for service in c.JupyterHub.services if "command" in service] == []
    assert [
        role["name"]
        for role in c.JupyterHub.load_roles
        if "servers" in role["scopes"] and role.get("services") != ["ai"]
    ] == []


def test_without_an_administrators_password_nobody_is_one(environment, monkeypatch):
    monkeypatch.delenv("OVH_SPAWNER_ADMIN_PASSWORD", raising=False)
    assert read_config().OVHAuthenticator.admin_users == set()

    monkeypatch.setenv("OVH_SPAWNER_ADMIN_PASSWORD", "an administrator's long password")
    assert read_config().OVHAuthenticator.admin_users == {"admin"}


@pytest.mark.parametrize("missing", SECRETS)
def test_a_missing_secret_stops_the_start_with_its_name(environment, missing):
    with pytest.raises(ConfigError, match=missing):
        read_deployment({**environment, missing: ""})


@pytest.mark.parametrize(("system_users", "mode"), [("false", 0o700), ("true", 0o711)])
def test_nobody_else_reads_what_the_hub_keeps(environment, tmp_path, system_users, mode):
    settings = tmp_path / "settings.yaml"
    settings.write_text(settings.read_text().replace("local:\n", f"local:\n  systemUsers: {system_users}\n"))

    read_deployment(environment)

    assert (tmp_path / "state").stat().st_mode & 0o777 == mode
    assert (tmp_path / "state" / "jupyterhub.sqlite").stat().st_mode & 0o777 == 0o600


OPENID = "signIn:\n  openid: {issuer: 'https://id.example', clientId: hub, allowedGroups: [ai]}\n"


def test_with_accounts_or_a_provider_the_demo_password_opens_nothing(environment, tmp_path):
    settings = tmp_path / "settings.yaml"
    settings.write_text(settings.read_text() + "signIn:\n  accountsFile: accounts.json\n")
    c = read_config()

    assert "user_password" not in c.OVHAuthenticator
    assert c.OVHAuthenticator.sign_in.accounts_file == "accounts.json"


@pytest.mark.parametrize("missing", ["OVH_SPAWNER_OPENID_SECRET", "JUPYTERHUB_CRYPT_KEY"])
def test_a_provider_needs_its_secret_and_a_key(environment, tmp_path, missing):
    settings = tmp_path / "settings.yaml"
    settings.write_text(settings.read_text() + OPENID)
    given = {"OVH_SPAWNER_OPENID_SECRET": "secret", "JUPYTERHUB_CRYPT_KEY": "ab" * 32}
    read_deployment({**environment, **given})

    with pytest.raises(ConfigError, match=missing):
        read_deployment({**environment, **given, missing: ""})
