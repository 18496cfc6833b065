"""The hub's configuration on a cluster: laid over the chart's, from the settings and the environment's secrets."""

import pytest
from ruamel.yaml import YAML
from traitlets.config import Config

from ovh_spawner.errors import ConfigError
from ovh_spawner.hub.kubernetes_configuration import configure

SECRETS = {
    "OVH_SPAWNER_SERVICE_TOKEN": "service-token",
    "OVH_SPAWNER_INTERNAL_TOKEN": "internal-token",
    "OVH_SPAWNER_SIGN_IN_PASSWORD": "open sesame",
}
SETTINGS = {
    "deployment": {"mode": "kubernetes", "publicUrl": "https://notebooks.example.org"},
    "service": {"url": "http://ovh-spawner:8002", "hubApiUrl": "http://hub:8081/hub/api"},
}
OPENID = {"issuer": "https://id.example.org", "clientId": "notebooks", "allowAll": True}


@pytest.fixture
def chart():
    """What Zero to JupyterHub's configuration leaves behind."""
    config = Config()
    config.JupyterHub.services = [{"name": "theirs", "url": "http://theirs"}]
    config.JupyterHub.load_roles = [{"name": "theirs", "scopes": []}]
    config.JupyterHub.base_url = "/"
    config.KubeSpawner.namespace = "notebooks"
    return config


@pytest.fixture
def run(tmp_path):
    def configured(config, settings=None, environment=None):
        file = tmp_path / "settings.yaml"
        YAML().dump({**SETTINGS, **(settings or {})}, file)
        configure(
            config, {"OVH_SPAWNER_SETTINGS": str(file), **(SECRETS if environment is None else environment)}
        )
        return config

    return configured


def test_the_service_and_its_role_are_added_to_the_charts_own(chart, run):
    run(chart)

    assert [each["name"] for each in chart.JupyterHub.services] == ["theirs", "ai"]
    assert {"theirs", "user", "notebook-service"} <= {each["name"] for each in chart.JupyterHub.load_roles}
    assert chart.JupyterHub.services[1]["url"] == "http://ovh-spawner:8002"


def test_notebooks_outlive_the_hub_and_a_failed_start_does_not_end_it(chart, run):
    run(chart)

    assert chart.JupyterHub.cleanup_servers is False
    assert chart.OVHSpawner.consecutive_failure_limit == 0
    assert chart.JupyterHub.concurrent_spawn_limit == 0
    assert chart.OVHSpawner.storage_pvc_ensure is False


def test_it_does_without_the_chart_too(run):
    config = run(Config())

    assert [each["name"] for each in config.JupyterHub.services] == ["ai"]
    assert config.JupyterHub.base_url == "/"


def test_a_namespace_of_the_settings_comes_before_the_charts(chart, run):
    run(chart, {"kubernetes": {"namespace": "elsewhere"}})

    assert chart.OVHSpawner.namespace == "elsewhere"


def test_another_path_in_the_chart_than_in_the_settings_stops_the_start(chart, run):
    chart.JupyterHub.base_url = "/hub-here/"

    with pytest.raises(ConfigError, match="must be the same"):
        run(chart)


def test_the_settings_of_a_laptop_stop_the_start(chart, run):
    with pytest.raises(ConfigError, match="mode to kubernetes"):
        run(chart, {"deployment": {"mode": "local"}})


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_missing_secret_stops_the_start_and_is_named(chart, run, name):
    environment = {key: value for key, value in SECRETS.items() if key != name}

    with pytest.raises(ConfigError, match=name):
        run(chart, environment=environment)


def test_a_provider_needs_its_secret_and_a_key_for_what_the_hub_remembers(chart, run):
    settings = {"signIn": {"openid": OPENID}}
    with pytest.raises(ConfigError, match="OVH_SPAWNER_OPENID_SECRET"):
        run(chart, settings)
    with pytest.raises(ConfigError, match="JUPYTERHUB_CRYPT_KEY"):
        run(chart, settings, {**SECRETS, "OVH_SPAWNER_OPENID_SECRET": "x"})

    chart.CryptKeeper.keys = ["the chart's own"]
    run(chart, settings, {**SECRETS, "OVH_SPAWNER_OPENID_SECRET": "x"})

    assert chart.OVHAuthenticator.sign_in.openid.client_id == "notebooks"
    assert "user_password" not in chart.OVHAuthenticator
    assert chart.OVHAuthenticator.oauth_callback_url == "https://notebooks.example.org/hub/oauth_callback"


@pytest.mark.parametrize(("scheme", "bound"), [("https", True), ("http", False)])
def test_hosts_for_people_are_the_hubs_too_and_its_cookies_are_bound_to_its_own(chart, run, scheme, bound):
    deployment = {
        **SETTINGS["deployment"],
        "publicUrl": f"{scheme}://notebooks.example.org",
        "subdomains": True,
    }
    hub = run(chart, {"deployment": deployment}).JupyterHub

    assert hub.subdomain_host == f"{scheme}://notebooks.example.org"
    assert hub.subdomain_hook("ann", "notebooks.example.org", kind="user") == "ann.notebooks.example.org"
    assert hub.subdomain_hook("ai", "notebooks.example.org", kind="service") == "notebooks.example.org"
    assert hub.cookie_host_prefix_enabled is bound


def test_hosts_that_only_the_chart_knows_of_stop_the_start(chart, run):
    chart.JupyterHub.subdomain_host = "https://notebooks.example.org"

    with pytest.raises(ConfigError, match=r"deployment\.subdomains"):
        run(chart)
