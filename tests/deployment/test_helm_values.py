"""``helm-values.yaml``: right by the chart's schema, and one story with the settings, the images and the manifests."""

import os
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from jsonschema import Draft7Validator
from ruamel.yaml import YAML
from traitlets.config import Config

from ovh_spawner.catalog.settings_file import load_installation
from ovh_spawner.constants import ENV_INTERNAL_TOKEN, ENV_SERVICE_TOKEN, ENV_SETTINGS
from ovh_spawner.hub.configuration import ENV_SIGN_IN_PASSWORD
from ovh_spawner.pod import images
from tests.support.requirements import need

CHECKOUT = Path(__file__).parents[2]
ENV_SCHEMA = "OVH_SPAWNER_Z2JH_SCHEMA"


def _load(path):
    return YAML(typ="safe").load(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def values():
    return _load(CHECKOUT / "helm-values.yaml")


@pytest.fixture(scope="module")
def settings_file(values, tmp_path_factory):
    file = tmp_path_factory.mktemp("settings") / "settings.yaml"
    YAML().dump(values["hub"]["extraFiles"]["ovh-spawner-settings"]["data"], file)
    return file


@pytest.fixture(scope="module")
def settings(settings_file):
    return load_installation(settings_file)[0]


def _merged(defaults, changes):
    """As helm does: maps are merged, all else is replaced."""
    both = {**defaults, **changes}
    for key in defaults.keys() & changes.keys():
        if isinstance(defaults[key], dict) and isinstance(changes[key], dict):
            both[key] = _merged(defaults[key], changes[key])
    return both


def test_the_chart_accepts_the_values(values):
    given = os.environ.get(ENV_SCHEMA)
    need("z2jh", given, f"{ENV_SCHEMA} names the chart's values.schema.yaml; its values.yaml lies beside it")
    schema = Path(given)
    merged = _merged(_load(schema.with_name("values.yaml")), values)

    found = Draft7Validator(_load(schema)).iter_errors(merged)

    assert [f"{'.'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in found] == []


def test_no_value_is_one_that_the_chart_has_never_heard_of(values):
    given = os.environ.get(ENV_SCHEMA)
    need("z2jh", given, f"{ENV_SCHEMA} names the chart's values.schema.yaml; its values.yaml lies beside it")
    defaults = _load(Path(given).with_name("values.yaml"))
    free = {
        "config",
        "extraConfig",
        "extraEnv",
        "extraFiles",
        "extraLabels",
        "resources",
        "podSecurityContext",
        "containerSecurityContext",
    }

    def unknown(ours, theirs, path):
        for key, value in ours.items():
            if not isinstance(theirs, dict) or key not in theirs:
                yield f"{path}{key}"
            elif isinstance(value, dict) and key not in free:
                yield from unknown(value, theirs[key], f"{path}{key}.")

    assert list(unknown(values, defaults, "")) == []


def test_the_settings_are_right_and_for_a_cluster(settings):
    assert settings.deployment.mode == "kubernetes"
    assert settings.database.url.startswith("postgresql+")


def test_hub_and_service_find_each_other(values, settings):
    service = next(
        each
        for each in YAML(typ="safe").load_all((CHECKOUT / "deploy" / "service.yaml").read_text())
        if each["kind"] == "Service"
    )
    (port,) = service["spec"]["ports"]

    assert settings.service.url == f"http://{service['metadata']['name']}:{port['port']}"
    assert settings.service.port == port["port"]
    assert settings.service.hub_api_url == "http://hub:8081/hub/api"
    assert settings.deployment.base_path == values["hub"].get("baseUrl", "/")


def test_the_hub_runs_the_image_that_the_build_makes(values, settings):
    image = values["hub"]["image"]

    assert f"{image['name']}:{image['tag']}" == images.program_image(settings.kubernetes.images, images.HUB)


def test_the_hub_is_given_what_its_configuration_asks_for(values):
    environment = values["hub"]["extraEnv"]

    assert environment[ENV_SETTINGS] == values["hub"]["extraFiles"]["ovh-spawner-settings"]["mountPath"]
    assert {ENV_SERVICE_TOKEN, ENV_INTERNAL_TOKEN, "PGPASSWORD"} <= set(environment)


def test_the_charts_last_word_configures_our_hub(values, settings_file, monkeypatch):
    for name in (ENV_SERVICE_TOKEN, ENV_INTERNAL_TOKEN, ENV_SIGN_IN_PASSWORD):
        monkeypatch.setenv(name, "a secret")
    monkeypatch.setenv(ENV_SETTINGS, str(settings_file))
    # The chart runs each entry by its name's order, with JupyterHub's configuration as `c`.
    config = Config({"JupyterHub": {"services": [], "load_roles": [], "base_url": "/"}})
    for _name, code in sorted(values["hub"]["extraConfig"].items()):
        exec(code, {"c": config})

    assert config.JupyterHub.spawner_class.endswith("OVHSpawner")
    (entry,) = entry_points(
        group="jupyterhub.authenticators", name=values["hub"]["config"]["JupyterHub"]["authenticator_class"]
    )
    assert entry.value.replace(":", ".") == config.JupyterHub.authenticator_class


def test_no_secret_stands_in_the_values(values):
    for name, value in values["hub"]["extraEnv"].items():
        if name != ENV_SETTINGS:
            assert set(value["valueFrom"]) == {"secretKeyRef"}
    assert "password" not in values["hub"]["db"]


def test_defaults_of_the_chart_that_hurt_are_set(values):
    assert values["rbac"]["create"] is False
    assert values["hub"]["concurrentSpawnLimit"] == 0
    assert values["hub"]["consecutiveFailureLimit"] == 0
    assert values["cull"]["enabled"] is False
    assert values["singleuser"]["cloudMetadata"]["blockWithIptables"] is False
    assert values["singleuser"]["networkPolicy"]["enabled"] is False
    assert values["singleuser"]["storage"]["type"] == "none"
    assert values["singleuser"]["startTimeout"] >= 1800
    assert values["scheduling"]["userScheduler"]["enabled"] is False
    assert not any(each["enabled"] for each in values["prePuller"].values())


def test_the_hub_meets_the_restricted_standard(values):
    assert values["hub"]["podSecurityContext"]["runAsNonRoot"] is True
    assert values["hub"]["podSecurityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert values["hub"]["containerSecurityContext"]["runAsUser"] == images.USER_ID
    assert values["hub"]["containerSecurityContext"]["capabilities"] == {"drop": ["ALL"]}
