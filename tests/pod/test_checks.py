"""What the API would take and a cluster could not do is refused first, by field."""

import pytest

from ovh_spawner.domain.resolution import parse_request, resolve
from ovh_spawner.errors import InvalidSpecError
from ovh_spawner.pod.checks import check_spec
from tests.domain.building import context
from tests.pod.building import SPEC, volume

ENV = {"editorId": "jupyterlab", "frameworkId": "pytorch"}


def found(**changes):
    return [(p.field, p.message) for p in check_spec(SPEC.model_copy(update=changes))]


@pytest.mark.parametrize(
    "path", ["/opt", "/opt/framework", "/opt/framework/lib", "/opt/editors/jupyterlab", "/tmp", "/var"]
)
def test_a_volume_may_not_hide_the_image(path):
    ((field, message),) = found(volumes=(volume("/workspace/a", "RW"), volume(path, "RW")))

    assert field == "volumes[1].mountPath"
    assert message.startswith(f"'{path}' is not allowed: it would hide a part of the notebook's image.")


@pytest.mark.parametrize("path", ["/data", "/opt/mine", "/tmp/cache", "/home", "/workspace/x", "/var/lib/x"])
def test_a_volume_may_be_anywhere_else(path):
    assert found(volumes=(volume(path, "RW"),)) == []


@pytest.mark.parametrize(
    "name", ["NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES", "AMD_VISIBLE_DEVICES"]
)
def test_a_variable_may_not_take_cards_that_nobody_reserved(name):
    ((field, message),) = found(environment={"A": "1", name: "all"})

    assert field == "envVars[1].name"
    assert f"'{name}' is not allowed" in message


def refused(**request):
    with pytest.raises(InvalidSpecError) as error:
        resolve(
            parse_request({"env": ENV, **request}),
            context(mode="kubernetes", platform_check=check_spec),
        )
    return {problem.field for problem in error.value.problems}


@pytest.mark.parametrize(
    ("request_part", "field"),
    [
        ({"labels": {"group": "x" * 64}}, "labels.group"),
        ({"labels": {"x" * 64: "a"}}, "labels"),
        ({"labels": {"group": "not a label value"}}, "labels.group"),
        ({"labels": {f"l{n}": "a" for n in range(101)}}, "labels"),
        ({"name": "x" * 65}, "name"),
        ({"envVars": [{"name": "BIG", "value": "x" * 2**20}]}, "envVars"),
        ({"envVars": [{"name": "not a name", "value": ""}]}, "envVars[0].name"),
        ({"envVars": [{"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"}]}, "envVars[0].name"),
        (
            {"volumes": [{"mountPath": f"/workspace/{n}", "permission": "RW", "standalone": {}} for n in range(100)]},
            "volumes",
        ),
        ({"volumes": [{"mountPath": "/" + "x" * 63, "permission": "RW", "standalone": {}}]}, "volumes[0].mountPath"),
        ({"volumes": [{"mountPath": "/opt", "permission": "RW", "standalone": {}}]}, "volumes[0].mountPath"),
        ({"resources": {"flavor": "ai1-1-gpu", "gpu": 10**30}}, "resources.gpu"),
    ],
)  # fmt: skip
def test_what_a_cluster_would_refuse_is_refused_by_us_first(request_part, field):
    assert refused(**request_part) == {field}
