import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ovh_spawner.domain.resolution import parse_request, parse_update, resolve, update
from ovh_spawner.domain.spec import NotebookSpec
from ovh_spawner.domain.states import Door
from ovh_spawner.errors import InvalidSpecError
from tests.domain.building import KEY, NOTEBOOK, context, git_volume, spec_data, store_volume


def resolved(context_changes=None, current=None, **changes):
    return resolve(parse_request(spec_data(**changes)), context(**(context_changes or {})), current)


def problems_of(action, *args, **kwargs):
    with pytest.raises(InvalidSpecError) as refused:
        action(*args, **kwargs)
    return [(problem.field, problem.message) for problem in refused.value.problems]


def test_the_smallest_request_gets_every_default():
    spec = resolve(parse_request({"env": {"editorId": "jupyterlab", "frameworkId": "conda"}}), context())

    assert spec == NotebookSpec(
        name="jupyterlab-inspiring",
        editor="jupyterlab",
        framework="conda",
        framework_version="conda-py311-cpu",
        flavor="ai1-1-gpu",
        count=1,
    )


def test_a_full_request_is_taken_as_it_is():
    spec = resolved(
        name="My first notebook",
        env={"editorId": "vscode", "frameworkId": "conda", "frameworkVersion": "conda-py310-cpu"},
        envVars=[{"name": "API_KEY", "value": "s3cret"}],
        labels={"team": "red", "gone": None},
        sshPublicKeys=[f" {KEY}\n", KEY],
        timeoutAutoRestart=True,
        unsecureHttp=True,
        volumes=[store_volume(), git_volume()],
    )

    assert spec.name == "My first notebook"
    assert spec.framework_version == "conda-py310-cpu"
    assert spec.environment["API_KEY"].get_secret_value() == "s3cret"
    assert spec.labels == {"team": "red"}
    assert spec.ssh_public_keys == (KEY,)
    assert spec.timeout_auto_restart
    assert spec.open_access
    assert "s3cret" not in repr(spec)


def test_every_problem_is_reported_together():
    found = problems_of(
        resolved,
        name="\x07",
        env={"editorId": "jupyterlap", "frameworkId": "pytorch", "frameworkVersion": "9"},
        resources={"cpu": 13},
        volumes=[store_volume("relative", "X", alias="NOPE")],
        labels={"ovh/id": "mine"},
        envVars=[{"name": "HOME", "value": "s3cret"}],
        sshPublicKeys=["nonsense"],
    )

    assert [field for field, _ in found] == [
        "env.editorId", "env.frameworkVersion", "resources.cpu", "name", "volumes[0].mountPath",
        "volumes[0].permission", "volumes[0].dataStore.alias", "envVars[0].name", "labels.ovh/id",
        "sshPublicKeys[0]",
    ]  # fmt: skip
    assert "s3cret" not in str(found)


@pytest.mark.parametrize(
    ("env", "field", "said"),
    [
        ({"editorId": "jupyter"}, "env.editorId",
         "'jupyter' is not known. Did you mean 'jupyterlab'? Allowed: jupyterlab, vs"),
        ({"editorId": "broken"}, "env.editorId", "cannot be used here: Run `make broken`."),
        ({"frameworkId": "torch"}, "env.frameworkId", "Did you mean 'pytorch'? Allowed: conda, pytorch."),
        ({"frameworkId": "mxnet"}, "env.frameworkId", "cannot be used here: It is not installed."),
        ({"frameworkVersion": "conda-py39"}, "env.frameworkVersion", "Allowed: conda-py311-cpu, conda-py310"),
        ({"frameworkId": "pytorch", "editorId": "vscode"}, "env.editorId", "Allowed with it: jupyterlab,"),
    ],
)  # fmt: skip
def test_software_that_cannot_be_is_refused(env, field, said):
    ((where, message),) = problems_of(resolved, env={"editorId": "jupyterlab", "frameworkId": "conda"} | env)

    assert where == field
    assert said in message


