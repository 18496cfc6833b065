from datetime import UTC, datetime
from decimal import Decimal

import pytest

from ovh_spawner.catalog.loader import load_catalog
from ovh_spawner.catalog.yaml_source import YamlSource
from ovh_spawner.domain.flavors import FlavorType, Placement, Toleration
from ovh_spawner.errors import ConfigError

GIB = 2**30


def load(text="{}", region="GRA"):
    source = YamlSource.parse(text, "settings.yaml")
    return load_catalog(source.data, source=source, region=region)


def mistake(text):
    with pytest.raises(ConfigError) as refused:
        load(text)
    return str(refused.value)


@pytest.fixture(scope="module")
def shipped():
    return load_catalog({}, region="GRA")


def test_both_editors_are_shipped(shipped):
    assert [editor.id for editor in shipped.editors] == ["jupyterlab", "vscode"]
    assert [editor.strip_prefix for editor in shipped.editors] == [False, True]
    assert all("{socket}" in " ".join(editor.command) for editor in shipped.editors)


def test_the_eight_frameworks_of_the_first_service_are_shipped(shipped):
    assert {framework.id: framework.name for framework in shipped.frameworks} == {
        "autogluon-mxnet": "AutoGluon + MXNet",
        "fastai": "FastAI",
        "huggingface": "Hugging Face",
        "conda": "Miniconda",
        "mxnet": "MXNet",
        "one-for-all": "One image to rule them all",
        "pytorch": "PyTorch",
        "tensorflow": "TensorFlow",
    }
    assert all(framework.versions for framework in shipped.frameworks)
    assert all(framework.saved_paths == ("/workspace",) for framework in shipped.frameworks)


def test_both_flavors_are_shipped_with_limits_and_prices(shipped):
    gpu, cpu = shipped.flavors

    assert (gpu.id, gpu.max, gpu.per_unit.gpu, gpu.per_unit.cpu) == ("ai1-1-gpu", 4, 1, 13)
    assert (gpu.per_unit.memory, gpu.gpu.memory, gpu.gpu.model) == (40 * GIB, 32 * GIB, "Tesla-V100S")
    assert (cpu.id, cpu.max, cpu.per_unit.gpu, cpu.per_unit.cpu) == ("ai1-1-cpu", 12, 0, 1)
    assert (cpu.per_unit.memory, cpu.per_unit.ephemeral_storage) == (4 * GIB, 40 * GIB)
    assert [flavor.prices[-1].per_hour for flavor in (gpu, cpu)] == [Decimal("1.93"), Decimal("0.03")]
    assert shipped.default_flavor(FlavorType.GPU) is gpu
    assert shipped.default_flavor(FlavorType.CPU) is cpu


def test_both_regions_are_shipped():
    assert [load(region=region).region for region in ("GRA", "BHS")] == ["GRA", "BHS"]
    assert load().currency == "EUR"


def test_another_region_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"deployment.region: .*Did you mean 'GRA'\? Allowed: GRA, BHS"):
        load(region="gra")


def test_an_override_changes_what_it_names_and_nothing_else():
    flavor = load("flavors: {ai1-1-gpu: {max: 2, perUnit: {cpu: 8}}}").flavor("ai1-1-gpu")

    assert (flavor.max, flavor.per_unit.cpu, flavor.per_unit.memory) == (2, 8, 40 * GIB)


def test_null_removes_an_entry():
    catalog = load("frameworks: {mxnet: null, fastai: ~}\nregions: {BHS: null}")

    assert catalog.framework("mxnet") is None
    assert catalog.framework("fastai") is None
    assert catalog.framework("conda") is not None


