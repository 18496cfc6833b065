import pytest

from ovh_spawner.domain.labels import LabelSelector, check_labels, platform_labels
from ovh_spawner.errors import InvalidSpecError
from tests.domain.building import NOTEBOOK


def test_the_platform_labels_name_the_notebook_and_its_kind():
    assert platform_labels(NOTEBOOK) == {"ovh/id": str(NOTEBOOK), "ovh/type": "notebook"}


@pytest.mark.parametrize(
    "labels",
    [
        {"team": "red"},
        {"a": ""},
        {"x.y_z-0": "1.0"},
        {"example.com/team": "red"},
        {"n" * 63: "v" * 63},
        {"gone": None},
    ],
)
def test_good_labels_have_no_problem(labels):
    assert check_labels(labels) == []


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({"": "x"}, "no label name"),
        ({"-a": "x"}, "no label name"),
        ({"a b": "x"}, "no label name"),
        ({"n" * 64: "x"}, "no label name"),
        ({"a/b/c": "x"}, "no label name"),
        ({"é": "x"}, "no label name"),
        ({"a\n": "x"}, "no label name"),
        ({"team": "v" * 64}, "no label value"),
        ({"team": "red blue"}, "no label value"),
        ({"team": "red\n"}, "no label value"),
        ({"ovh/id": "x"}, "reserved"),
        ({"ovh/anything": ""}, "reserved"),
        ({f"l{n}": "" for n in range(101)}, "101 labels are too many; at most 100"),
    ],
)
def test_a_bad_label_is_named_with_what_is_allowed(labels, said):
    (problem,) = check_labels(labels)

    assert said in problem.message
    assert problem.field.startswith("labels")


def test_a_selector_matches_when_every_pair_does():
    selector = LabelSelector.parse("team=red, stage=test")

    assert selector.matches({"team": "red", "stage": "test", "more": "x"})
    assert not selector.matches({"team": "red"})
    assert not selector.matches({"team": "red", "stage": "live"})


def test_an_empty_selector_matches_everything():
    assert LabelSelector.parse("").matches({})
    assert LabelSelector.parse("  ").matches({"team": "red"})


def test_a_selector_may_ask_for_platform_labels_and_empty_values():
    selector = LabelSelector.parse(f"ovh/id={NOTEBOOK},mark=")

    assert selector.matches(platform_labels(NOTEBOOK) | {"mark": ""})


@pytest.mark.parametrize("text", ["team", "team=red,", "=red", "a b=c", "team=red=blue", ",", "team!=red"])
def test_a_malformed_selector_is_refused(text):
    with pytest.raises(InvalidSpecError) as refused:
        LabelSelector.parse(text)

    assert refused.value.problems[0].field == "labelSelector"