@pytest.mark.parametrize("name", ["", "   ", "x" * 65, "a\nb", "a\x00", "\u202e"])
def test_a_name_that_cannot_be_shown_is_refused(name):
    assert problems_of(resolved, name=name)[0][0] == "name"


def test_a_name_may_be_in_any_script_and_loses_outer_blanks():
    assert resolved(name="  Übung 三 ").name == "Übung 三"
    assert resolved(name="x" * 64).name == "x" * 64


@pytest.mark.parametrize(
    "name",
    ["JUPYTERHUB_API_TOKEN", "OVH_X", "NOTEBOOK_ID", "LD_PRELOAD", "HOME", "PATH", "USER", "SHELL",
     "BASH_ENV", "PYTHONHOME"],
)  # fmt: skip
def test_the_platforms_variables_are_refused(name):
    ((field, message),) = problems_of(resolved, envVars=[{"name": name, "value": "s3cret"}])

    assert field == "envVars[0].name"
    assert message == f"{name!r} is set by the platform. Choose another name."


@pytest.mark.parametrize(
    ("variables", "field", "said"),
    [
        ([("1A", "x")], "envVars[0].name", "no name of a variable"),
        ([("A-B", "x")], "envVars[0].name", "no name of a variable"),
        ([("", "x")], "envVars[0].name", "no name of a variable"),
        ([("A\n", "x")], "envVars[0].name", "no name of a variable"),
        ([("A", "x"), ("A", "y")], "envVars[1].name", "'A' is set twice"),
        ([("A", "s3cret\0")], "envVars[0].value", "NUL"),
        ([("A", "s3cret" * 11_000)], "envVars", "66003 bytes are too many; at most 65536"),
    ],
)
def test_a_variable_that_cannot_be_is_refused(variables, field, said):
    data = [{"name": name, "value": value} for name, value in variables]
    ((where, message),) = problems_of(resolved, envVars=data)

    assert where == field
    assert said in message
    assert "s3cret" not in message


def test_variables_do_not_pass_the_hubs_door_and_the_old_ones_stay():
    hub = {"door": Door.HUB}
    ((field, message),) = problems_of(resolved, hub, envVars=[{"name": "A", "value": "s3cret"}])
    assert field == "envVars"
    assert "POST /services/ai/v1/notebook" in message

    before = resolved(envVars=[{"name": "A", "value": "s3cret"}])
    after = resolved(hub, before, envVars=[])
    assert after.environment == before.environment
    assert resolved({"door": Door.FORM}, before).environment == {}


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("", "no public key of a known type"),
        ("s3cret", "no public key of a known type"),
        ("ssh-dss AAAA", "no public key of a known type"),
        ("ssh-ed25519", "damaged"),
        ("ssh-ed25519 AAAA", "damaged"),
        ("ssh-ed25519 s3cret!", "damaged"),
        ("ssh-rsa " + KEY.split()[1], "damaged"),
        (KEY + "\nssh-rsa AAAA", "several lines"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\ns3cret", "is a private key"),
        ('command="x" ' + KEY, "no public key of a known type"),
    ],
)
def test_a_key_that_is_none_is_refused_and_not_repeated(key, said):
    ((field, message),) = problems_of(resolved, sshPublicKeys=[KEY, key])

    assert field == "sshPublicKeys[1]"
    assert said in message
    assert "s3cret" not in message


def test_more_than_ten_keys_are_refused():
    assert problems_of(resolved, sshPublicKeys=[KEY] * 11) == [
        ("sshPublicKeys", "11 keys are too many; at most 10 are allowed.")
    ]


