"""The spawn form's pure parts: from a post to the API's shape, and from its answers back to the fields."""

import pytest

from ovh_spawner.contract.notebooks import SpawnPage
from ovh_spawner.errors import Problem
from ovh_spawner.hub.form import values_for_page, values_from_post
from ovh_spawner.hub.form_problems import by_field, place_problems
from ovh_spawner.hub.form_request import build_request, find_duplicates
from tests.support.fake_service import FakeService

POST = {
    "name": [" my notebook "],
    "editor": ["fake"],
    "framework": ["conda/1"],
    "flavor": ["gpu"],
    "count": ["2"],
    "access": ["open"],
    "volume-0-store": ["DEMO"], "volume-0-bucket": ["books"], "volume-0-prefix": ["2024/"],
    "volume-0-path": ["/workspace/books"], "volume-0-permission": ["RWD"],
    "volume-7-store": ["DEMO"], "volume-7-bucket": ["films"], "volume-7-prefix": [""],
    "volume-7-path": ["/workspace/films"], "volume-7-permission": ["R"],
    "git-0-url": ["https://host/a/b.git"], "git-0-ref": ["main"], "git-0-path": ["/workspace/code"],
    "env-0-name": ["A"], "env-0-value": [" spaces stay "],
    "label-0-name": ["team"], "label-0-value": ["red"],
}  # fmt: skip


def page(**changes) -> SpawnPage:
    return SpawnPage.model_validate({**FakeService().spawn_page("alice", "nb-one"), **changes})


def test_a_post_becomes_the_apis_shape():
    assert build_request(values_from_post(POST, page()), page()) == {
        "env": {"editorId": "fake", "frameworkId": "conda", "frameworkVersion": "1"},
        "name": "my notebook",
        "resources": {"flavor": "gpu", "gpu": 2},
        "unsecureHttp": True,
        "volumes": [
            {
                "mountPath": "/workspace/books",
                "permission": "RWD",
                "dataStore": {"alias": "DEMO", "container": "books", "prefix": "2024/"},
            },
            {
                "mountPath": "/workspace/films",
                "permission": "R",
                "dataStore": {"alias": "DEMO", "container": "films"},
            },
            {
                "mountPath": "/workspace/code",
                "permission": "RW",
                "publicGit": {"url": "https://host/a/b.git", "ref": "main"},
            },
        ],
        "envVars": [{"name": "A", "value": " spaces stay "}],
        "labels": {"team": "red"},
    }


def test_what_the_form_shows_of_a_spec_becomes_the_same_spec_again():
    spec = build_request(values_from_post(POST, page()), page())
    spec |= {
        "sshPublicKeys": ["ssh-ed25519 AAAA"],
        "volumes": [*spec["volumes"], {"mountPath": "/workspace/kept", "permission": "RW", "standalone": {}}],
    }
    filled = page(spec=spec)

    assert build_request(values_for_page(filled), filled) == spec


def test_a_repository_with_all_its_history_stays_one():
    post = POST | {"git-0-history": ["all"]}
    spec = build_request(values_from_post(post, page()), page())
    filled = page(spec=spec)

    assert spec["volumes"][2]["publicGit"]["full"] is True
    assert build_request(values_for_page(filled), filled) == spec


def test_ssh_keys_are_shown_and_typed_where_notebooks_are_reached_over_ssh():
    spec = build_request(values_from_post(POST, page()), page()) | {"sshPublicKeys": ["ssh-ed25519 AAAA"]}
    filled = page(spec=spec, hasSsh=True)
    values = values_for_page(filled)
    typed = values_from_post(POST | {"ssh-0-key": [" ssh-rsa BBBB me "], "ssh-1-key": [""]}, filled)

    assert values.rows["ssh"] == [{"key": "ssh-ed25519 AAAA"}]
    assert build_request(values, filled) == spec
    assert build_request(typed, filled)["sshPublicKeys"] == ["ssh-rsa BBBB me"]
    (placed,) = place_problems([Problem("sshPublicKeys[0]", "is no key.")], typed)
    assert (placed.id, placed.label) == ("ssh-0-key", "SSH key 1, key")


