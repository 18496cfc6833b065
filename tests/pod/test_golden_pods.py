"""Pods as reviewed files: one in full, the others as their differences from it. ``UPDATE_GOLDEN=1`` rewrites them."""

from itertools import product

import pytest

from ovh_spawner.catalog.loader import load_catalog
from ovh_spawner.pod.plan import plan_pod
from ovh_spawner.settings import Settings
from ovh_spawner.settings_ssh import SshSettings
from tests.pod.building import CATALOG, SETTINGS, VOLUMES, as_yaml, differences, request, volume
from tests.support.golden import GOLDEN, assert_golden

OPERATOR = Settings.model_validate(
    {
        "kubernetes": {
            "images": {
                "repository": "images.test/ai",
                "tag": "2",
                "pullPolicy": "Always",
                "pullSecrets": ["key"],
            },
            "placement": {
                "nodeSelector": {"pool": "notebooks"},
                "tolerations": [{"key": "notebooks", "operator": "Exists", "effect": "NoSchedule"}],
                "runtimeClass": "sandboxed",
                "priorityClass": "notebooks",
            },
            "gateway": {"cpu": "500m", "memory": "1Gi", "ephemeralStorage": "1Gi"},
            "stopGraceSeconds": 600,
            "queueName": "notebooks",
        }
    }
)
FLAVOR = {
    "kubernetes": {
        "gpuResource": "amd.com/gpu",
        "nodeSelector": {"card": "mi300"},
        "tolerations": [{"key": "card", "value": "mi300", "effect": "NoExecute", "tolerationSeconds": 60}],
        "runtimeClass": "gpu",
        "priorityClass": "gpu",
    }
}  # fmt: skip
COMBINATIONS = {
    f"{flavor.id}-{editor.id}-{'open' if is_open else 'restricted'}": {
        "flavor": flavor.id, "editor": editor.id, "open_access": is_open,
    }
    for flavor, editor, is_open in product(CATALOG.flavors, CATALOG.editors, (False, True))
}  # fmt: skip
VARIANTS = {
    **COMBINATIONS,
    "most-gpus": {"count": 4},
    "most-cpus": {"flavor": "ai1-1-cpu", "count": 12},
    "volumes": {"volumes": VOLUMES, "has_pull": True},
    "volume-at-data": {"volumes": (volume("/data", "RW"),), "has_pull": True},
    "operator": {"settings": OPERATOR},
    "flavor-with-placement": {
        "settings": OPERATOR,
        "capabilities": load_catalog({"flavors": {"ai1-1-gpu": FLAVOR}}, region="GRA"),
    },
    "ssh": {"settings": SETTINGS.model_copy(update={"ssh": SshSettings(enabled=True)})},
    "odd-prefix": {"prefix": "/user/a%7Bb%7D$(HOME)${X}$$/nb-abcdefghijkl/"},
}


def test_the_plain_pod_is_as_reviewed():
    assert_golden("pods/base.yaml", as_yaml(plan_pod(request())))


@pytest.mark.parametrize("name", VARIANTS)
def test_other_pods_differ_from_it_as_reviewed(name):
    text = differences(plan_pod(request()), plan_pod(request(**VARIANTS[name])))

    assert_golden(f"pods/{name}.diff", text)


def test_no_reviewed_file_is_left_over():
    assert {path.stem for path in (GOLDEN / "pods").glob("*.diff")} == set(VARIANTS)