def test_the_platforms_own_labels_come_back_with_an_update_when_they_are_right():
    spec = resolved(labels={"team": "red"})
    back = {"ovh/id": str(NOTEBOOK), "ovh/type": "notebook", "team": "blue"}

    changed = update(spec, parse_update({"labels": back}), context(notebook_id=NOTEBOOK))
    assert changed.labels == {"team": "blue"}

    wrong = parse_update({"labels": {"ovh/type": "job"}})
    ((field, message),) = problems_of(update, spec, wrong, context(notebook_id=NOTEBOOK))
    assert field == "labels.ovh/type"
    assert "reserved" in message


def test_an_update_changes_what_it_names_and_nothing_else():
    spec = resolved(name="before", labels={"team": "red"}, sshPublicKeys=[KEY], volumes=[store_volume()])

    assert update(spec, parse_update({}), context()) == spec
    assert update(spec, parse_update({"labels": None, "volumes": None}), context()) == spec

    changed = update(
        spec,
        parse_update(
            {
                "name": "after", "labels": {}, "sshPublicKeys": [], "volumes": [], "unsecureHttp": True,
                "timeoutAutoRestart": True, "frameworkVersion": "conda-py310-cpu",
                "envVars": [{"name": "A", "value": "b"}],
            }
        ),
        context(),
    )  # fmt: skip
    assert changed.name == "after"
    assert (changed.labels, changed.ssh_public_keys, changed.volumes) == ({}, (), ())
    assert changed.open_access
    assert changed.timeout_auto_restart
    assert changed.framework_version == "conda-py310-cpu"
    assert changed.environment["A"].get_secret_value() == "b"
    assert (changed.flavor, changed.count) == (spec.flavor, spec.count)


def test_an_update_reports_every_problem_together():
    change = parse_update(
        {"name": "", "frameworkVersion": "x", "resources": {"cpu": 99}, "labels": {"-": ""}}
    )

    found = problems_of(update, resolved(), change, context())

    assert [field for field, _ in found] == ["name", "frameworkVersion", "resources.cpu", "labels"]


def test_a_notebook_keeps_a_version_that_is_no_longer_offered():
    spec = resolved().model_copy(update={"framework_version": "conda-py38-cpu"})
    gone = spec.model_copy(update={"framework": "gone"})
    same = parse_update({"frameworkVersion": "conda-py38-cpu"})

    assert update(spec, same, context()) == spec
    assert update(gone, same, context()) == gone
    assert problems_of(update, gone, parse_update({"frameworkVersion": "x"}), context()) == [
        ("frameworkVersion", "cannot change: framework 'gone' is no longer offered here.")
    ]


def test_a_notebook_keeps_its_name_and_volume_ids_when_it_is_asked_for_again():
    before = resolved(name="kept", volumes=[store_volume()])

    after = resolved(None, before, volumes=[store_volume(permission="RW")])

    assert after.name == "kept"
    assert after.volumes[0].id == before.volumes[0].id