def test_a_new_entry_joins_the_shipped_ones():
    catalog = load(
        """
        regions: {LAB: {name: Our lab, currency: CHF}}
        frameworks:
          sklearn: {name: scikit-learn, versions: [sklearn1.3.0-py311-cpu], incompatibleEditors: [vscode]}
        flavors:
          l4-1-gpu:
            type: gpu
            max: 4
            perUnit: {cpu: 20, gpu: 1, memory: 80 GiB, ephemeralStorage: 1.5TiB}
            gpu: {brand: NVIDIA, model: L4, memory: 24 gib}
            prices:
              - {validFrom: 2026-05-01T00:00:00+02:00, perHour: 0.75}
              - {validFrom: 2025-01-01, perHour: 1}
        """,
        region="LAB",
    )

    flavor = catalog.flavor("l4-1-gpu")
    assert catalog.currency == "CHF"
    assert catalog.framework("sklearn").incompatible_editors == {"vscode"}
    assert flavor.per_unit.ephemeral_storage == 1536 * GIB
    assert [(price.valid_from, price.per_hour) for price in flavor.prices] == [
        (datetime(2025, 1, 1, tzinfo=UTC), Decimal(1)),
        (datetime(2026, 4, 30, 22, tzinfo=UTC), Decimal("0.75")),
    ]


def test_a_flavor_says_where_its_notebooks_run_in_a_cluster():
    placement = (
        load(
            """
            flavors:
              ai1-1-gpu:
                kubernetes:
                  gpuResource: amd.com/gpu
                  nodeSelector: {card: v100s, zone: a}
                  tolerations: [{key: gpu, operator: Exists, effect: NoSchedule}]
                  runtimeClass: nvidia
            """
        )
        .flavor("ai1-1-gpu")
        .placement
    )

    assert placement == Placement(
        gpu_resource="amd.com/gpu",
        node_selector=(("card", "v100s"), ("zone", "a")),
        tolerations=(Toleration(key="gpu", operator="Exists", effect="NoSchedule"),),
        runtime_class="nvidia",
    )
    assert load().flavor("ai1-1-gpu").placement == Placement()


