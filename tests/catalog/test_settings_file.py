from decimal import Decimal

import pytest

from ovh_spawner.catalog.settings_file import load_installation, load_settings
from ovh_spawner.catalog.yaml_source import YamlSource
from ovh_spawner.errors import ConfigError
from ovh_spawner.settings import Settings


def written(folder, text):
    path = folder / "settings.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def mistake(folder, text):
    with pytest.raises(ConfigError) as refused:
        load_installation(written(folder, text))
    return str(refused.value).replace(f"{folder}/", "")


def test_no_file_and_an_empty_file_mean_every_default(tmp_path):
    assert load_settings(None) == Settings()
    assert load_settings(written(tmp_path, "")) == Settings()
    assert load_settings(written(tmp_path, "# all commented out\ndeployment:\n")) == Settings()


def test_settings_are_read_by_their_names_in_the_file(tmp_path):
    settings, catalog = load_installation(
        written(
            tmp_path,
            """
            deployment: {region: BHS}
            service: {reconcileSeconds: 2.5}
            local: {simulatedGpus: 4}
            dataStores:
              DEMO: {type: s3, endpoint: "http://127.0.0.1:9000", accessKeyEnv: A, secretKeyEnv: B}
            catalog:
              flavors: {ai1-1-cpu: {max: 6}}
            """,
        )
    )

    assert settings.service.reconcile_seconds == 2.5
    assert settings.local.simulated_gpus == 4
    assert settings.data_stores["DEMO"].access_key_env == "A"
    assert catalog.region == "BHS"
    assert catalog.flavor("ai1-1-cpu").max == 6


def test_an_amount_may_be_a_number_and_leaves_the_others_as_they_are(tmp_path):
    path = written(tmp_path, "kubernetes: {gateway: {cpu: 0.5}, dataSync: {cpu: 2, memory: 4Gi}}")
    found = load_settings(path).kubernetes

    assert (found.gateway.cpu, found.gateway.memory) == ("0.5", "256Mi")
    assert (found.data_sync.cpu, found.data_sync.memory) == ("2", "4Gi")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "deployment:\n  region: GRA\n  hubid: x",
            "settings.yaml:3: deployment: The key 'hubid' is not known here. Did you mean 'hubId'?",
        ),
        (
            "deploiment: {}",
            "settings.yaml:1: The key 'deploiment' is not known here. Did you mean 'deployment'?",
        ),
        (
            "project:\n  gpuQuota: -1",
            "settings.yaml:2: project.gpuQuota: must be at least 0, not -1.",
        ),
        (
            "project:\n  gpuQuota: many",
            "settings.yaml:2: project.gpuQuota: must be a whole number, not 'many'.",
        ),
        (
            "dataStores:\n  s3:\n    type: s3\n    endpont: x",
            "settings.yaml:4: dataStores.s3: The key 'endpont' is not known here. Did you mean 'endpoint'?",
        ),
        ("dataStores:\n  s3:\n    type: s3", "settings.yaml:2: dataStores.s3.endpoint: is required.\n"),
        (
            "dataStores:\n  s3:\n    type: s3",
            "settings.yaml:2: dataStores.s3.accessKeyEnv: is required.",
        ),
        ("dataStores:\n  s3: {type: s4}", "settings.yaml:2: dataStores.s3: "),
        ("- a", "settings.yaml:1: must be an object, not a list."),
        ("text", "settings.yaml:1: must be an object, not 'text'."),
        ("a: [1", "settings.yaml:1: this is no valid YAML"),
        ("project: {}\nproject: {}", "settings.yaml:2: this is no valid YAML: found duplicate key"),
        (
            "catalog:\n  flavors:\n    ai1-1-gpu:\n      maks: 2",
            "settings.yaml:4: catalog.flavors.ai1-1-gpu.maks: ",
        ),
        (
            "signIn:\n  openid: {issuer: 'https://id.example', clientId: hub}",
            "settings.yaml:2: signIn.openid: ",
        ),
        (
            "kubernetes:\n  storage:\n    sise: 3Gi",
            "settings.yaml:3: kubernetes.storage: The key 'sise' is not known here. Did you mean 'size'?",
        ),
        (
            "kubernetes:\n  storage: {size: 10 GB}",
            "settings.yaml:2: kubernetes.storage.size: an amount is written as Kubernetes has it: 250m or 1",
        ),
        (
            "kubernetes:\n  network:\n    allowed: [10.0.0.1/8]",
            "settings.yaml:3: kubernetes.network.allowed[0]: must be a network such as 10.0.0.0/8",
        ),
        (
            "deployment:\n  region: XYZ",
            "settings.yaml:2: deployment.region: Region 'XYZ' is not known. Allowed: GRA, BHS.",
        ),
        (
            "projects:\n  physics:\n    operator: {users: [ann]}",
            "settings.yaml:3: projects.physics: The key 'operator' is not known here. Did you mean 'operators'?",
        ),
        ("projects:\n  Physics: {}", "settings.yaml:2: projects.Physics"),
        (
            "projects:\n  physics: {priceList: x}",
            "settings.yaml:2: projects.physics.priceList: 'x' is not among priceLists.",
        ),
        (
            "priceLists:\n  cheap:\n    no-flavor: [{validFrom: 2026-01-01, perHour: 1}]",
            "settings.yaml:3: priceLists.cheap: the catalog has no flavor 'no-flavor'; it has ai1-1-cpu, ai1-1-gpu.",
        ),
        (
            "priceLists:\n  a:\n    ai1-1-cpu: [&p {validFrom: 2026-01-01, perHour: 1}, *p]",
            "settings.yaml:3: priceLists.a.ai1-1-cpu: two prices hold from the same instant",
        ),
        ("project:\n  groupPattern: ai-*", "settings.yaml:2: project.groupPattern: the pattern says where"),
    ],
)
def test_a_mistake_is_named_by_file_line_and_nearest_key(tmp_path, text, said):
    assert said in mistake(tmp_path, text)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ConfigError, match="Cannot read"):
        load_settings(tmp_path / "absent.yaml")
    (tmp_path / "settings.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="Cannot read"):
        load_settings(tmp_path / "settings.yaml")


def test_numbers_are_exact_and_places_are_known():
    source = YamlSource.parse("a:\n  b:\n  - 0.1\n  - {c: 1e3}\n1: yes\nd: 0x10\n", "x.yaml")

    assert source.data == {"a": {"b": [Decimal("0.1"), {"c": Decimal(1000)}]}, "1": "yes", "d": 16}
    assert source.locate(("a", "b", 1, "c")) == "x.yaml:4"
    assert source.locate(("a", "b", 1, "missing")) == "x.yaml:4"
    assert source.locate(("missing",)) is None
    assert source.at("a").locate(("b", 0)) == "x.yaml:3"
    assert source.at("a").data == {"b": [Decimal("0.1"), {"c": Decimal(1000)}]}


def test_a_tag_that_would_run_code_is_plain_text():
    assert YamlSource.parse("a: !!python/object/apply:os.system [x]", "x.yaml").data == {"a": ["x"]}
