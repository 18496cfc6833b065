from uuid import UUID

import pytest

from ovh_spawner.domain.resolution import parse_request, parse_update, resolve, update
from ovh_spawner.domain.states import Door
from ovh_spawner.domain.volumes import DataStoreSource, GitSource, Permission, StandaloneSource
from ovh_spawner.errors import InvalidSpecError
from tests.domain.building import context, git_volume, spec_data, store_volume


def resolved(*volumes, **changes):
    return resolve(parse_request(spec_data(volumes=list(volumes))), context(**changes))


def refusal(*volumes, **changes):
    with pytest.raises(InvalidSpecError) as refused:
        resolved(*volumes, **changes)
    return refused.value.problems


def test_each_kind_of_volume_becomes_complete():
    bucket, git, empty = resolved(
        store_volume(permission="rwd", prefix="2026/"),
        git_volume(ref="v1.0"),
        {"mountPath": "/workspace/scratch", "permission": "R", "standalone": {}},
    ).volumes

    assert bucket.source == DataStoreSource(alias="DEMO", container="demo-data", prefix="2026/")
    assert bucket.permission is Permission.RWD
    assert git.source == GitSource(url="https://git.example/team/code.git", ref="v1.0")
    assert empty.source == StandaloneSource()
    assert empty.permission is Permission.RO
    assert [v.id for v in (bucket, git, empty)] == [UUID(int=n) for n in (1, 2, 3)]


def test_the_platforms_own_volumes_in_our_answers_are_left_out():
    own = store_volume("/workspace", "RWD", alias="ovh", container="notebooks_workspace", internal=True)

    assert [v.mount_path for v in resolved(own, store_volume(internal=False)).volumes] == ["/workspace/data"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("", "starts with '/'"),
        ("workspace/data", "starts with '/'"),
        ("/", "2 to 50 characters"),
        ("/workspace/" + "x" * 40, "2 to 50 characters"),
        ("/workspace", "the notebook's own home"),
        ("/workspace/", "the notebook's own home"),
        ("/workspace/my data", "no white space"),
        ("/workspace/a\tb", "no white space"),
        ("/workspace/a\x00b", "control character"),
        ("/workspace/a:b", "colon"),
        ("/workspace//data", "no '//'"),
        ("/workspace/../etc", "no '..'"),
        ("/workspace/./x", "no '.'"),
        ("/data", "in local mode a volume is a folder of the notebook's home"),
        ("/workspaces/data", "in local mode"),
    ],
)
def test_a_mount_path_that_cannot_be_is_refused(path, said):
    (problem,) = refusal(store_volume(path))

    assert problem.field == "volumes[0].mountPath"
    assert said in problem.message


def test_on_kubernetes_a_volume_may_lie_beside_the_home_but_not_in_the_system():
    assert resolved(store_volume("/data"), mode="kubernetes").volumes[0].mount_path == "/data"

    for path in ("/etc/x", "/usr", "/proc"):
        assert "belongs to the system" in refusal(store_volume(path), mode="kubernetes")[0].message


def test_a_closing_slash_of_a_mount_path_does_not_count():
    assert resolved(store_volume("/workspace/data/")).volumes[0].mount_path == "/workspace/data"


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ("/workspace/data", "/workspace/data", "another volume is there already"),
        ("/workspace/data", "/workspace/data/", "another volume is there already"),
        ("/workspace/data", "/workspace/data/raw", "one inside the other"),
        ("/workspace/data/raw/deep", "/workspace/data", "one inside the other"),
    ],
)
def test_mount_paths_that_collide_are_refused(first, second, said):
    (problem,) = refusal(store_volume(first), store_volume(second))

    assert problem.field == "volumes[1].mountPath"
    assert said in problem.message


def test_mount_paths_with_a_common_beginning_do_not_collide():
    assert len(resolved(store_volume("/workspace/data"), store_volume("/workspace/data2")).volumes) == 2