GPU = "flavors:\n  ai1-1-gpu:\n    "
TWICE = "- {validFrom: 2026-01-01, perHour: 1}\n    - {validFrom: 2026-01-01, perHour: 2}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("flavor:\n  x: {}", "1: flavor: The key 'flavor' is not known here. Did you mean 'flavors'?"),
        ("flavors:\n- x", "1: flavors: must be a mapping from an id"),
        ("flavors:\n  ai1-1-gpu: 3", "2: flavors.ai1-1-gpu: must be a mapping, or null"),
        (
            GPU + "max: 2\n    prise: 3",
            "4: flavors.ai1-1-gpu.prise: The key 'prise' is not known here. Did you mean 'pri",
        ),
        (
            "flavors:\n  new:\n    max: 3\n    typ: gpu",
            "4: flavors.new.typ: The key 'typ' is not known here. Did you mean 'type'?",
        ),
        (GPU + "max: four", "3: flavors.ai1-1-gpu.max: must be"),
        (GPU + "max: 0", "3: flavors.ai1-1-gpu.max: must be at least 1, not 0."),
        (
            GPU + "perUnit:\n      memory: 40 GB",
            "4: flavors.ai1-1-gpu.perUnit.memory: a size is a number of bytes",
        ),
        (
            GPU + "prices:\n    - validFrom: 2026-01-01\n    - perHour: 1",
            "4: flavors.ai1-1-gpu.prices[0].perHour: is required.",
        ),
        (
            GPU + "prices:\n    - {validFrom: tomorrow, perHour: 1}",
            "4: flavors.ai1-1-gpu.prices[0].validFrom: a date is written 2026-01-31",
        ),
        (
            GPU + "prices:\n    - {validFrom: 2026-01-01, perHour: -1}",
            "prices[0].perHour: must be at least 0, not -1.",
        ),
        (GPU + "prices:\n    " + TWICE, "3: flavors.ai1-1-gpu.prices: two prices hold from the same instant"),
        (GPU + "perUnit: {gpu: 0}", "3: flavors.ai1-1-gpu.perUnit.gpu: A GPU flavor has at least 1 here."),
        ("flavors:\n  ai1-1-cpu:\n    perUnit: {gpu: 2}", "A CPU flavor has 0 here."),
        ("flavors:\n  new:\n    max: 3", "2: flavors.new.type: is required."),
        (
            "frameworks:\n  pytorch:\n    incompatibleEditors: [vscod]",
            "3: frameworks.pytorch.incompatibleEditors[0]: Editor 'vscod' is not known. Did you mean 'vs",
        ),
        (
            "frameworks:\n  pytorch:\n    versions: []",
            "3: frameworks.pytorch.versions: must have at least 1 entr",
        ),
        (
            "frameworks:\n  pytorh: null",
            "2: frameworks.pytorh: Nothing to remove: 'pytorh' is not known. Did you",
        ),
        (
            "editors:\n  vscode:\n    command: ['{sock}']",
            "3: editors.vscode.command: {sock} is no placeholder; allo",
        ),
        ("editors:\n  vscode:\n    command: ['{editor']", "3: editors.vscode.command: "),
        (
            "frameworks:\n  My_Framework: {name: x, versions: [a]}",
            "2: frameworks.My_Framework: images and labels are named by an id: 1 to 63 lower-case letters",
        ),
        (
            "frameworks:\n  pytorch:\n    versions: [ok, 'not ok']",
            "3: frameworks.pytorch.versions[1]: a version names an image: 1 to 80 letters",
        ),
        (
            GPU + "kubernetes:\n      nodeSelecter: {}",
            "4: flavors.ai1-1-gpu.kubernetes.nodeSelecter: The key 'nodeSelecter' is not known here. Did you mean",
        ),
        (
            GPU + "kubernetes:\n      gpuResource: nvidia",
            "4: flavors.ai1-1-gpu.kubernetes.gpuResource: must have",
        ),
        (
            GPU + "kubernetes:\n      tolerations:\n      - {key: a, operator: Exists, value: b}",
            "5: flavors.ai1-1-gpu.kubernetes.tolerations[0]: the operator Exists goes without a value",
        ),
        (
            GPU
            + "kubernetes:\n      tolerations:\n      - {key: a, effect: NoSchedule, tolerationSeconds: 3}",
            "tolerations[0]: tolerationSeconds goes with the effect NoExecute only",
        ),
        (
            GPU + "kubernetes:\n      tolerations:\n      - {effect: NoSchedule}",
            "tolerations[0]: a toleration without a key tolerates everything",
        ),
        ("regions:\n  LAB: {name: x, currency: Euro}", "2: regions.LAB.currency: must have the form"),
    ],
)
def test_a_mistake_is_named_by_file_line_place_and_nearest_key(text, said):
    assert said in mistake(text).replace("settings.yaml:", "").replace("catalog.", "")


def test_two_defaults_of_one_kind_are_refused():
    text = """
    flavors:
      big:
        {type: cpu, max: 1, default: true, perUnit: {cpu: 9, memory: 1, ephemeralStorage: 1},
         prices: [{validFrom: 2026-01-01, perHour: 1}]}
    """

    assert "ai1-1-cpu and big are both the default of CPU flavors. Keep one." in mistake(text)


def test_without_a_source_a_mistake_is_named_by_place():
    with pytest.raises(ConfigError) as refused:
        load_catalog({"flavors": {"new": {"max": 3}}}, region="GRA")

    assert str(refused.value).startswith("catalog.flavors.new.type: is required.")


def test_an_entry_that_names_a_removed_editor_is_pointed_out():
    text = (
        "editors: {vscode: null}\nframeworks: {mine: {name: x, versions: [a], incompatibleEditors: [vscode]}}"
    )

    assert mistake(text).startswith("settings.yaml:2: catalog.frameworks.mine.incompatibleEditors[0]")