@pytest.mark.parametrize(
    ("data", "field", "message"),
    [
        (None, "", "must be an object, not null."),
        ([], "", "must be an object, not a list."),
        ({}, "env", "is required."),
        ({"env": {}}, "env.editorId", "is required."),
        (spec_data(resources={"cpu": "2"}), "resources.cpu", "must be a whole number, not '2'."),
        (spec_data(resources={"cpu": 2.0}), "resources.cpu", "must be a whole number, not 2.0."),
        (spec_data(resources={"cpu": float("nan")}), "resources.cpu", "must be a whole number, not nan."),
        (spec_data(resources={"cpu": True}), "resources.cpu", "must be a whole number, not true."),
        (spec_data(unsecureHttp="yes"), "unsecureHttp", "must be true or false, not 'yes'."),
        (spec_data(unsecureHttp=1), "unsecureHttp", "must be true or false, not 1."),
        (spec_data(name=7), "name", "must be text, not 7."),
        (spec_data(labels=["a"]), "labels", "must be an object, not a list."),
        (spec_data(labels={"a": 1}), "labels.a", "must be text, not 1."),
        (spec_data(volumes={}), "volumes", "must be a list, not an object."),
        (spec_data(volumes=[7]), "volumes[0]", "must be an object, not 7."),
        (spec_data(volumes=[{"permission": "RO"}]), "volumes[0].mountPath", "is required."),
        (spec_data(envVars="A=s3cret"), "envVars", "must be a list."),
        (spec_data(envVars=[{"name": "A", "value": 53}]), "envVars[0].value", "must be text."),
        (spec_data(name="\udc80"), "name", "must be text that UTF-8 can hold."),
        (
            spec_data(nmae="x"),
            "",
            (
                "The key 'nmae' is not known here. Did you mean 'name'? Allowed: env, envVars, labels, name, "
                "resources, sshPublicKeys, timeoutAutoRestart, unsecureHttp, volumes."
            ),
        ),
        (
            spec_data(volumes=[store_volume(aliass="x")]),
            "volumes[0].dataStore",
            (
                "The key 'aliass' is not known here. Did you mean 'alias'? Allowed: alias, container, "
                "prefix, archive, internal."
            ),
        ),
        (
            spec_data(env={"editor_id": "jupyterlab", "frameworkId": "conda"}),
            "env.editorId",
            "is required.",
        ),
    ],
)  # fmt: skip
def test_wrong_shapes_are_named_by_place_value_and_what_is_allowed(data, field, message):
    assert problems_of(parse_request, data)[0] == (field, message)


def test_a_flood_of_unknown_keys_gets_a_short_answer():
    found = problems_of(parse_request, spec_data(**{f"k{n}": 1 for n in range(1000)}))

    assert len(found) == 51
    assert found[-1] == ("", "950 more problems are not listed.")


# Half characters too: JSON can name them.
texts = st.text(st.characters(exclude_categories=()), max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
volume_like = st.fixed_dictionaries(
    {},
    optional={
        "mountPath": texts | json_values,
        "permission": st.sampled_from(["R", "rwd", "?"]) | json_values,
        "cache": json_values,
        "dataStore": st.fixed_dictionaries(
            {"alias": st.just("DEMO") | texts, "container": texts}, optional={"prefix": texts}
        ),
        "publicGit": st.fixed_dictionaries(
            {"url": texts | texts.map("https://".__add__)}, optional={"ref": texts}
        ),
        "standalone": json_values,
    },
)
request_like = st.fixed_dictionaries(
    {"env": st.just({"editorId": "jupyterlab", "frameworkId": "conda"}) | json_values},
    optional={
        "name": texts | json_values,
        "resources": json_values
        | st.dictionaries(
            st.sampled_from(["cpu", "gpu", "flavorCount", "memory", "gpuMemory"]),
            st.integers() | st.integers(10**400, 10**401),
        ),
        "labels": json_values | st.dictionaries(texts, texts | st.none()),
        "envVars": st.lists(st.fixed_dictionaries({"name": texts, "value": texts}), max_size=3),
        "sshPublicKeys": st.lists(texts, max_size=2),
        "volumes": st.lists(volume_like, max_size=3),
    },
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(request_like | json_values)
def test_whatever_is_typed_gives_a_spec_or_printable_problems(data):
    try:
        spec = resolve(parse_request(data), context())
    except InvalidSpecError as refused:
        assert all(p.message.encode() and p.field.encode() is not None for p in refused.problems)  # noqa: PT017
    else:
        assert NotebookSpec.model_validate_json(spec.model_dump_json()).name == spec.name


def test_deep_nesting_is_refused_and_not_followed():
    deep = {}
    for _ in range(100_000):
        deep = {"a": deep}

    assert problems_of(parse_request, spec_data(name=deep))[0] == ("name", "must be text, not an object.")
    assert problems_of(
        parse_request, spec_data(volumes=[store_volume() | {"publicSwift": {"x": deep}}]) | {"x": 1}
    )