def test_more_than_ten_volumes_are_refused_in_one_problem():
    (problem,) = refusal(*(store_volume(f"/workspace/v{n}") for n in range(11)))

    assert (problem.field, problem.message) == ("volumes", "11 volumes are too many; at most 10 are allowed.")


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"permission": "RX"}, "permission", "'RX' is not allowed. Allowed: RO (or R), RW, RWD."),
        ({"dataStore": None}, "", "has no source. Give exactly one of"),
        ({"standalone": {}}, "", "has dataStore and standalone. Give exactly one of"),
        ({"cache": True}, "cache", "not offered here"),
        ({"privateSwift": {"container": "x"}, "dataStore": None}, "privateSwift", "not offered here"),
        ({"publicSwift": {"url": "x"}, "dataStore": None}, "publicSwift", "not offered here"),
        ({"targetDataStore": {"alias": "x"}}, "targetDataStore", "not offered here"),
        ({"targetPrivateSwift": {}}, "targetPrivateSwift", "not offered here"),
    ],
)
def test_what_a_volume_cannot_be_is_refused(changes, field, said):
    (problem,) = refusal(store_volume() | changes)

    assert problem.field == ("volumes[0]." + field).rstrip(".")
    assert said in problem.message


@pytest.mark.parametrize(
    ("source", "field", "said"),
    [
        ({"alias": "DEM"}, "alias", "'DEM' is not known. Did you mean 'DEMO'? Allowed: DEMO, S3GRA."),
        ({"container": "ab"}, "container", "'ab' is no bucket's name. Allowed: 3 to 63"),
        ({"container": "Upper"}, "container", "no bucket's name"),
        ({"container": "a/../b"}, "container", "no bucket's name"),
        ({"container": "a..b"}, "container", "no bucket's name"),
        ({"container": "abc\n"}, "container", "no bucket's name"),
        ({"container": "x" * 64}, "container", "no bucket's name"),
        ({"prefix": "/data"}, "prefix", "do not start with '/'"),
        ({"prefix": "a/../b"}, "prefix", "no '..'"),
        ({"prefix": "a//b"}, "prefix", "no '//'"),
        ({"prefix": "a\x00b"}, "prefix", "control character"),
        ({"prefix": "é" * 600}, "prefix", "longer than 1024 bytes"),
        ({"archive": "data.tar"}, "archive", "not offered here"),
    ],
)
def test_a_bucket_that_cannot_be_is_refused(source, field, said):
    (problem,) = refusal(store_volume(**source))

    assert problem.field == f"volumes[0].dataStore.{field}"
    assert said in problem.message


def test_without_data_stores_the_refusal_says_how_to_add_one():
    (problem,) = refusal(store_volume(), store_aliases=frozenset())

    assert "Allowed: nothing." in problem.message
    assert "Add one" in problem.message


@pytest.mark.parametrize("prefix", [None, "", "2026", "2026/", "a b/ü/c.csv"])
def test_a_good_prefix_is_taken_as_it_is(prefix):
    assert resolved(store_volume(prefix=prefix)).volumes[0].source.prefix == (prefix or "")


def test_a_volume_keeps_its_id_while_mount_path_and_source_stay():
    before = resolved(store_volume(), store_volume("/workspace/more"), git_volume())
    ids = {v.mount_path: v.id for v in before.volumes}
    change = {
        "volumes": [
            git_volume(ref="other"),
            store_volume(permission="RW"),
            store_volume("/workspace/more", container="another"),
        ]
    }

    after = update(before, parse_update(change), context(new_id=lambda: UUID(int=99)))

    now = {v.mount_path: v.id for v in after.volumes}
    assert now["/workspace/data"] == ids["/workspace/data"]
    assert now["/workspace/more"] == UUID(int=99)
    assert now["/workspace/code"] == UUID(int=99)


def test_a_repositorys_credentials_are_kept_when_our_answer_comes_back_without_them():
    before = resolved(git_volume("https://ana:s3cret@git.example/team/code.git"))
    assert before.volumes[0].source.url == "https://git.example/team/code.git"

    after = update(before, parse_update({"volumes": [git_volume()]}), context())

    assert after.volumes == before.volumes
    assert after.volumes[0].source.password.get_secret_value() == "s3cret"


def test_new_credentials_replace_the_old_ones():
    before = resolved(git_volume("https://ana:old@git.example/team/code.git"))
    change = {"volumes": [git_volume("https://ana:new@git.example/team/code.git")]}

    after = update(before, parse_update(change), context())

    assert after.volumes[0].source.password.get_secret_value() == "new"
    assert after.volumes[0].id == before.volumes[0].id