def test_labels_of_the_platform_are_not_for_typing():
    filled = page(spec={"labels": {"ovh/id": "1", "team": "red"}})

    assert values_for_page(filled).rows["label"] == [{"name": "team", "value": "red"}]


def test_empty_rows_are_nothing():
    post = {
        "volume-0-store": ["DEMO"],
        "volume-0-bucket": [" "],
        "volume-0-permission": ["R"],
        "env-3-name": [""],
    }

    assert build_request(values_from_post(post, page()), page())["volumes"] == []
    assert values_from_post(post, page()).rows["env"] == []


@pytest.mark.parametrize("typed", ["two", "-1", "1.5", "99999999999999999999", "²"])
def test_a_count_that_is_no_number_goes_on_as_typed(typed):
    request = build_request(values_from_post(POST | {"count": [typed]}, page()), page())

    assert request["resources"]["gpu"] == typed


def test_unknown_and_hostile_fields_are_ignored():
    post = {"volume-0-evil": ["x"], "volume-99999999-bucket": ["x"], "disk-0-path": ["x"], "__proto__": ["x"]}

    assert values_from_post(post, page()).rows == {
        "volume": [],
        "git": [],
        "env": [],
        "label": [],
        "ssh": [],
    }


def test_the_first_choice_is_a_gpu_while_there_are_any_free():
    assert values_for_page(page()).fields["flavor"] == "gpu"
    assert values_for_page(page(gpusUsed=4)).fields["flavor"] == "cpu"
    assert values_for_page(page()).fields["editor"] == "fake"
    assert values_for_page(page()).fields["framework"] == "conda/1"


def test_rows_come_and_go_without_scripts():
    values = values_from_post(POST, page(), keep_empty=True).with_row("volume").with_row("nonsense")

    assert [row["bucket"] for row in values.rows["volume"]] == ["books", "films", ""]
    assert [row["bucket"] for row in values.without_row("volume-0").rows["volume"]] == ["films", ""]
    assert values.without_row("volume-x") == values


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("env.editorId", "editor"),
        ("env.frameworkVersion", "framework"),
        ("resources.gpu", "count"),
        ("resources", "count"),
        ("resources.flavor", "flavor"),
        ("unsecureHttp", "access"),
        ("name", "name"),
        ("volumes[0].mountPath", "volume-0-path"),
        ("volumes[1].dataStore.container", "volume-1-bucket"),
        ("volumes[1].permission", "volume-1-permission"),
        ("volumes[2].publicGit.ref", "git-0-ref"),
        ("volumes[2].mountPath", "git-0-path"),
        ("volumes[2]", "git-0-url"),
        ("volumes[9].mountPath", "volumes"),
        ("volumes", "volumes"),
        ("envVars[0].value", "env-0-value"),
        ("envVars", "variables"),
        ("labels.team", "label-0-name"),
        ("labels", "labels"),
        ("", ""),
        ("sshPublicKeys[0]", ""),
    ],
)
def test_each_problem_finds_its_field(field, expected):
    (placed,) = place_problems([Problem(field, "is wrong.")], values_from_post(POST, page()))

    assert placed.id == expected
    assert by_field([placed]) == {expected: ["is wrong."]}


def test_a_problem_without_a_field_on_the_form_keeps_the_apis_word():
    (placed,) = place_problems([Problem("sshPublicKeys[0]", "is no key.")], values_from_post(POST, page()))

    assert placed.label == "sshPublicKeys[0]"


def test_a_label_given_twice_is_found_before_the_shape_hides_it():
    values = values_from_post(POST | {"label-1-name": ["team"], "label-1-value": ["blue"]}, page())

    (problem,) = find_duplicates(values)
    assert problem.field == "label-1-name"
    assert place_problems([problem], values)[0].id == "label-1-name"
