import shlex
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from ovh_spawner.domain.command import equivalent_command
from ovh_spawner.domain.resolution import parse_request, resolve
from ovh_spawner.domain.volume_text import format_volume, parse_volume
from ovh_spawner.domain.volumes import DataStoreSource, GitSource, Permission, StandaloneSource, Volume
from ovh_spawner.errors import InvalidSpecError
from tests.domain.building import CAPABILITIES, KEY, context, git_volume, spec_data, store_volume


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("demo-data@DEMO:/workspace/data", ("demo-data", "DEMO", None, "/workspace/data", "RO")),
        ("demo-data@DEMO/:/workspace/data:rw", ("demo-data", "DEMO", None, "/workspace/data", "rw")),
        ("c@GRA/2026/05:/data:RWD", ("c", "GRA", "2026/05", "/data", "RWD")),
        ("c@GRA/a:/b:/data:RWD", ("c", "GRA", "a:/b", "/data", "RWD")),
        ("c@GRA:/data:rw:cache", ("c", "GRA", None, "/data", "rw")),
    ],
)
def test_a_bucket_is_read(text, parts):
    volume = parse_volume(text)
    store = volume.data_store

    assert (store.container, store.alias, store.prefix, volume.mount_path, volume.permission) == parts
    assert volume.cache is (True if text.endswith(":cache") else None)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (
            "https://git.example/c.git:/workspace/c:rw",
            ("https://git.example/c.git", None, "/workspace/c", "rw"),
        ),
        ("https://git.example:8443/c.git:/c", ("https://git.example:8443/c.git", None, "/c", "RO")),
        ("https://git.example/c.git#v1.0:/c", ("https://git.example/c.git", "v1.0", "/c", "RO")),
        ("https://a:b@git.example/c.git:/c", ("https://a:b@git.example/c.git", None, "/c", "RO")),
    ],
)
def test_a_repository_is_read(text, parts):
    volume = parse_volume(text)

    assert (volume.public_git.url, volume.public_git.ref, volume.mount_path, volume.permission) == parts


def test_an_empty_volume_is_read():
    volume = parse_volume("standalone:/workspace/scratch:RWD")

    assert volume.standalone is not None
    assert (volume.mount_path, volume.permission) == ("/workspace/scratch", "RWD")


@pytest.mark.parametrize(
    "text",
    ["", "x", "c@GRA", "c:/data", "@GRA:/data", "c@:/data", "standalone", "standalone:data:RW",
     "c@GRA:/d:RW:x", "git@git.example:c.git:/c", "https://git.example/c.git", "c@GRA:/d\n",
     "c@GRA/\udc80:/d"],
)  # fmt: skip
def test_a_line_that_is_no_volume_is_refused_with_the_forms(text):
    with pytest.raises(InvalidSpecError) as refused:
        parse_volume(text)

    assert "Write bucket@DATASTORE/prefix:/workspace/folder:RW" in str(refused.value)


words = st.text("abcxyz019-", min_size=1, max_size=8)
paths = st.lists(words, min_size=1, max_size=3).map(lambda parts: "/" + "/".join(parts))
prefixes = st.text(st.characters(categories=("L", "N", "P")), max_size=12)
sources = st.one_of(
    st.builds(DataStoreSource, alias=words, container=words, prefix=prefixes),
    st.builds(GitSource, url=paths.map("https://git.example:8443".__add__), ref=words | st.just("")),
    st.just(StandaloneSource()),
)


@given(
    st.builds(
        Volume,
        id=st.just(UUID(int=1)),
        mount_path=paths,
        permission=st.sampled_from(Permission),
        source=sources,
    )
)
def test_what_is_written_is_read_again(volume):
    read = parse_volume(format_volume(volume))

    assert read.mount_path == volume.mount_path
    assert read.permission == volume.permission.name
    match volume.source:
        case DataStoreSource(alias=alias, container=container, prefix=prefix):
            found = read.data_store
            assert (found.alias, found.container, found.prefix or "") == (alias, container, prefix)
        case GitSource(url=url, ref=ref):
            assert (read.public_git.url, read.public_git.ref or "") == (url, ref)
        case _:
            assert read.standalone is not None


def test_credentials_of_a_repository_stay_out_of_the_line():
    source = GitSource(url="https://git.example/c.git", username="ana", password=SecretStr("s3cret"))
    volume = Volume(id=UUID(int=1), mount_path="/workspace/c", permission=Permission.RW, source=source)

    assert format_volume(volume) == "https://git.example/c.git:/workspace/c:RW"


def test_the_command_asks_for_the_same_notebook():
    data = spec_data(
        name="It's mine",
        resources={"flavor": "ai1-1-cpu", "cpu": 2},
        labels={"team": "red"},
        envVars=[{"name": "GREETING", "value": "hello $USER; rm"}],
        sshPublicKeys=[KEY],
        volumes=[store_volume(permission="RWD", prefix="2026"), git_volume()],
        timeoutAutoRestart=True,
        unsecureHttp=True,
    )

    command = equivalent_command(resolve(parse_request(data), context()), CAPABILITIES)

    assert shlex.split(command) == [
        "ovhai", "notebook", "run", "conda", "jupyterlab", "--framework-version", "conda-py311-cpu",
        "--name", "It's mine", "--flavor", "ai1-1-cpu", "--cpu", "2", "--label", "team=red",
        "--volume", "demo-data@DEMO/2026:/workspace/data:RWD",
        "--volume", "https://git.example/team/code.git:/workspace/code:RW",
        "--envvar", "GREETING=hello $USER; rm", "--ssh-public-keys", KEY,
        "--restart-on-timeout", "true", "--unsecure-http",
    ]  # fmt: skip


def test_the_command_counts_gpus_and_needs_no_catalog_for_it():
    spec = resolve(parse_request(spec_data(resources={"gpu": 3})), context())

    assert "--flavor ai1-1-gpu --gpu 3" in equivalent_command(spec)
    assert "--flavor ai1-1-gpu --gpu 3" in equivalent_command(spec, CAPABILITIES)