@pytest.mark.parametrize(
    ("url", "username", "password"),
    [
        ("https://ana:p%40ss@git.example/c.git", "ana", "p@ss"),
        ("https://glpat-token@git.example/c.git", "git", "glpat-token"),
        ("https://git.example/c.git", "", ""),
    ],
)
def test_credentials_leave_the_address(url, username, password):
    source = resolved(git_volume(url)).volumes[0].source

    assert source.url == "https://git.example/c.git"
    assert (source.username, source.password.get_secret_value()) == (username, password)


def test_credentials_do_not_pass_the_hubs_door():
    (problem,) = refusal(git_volume("https://ana:s3cret@git.example/c.git"), door=Door.HUB)

    assert "POST /services/ai/v1/notebook" in problem.message
    assert "s3cret" not in problem.message
    assert resolved(git_volume(), door=Door.HUB).volumes


@pytest.mark.parametrize(
    "url",
    [
        "https://git.example/c", "http://127.0.0.1:8080/team/c.git", "https://[::1]:8443/c.git",
        "https://git.example/~ana/c.git", "https://host_with.example/é.git",
    ],
)  # fmt: skip
def test_an_address_of_a_repository_is_accepted(url):
    if "_" in url:
        assert "no host" in refusal(git_volume(url))[0].message
    else:
        assert resolved(git_volume(url)).volumes[0].source.url == url


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "is empty"),
        ("git@github.com:team/code.git", "no SSH key is kept here"),
        ("ssh://git@git.example/code.git", "no SSH key is kept here"),
        ("file:///etc", "Only http:// and https://"),
        ("ext::sh -c touch% /tmp/x", "white space"),
        ("ext::sh", "Only http:// and https://"),
        ("--upload-pack=touch", "looks like an option"),
        ("git://git.example/c.git", "Only http:// and https://"),
        ("/etc/passwd", "Only http:// and https://"),
        ("https://", "names no host"),
        ("https:///c.git", "names no host"),
        ("https://git.example", "names no host"),
        ("https://-x/c.git", "names no host"),
        ("https://git.example:99999/c.git", "no address"),
        ("https://git.example:x/c.git", "no address"),
        ("https://[::1/c.git", "no address"),
        ("https://git.example/c.git\n--x", "white space"),
        ("https://git.example/" + "x" * 500, "at most 500"),
        ("https://git.example/c.git?private_token=s3cret", "nothing after '?'"),
        ("https://git.example/c.git#s3cret", "nothing after '?'"),
        ("https://ana:s3cret@[::1/c.git", "no address"),
        ("https://ana:s3cret/x@git.example", ""),
        ("https://ana:s3cret%0Ax@git.example/c.git", "control character"),
        ("https://?token=s3cret", "names no host"),
        ("ftp://git.example/c.git#s3cret", "Only http:// and https://"),
        ("ftp://ana:s3cret@git.example/c.git", "Only http:// and https://"),
        ("ana:s3cret@git.example/c.git", "Only http:// and https://"),
        ("ana:s3cret@git.example:c.git", "no SSH key is kept here"),
        ("s3cret@git.example/c.git", "Only http:// and https://"),
        ("https:\\\\ana:s3cret@git.example/c.git", "backslash"),
    ],
)
def test_an_address_that_is_none_is_refused_and_shows_no_credentials(url, said):
    (problem,) = refusal(git_volume(url))

    assert problem.field == "volumes[0].publicGit.url"
    assert said in problem.message
    assert "s3cret" not in problem.message


def test_repositories_of_this_machine_are_a_matter_of_tests():
    url = "file:///srv/code.git"

    assert resolved(git_volume(url), git_file_urls=True).volumes[0].source.url == url
    assert refusal(git_volume("file://host/srv/code.git"), git_file_urls=True)


@pytest.mark.parametrize("ref", ["main", "feature/x", "v1.0", "9fceb02", "a.b", "ünï", None, ""])
def test_a_ref_is_accepted(ref):
    assert resolved(git_volume(ref=ref)).volumes[0].source.ref == (ref or "")


@pytest.mark.parametrize(
    "ref",
    ["-x", "--help", "a..b", "a b", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", "@", "a@{1}", "/a", "a/",
     "a//b", "a.lock", "a.lock/b", ".a", "a/.b", "a.", "a\x7f", "x" * 256],
)  # fmt: skip
def test_what_git_takes_for_no_ref_is_refused(ref):
    (problem,) = refusal(git_volume(ref=ref))

    assert problem.field == "volumes[0].publicGit.ref"
    assert "no name of a branch, a tag or a commit" in problem.message
