from dataclasses import replace

import pytest

from ovh_spawner.domain.resolution import parse_request, parse_update, resolve, update
from ovh_spawner.errors import InvalidSpecError
from tests.domain.building import CAPABILITIES, CPU, GIB, GPU, OTHER_GPU, context, spec_data


def chosen(resources):
    spec = resolve(parse_request(spec_data(resources=resources)), context())
    return spec.flavor, spec.count


def refusal(resources, **changes):
    with pytest.raises(InvalidSpecError) as refused:
        resolve(parse_request(spec_data(resources=resources)), context(**changes))
    return refused.value.problems


@pytest.mark.parametrize(
    ("resources", "flavor", "count"),
    [
        (None, "ai1-1-gpu", 1),
        ({}, "ai1-1-gpu", 1),
        ({"gpu": 4}, "ai1-1-gpu", 4),
        ({"cpu": 12}, "ai1-1-cpu", 12),
        ({"cpu": 3, "gpu": 0}, "ai1-1-cpu", 3),
        ({"cpu": 3, "gpu": None}, "ai1-1-cpu", 3),
        ({"flavorCount": 2}, "ai1-1-gpu", 2),
        ({"flavor": "ai1-1-cpu"}, "ai1-1-cpu", 1),
        ({"flavor": "ai1-1-cpu", "cpu": 5}, "ai1-1-cpu", 5),
        ({"flavor": "ai1-1-cpu", "flavorCount": 5}, "ai1-1-cpu", 5),
        ({"flavor": "ai1-le-1-gpu", "gpu": 2}, "ai1-le-1-gpu", 2),
    ],
)
def test_flavor_and_count_follow_from_what_was_asked(resources, flavor, count):
    assert chosen(resources) == (flavor, count)


def test_our_own_answer_for_gpus_is_accepted_back():
    answer = {
        "flavor": "ai1-1-gpu", "flavorCount": 2, "cpu": 26, "gpu": 2, "gpuBrand": "NVIDIA",
        "gpuModel": "Tesla-V100S",
        "gpuMemory": 32 * GIB, "memory": 80 * GIB, "ephemeralStorage": 80 * GIB, "privateNetwork": 0,
        "publicNetwork": 3_000_000_000,
    }  # fmt: skip

    assert chosen(answer) == ("ai1-1-gpu", 2)


def test_our_own_answer_for_cpus_is_accepted_back():
    answer = {
        "flavor": "ai1-1-cpu", "cpu": 6, "gpu": 0, "gpuBrand": None, "gpuModel": None, "gpuMemory": None,
        "memory": 24 * GIB, "ephemeralStorage": 240 * GIB, "privateNetwork": 0,
        "publicNetwork": 3_000_000_000,
    }  # fmt: skip

    assert chosen(answer) == ("ai1-1-cpu", 6)


@pytest.mark.parametrize(
    ("resources", "field", "said"),
    [
        ({"cpu": 0}, "resources.cpu", "0 is not allowed: 'ai1-1-cpu' gives 1 to 12 CPUs"),
        ({"cpu": 13}, "resources.cpu", "13 is not allowed: 'ai1-1-cpu' gives 1 to 12 CPUs"),
        ({"cpu": -1}, "resources.cpu", "-1 is not allowed"),
        ({"gpu": 5}, "resources.gpu", "5 is not allowed: 'ai1-1-gpu' gives 1 to 4 GPUs"),
        ({"gpu": 0}, "resources.gpu", "0 is not allowed"),
        ({"gpu": 10**90}, "resources.gpu", "a number of more than 77 digits is not allowed"),
        ({"flavorCount": 99}, "resources.flavorCount", "99 is not allowed: 'ai1-1-gpu' gives 1 to 4 units"),
        ({"cpu": 1, "gpu": 1}, "resources", "cpu 1 and gpu 1 cannot go together"),
        ({"flavor": "ai1-1-gpu", "cpu": 2, "gpu": 1}, "resources", "cpu 2 and gpu 1 cannot go together"),
        (
            {"flavor": "ai1-1-cpu", "cpu": 2, "gpu": 1},
            "resources.gpu",
            "1 does not fit 'ai1-1-cpu', which is a CPU flavor. Give cpu",
        ),
        (
            {"flavor": "ai1-1-cpu", "gpu": 1},
            "resources.gpu",
            "another flavor for GPUs: ai1-1-gpu, ai1-le-1-gpu",
        ),
        (
            {"flavor": "ai1-1-gpu", "cpu": 2},
            "resources.cpu",
            "2 does not fit 'ai1-1-gpu', which is a GPU flavor. Give gpu",
        ),
        ({"flavor": "ai1-1-cpu", "flavorCount": 2, "cpu": 3}, "resources", "say different things"),
        (
            {"flavor": "ai1-1-gpus"},
            "resources.flavor",
            "Did you mean 'ai1-1-gpu'? Allowed: ai1-1-gpu, ai1-1-cpu",
        ),
        ({"cpu": 2, "memory": 4 * GIB}, "resources.memory", f"2 × 'ai1-1-cpu' has {8 * GIB}. Leave it out."),
        ({"cpu": 2, "gpuModel": "A100"}, "resources.gpuModel", "'A100' cannot be chosen"),
        ({"cpu": 2, "ephemeralStorage": 1}, "resources.ephemeralStorage", "1 cannot be chosen"),
    ],
)
def test_what_cannot_be_is_refused_with_what_is_allowed(resources, field, said):
    (problem,) = refusal(resources)

    assert problem.field == field
    assert said in problem.message


def test_a_flavor_that_is_not_available_is_refused_with_the_reason_and_the_others():
    here = replace(CAPABILITIES, flavors=(replace(GPU, unavailable="This machine has no GPU."), CPU))

    for resources in (None, {"gpu": 1}, {"flavor": "ai1-1-gpu", "gpu": 1}):
        (problem,) = refusal(resources, capabilities=here)
        assert "This machine has no GPU. Available: ai1-1-cpu." in problem.message


def test_without_a_default_flavor_one_must_be_named():
    here = replace(CAPABILITIES, flavors=(OTHER_GPU,))

    (problem,) = refusal(None, capabilities=here)
    assert (problem.field, problem.message) == (
        "resources.flavor",
        "is required, for there is no default GPU flavor here.",
    )


def test_a_unit_of_several_cpus_is_counted_in_steps():
    big = replace(CPU, per_unit=replace(CPU.per_unit, cpu=4), max=3)
    here = replace(CAPABILITIES, flavors=(big,))

    spec = resolve(parse_request(spec_data(resources={"cpu": 8})), context(capabilities=here))
    assert spec.count == 2

    (problem,) = refusal({"cpu": 6}, capabilities=here)
    assert "gives 4 to 12 CPUs in steps of 4" in problem.message


def test_a_changed_count_keeps_the_flavor_of_its_kind():
    spec = resolve(parse_request(spec_data(resources={"flavor": "ai1-le-1-gpu", "gpu": 1})), context())

    more = update(spec, parse_update({"resources": {"gpu": 3}}), context())
    assert (more.flavor, more.count) == ("ai1-le-1-gpu", 3)

    counted = update(spec, parse_update({"resources": {"flavorCount": 2}}), context())
    assert (counted.flavor, counted.count) == ("ai1-le-1-gpu", 2)

    other = update(spec, parse_update({"resources": {"cpu": 3}}), context())
    assert (other.flavor, other.count) == ("ai1-1-cpu", 3)
