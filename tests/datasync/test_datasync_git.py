"""Repositories: cloned once, kept, never pushed, and nothing of theirs runs."""

import socket
import subprocess

import pytest

from ovh_spawner.contract.sync import GitSource, SyncState
from ovh_spawner.domain.volumes import Permission
from tests.support.git_server import git_server, run_git

RW = Permission.RW


@pytest.fixture
def git(tmp_path):
    with git_server(tmp_path / "server") as server:
        yield server


@pytest.fixture
def clone(notebook):
    """Pull one repository and return the volume's end and its folder."""

    def run(url: str, *, ref: str = "", at: str = "repo", options: tuple[str, ...] = (), **credentials: str):
        volume = notebook.volume(GitSource(url=url, ref=ref, **credentials), RW, at=at)
        return notebook.pull(volume, options=options), notebook.home / at

    return run


def test_the_default_branch_is_cloned_to_work_on(git, clone):
    url = git.create("repo", files={"README.md": "hello", "src/a.py": "1"})
    result, folder = clone(url)
    assert result.done().info == url
    assert (folder / "README.md").read_text() == "hello"
    assert (folder / "src/a.py").read_text() == "1"
    assert run_git("status", "--porcelain", "--branch", cwd=folder) == "## main...origin/main"
    assert run_git("remote", "get-url", "origin", cwd=folder) == url
    assert [path.name for path in folder.parent.iterdir()] == ["repo"]


def test_a_ref_is_a_branch_a_tag_or_a_commit(git, clone):
    url = git.create("repo", files={"a": "first"})
    first = git.commit("repo", files={"a": "tagged"}, tag="v1.0")
    git.commit("repo", files={"a": "feature"}, branch="feature/x")
    git.commit("repo", files={"a": "newest"}, branch="main")
    for number, (ref, content, branch) in enumerate(
        [("feature/x", "feature", "feature/x"), ("v1.0", "tagged", "HEAD"), (first, "tagged", "HEAD")]
    ):
        result, folder = clone(url, ref=ref, at=f"repo{number}")
        result.done()
        assert (folder / "a").read_text() == content
        assert run_git("rev-parse", "--abbrev-ref", "HEAD", cwd=folder) == branch


def test_a_commit_of_no_branch_is_fetched(git, clone):
    url = git.create("repo", files={"a": "first"})
    lonely = git.commit("repo", files={"a": "lonely"}, branch="side")
    run_git("update-ref", "-d", "refs/heads/side", cwd=git.root / "repo.git")
    run_git("update-ref", "refs/hidden/side", lonely, cwd=git.root / "repo.git")
    result, folder = clone(url, ref=lonely)
    result.done()
    assert (folder / "a").read_text() == "lonely"


@pytest.mark.parametrize("ref", ["nosuch", "0" * 40])
def test_an_unknown_ref_is_not_found_and_leaves_nothing(git, clone, ref):
    result, folder = clone(git.create("repo", files={"a": "a"}), ref=ref)
    assert (result.code, result.volume.state) == (1, SyncState.NOT_FOUND)
    assert repr(ref) in result.volume.message
    assert list(folder.parent.iterdir()) == []


@pytest.mark.parametrize(
    "ref", ["--upload-pack=touch x", "-b", "a..b", "a b", "@{-1}", "x\ny", "HEAD~1", ":/a"]
)
def test_a_ref_that_is_no_name_is_refused(git, clone, ref):
    result, _ = clone(git.create("repo", files={"a": "a"}), ref=ref)
    assert result.volume.state is SyncState.FAILED
    assert git.requests == []


def test_an_empty_repository_is_cloned(git, clone):
    git.create("repo", files={"a": "a"})
    run_git("init", "--quiet", "--bare", "empty.git", cwd=git.root)
    result, folder = clone(git.address("empty"))
    result.done()
    assert (folder / ".git").is_dir()


def test_a_later_start_keeps_local_work(git, clone, notebook):
    url = git.create("repo", files={"a": "first"})
    volume = notebook.volume(GitSource(url=url), RW, at="repo")
    notebook.pull(volume).done()
    (notebook.home / "repo/a").write_text("mine")
    git.commit("repo", files={"a": "theirs"})
    asked = len(git.requests)
    assert notebook.pull(volume).done().info == f"{url} (kept)"
    assert (notebook.home / "repo/a").read_text() == "mine"
    notebook.push(volume).done()
    assert len(git.requests) == asked


def test_a_folder_with_other_files_is_refused(git, clone, notebook):
    (notebook.home / "repo").mkdir()
    (notebook.home / "repo/notes").write_text("mine")
    result, folder = clone(git.create("repo", files={"a": "a"}))
    assert result.volume.state is SyncState.FAILED
    assert "/workspace/repo is not empty and is no clone" in result.volume.message
    assert [path.name for path in folder.iterdir()] == ["notes"]


def test_an_empty_folder_is_cloned_into(git, clone, notebook):
    (notebook.home / "deep/repo").mkdir(parents=True)
    result, folder = clone(git.create("repo", files={"a": "a"}), at="deep/repo")
    result.done()
    assert (folder / "a").read_text() == "a"


def test_what_a_killed_clone_left_is_removed(git, clone, notebook):
    url = git.create("repo", files={"a": "a"})
    volume = notebook.volume(GitSource(url=url), RW, at="repo")
    rest = notebook.home / f".repo.{volume.id.hex[:8]}.cloning"
    rest.mkdir()
    (rest / "half").write_text("x")
    notebook.pull(volume).done()
    assert [path.name for path in notebook.home.iterdir()] == ["repo"]


@pytest.mark.parametrize("in_url", [True, False])
def test_a_private_repository_needs_its_credentials(tmp_path, clone, in_url):
    password = "p:w@d/ %2F ü"
    with git_server(tmp_path / "private", username="me@example.org", password=password) as git:
        url = git.create("repo", files={"a": "secret"})
        refused, _ = clone(url)
        assert refused.volume.state is SyncState.INVALID_CREDENTIALS
        assert refused.volume.message.startswith(
            f"{url}: the credentials of this repository are not accepted"
        )
        wrong, _ = clone(url, username="me@example.org", password="wrong")
        assert wrong.volume.state is SyncState.INVALID_CREDENTIALS
        if in_url:
            secret_url = url.replace("://", "://me%40example.org:p%3Aw%40d%2F%20%252F%20%C3%BC@")
            result, folder = clone(secret_url)
        else:
            result, folder = clone(url, username="me@example.org", password=password)
    assert result.done().info == url
    assert (folder / "a").read_text() == "secret"
    assert run_git("remote", "get-url", "origin", cwd=folder) == url
    for text in (result.stdout, result.stderr, (folder / ".git/config").read_text()):
        assert "p:w" not in text
        assert "p%3A" not in text
        assert "credential" not in text


def test_a_missing_repository_is_not_found(git, clone):
    result, _ = clone(git.address("nothing"))
    assert result.volume.state is SyncState.NOT_FOUND
    assert git.address("nothing") in result.volume.message


def test_a_server_that_is_away_is_a_passing_failure(clone):
    result, _ = clone("http://127.0.0.1:1/repo.git", options=("--tries", "1"))
    assert result.volume.state is SyncState.TRANSIENT_ERROR


def test_a_server_that_hangs_is_a_passing_failure(clone):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/repo.git"
        result, _ = clone(url, options=("--stall", "1", "--tries", "1"))
    assert result.volume.state is SyncState.TRANSIENT_ERROR


@pytest.mark.parametrize(
    "url", ["file:///etc", "/etc", "ssh://git@127.0.0.1/x.git", "ext::sh -c id", "-upload.git"]
)
def test_only_http_is_cloned(clone, url):
    result, _ = clone(url)
    assert result.volume.state is SyncState.FAILED
    assert "only http:// and https://" in result.volume.message


def test_a_repository_runs_nothing_of_its_own(git, clone, tmp_path):
    marker = tmp_path / "ran"
    outside = git.create("other", files={"b": "b"})
    url = git.create(
        "repo",
        files={
            ".gitattributes": "*.bin filter=lfs\n",
            "big.bin": "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
            ".gitmodules": f'[submodule "sub"]\n\tpath = sub\n\turl = {outside}\n',
            ".githooks/post-checkout": f"#!/bin/sh\ntouch {marker}\n",
        },
    )
    result, folder = clone(url)
    result.done()
    assert (folder / "big.bin").read_text().startswith("version https://git-lfs")
    assert not marker.exists()
    assert not any("/other.git" in request for request in git.requests)


def test_the_callers_git_configuration_is_not_read(git, notebook, tmp_path):
    from ovh_spawner.contract.sync import SyncDirection

    marker = tmp_path / "ran"
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "post-checkout").write_text(f"#!/bin/sh\ntouch {marker}\n")
    (hooks / "post-checkout").chmod(0o755)
    (tmp_path / ".gitconfig").write_text(f"[core]\n\thooksPath = {hooks}\n")
    env = {"HOME": str(tmp_path), "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.hooksPath"}
    env |= {"GIT_CONFIG_VALUE_0": str(hooks)}
    volume = notebook.volume(GitSource(url=git.create("repo", files={"a": "a"})), RW, at="repo")
    notebook.run(notebook.job(SyncDirection.PULL, volume), env=env).done()
    assert not marker.exists()


def old_content(folder) -> str:
    """Return what stood in file 'a' before the last commit, or why it cannot be told."""
    done = subprocess.run(
        ["git", "show", "HEAD~1:a"], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.stdout or done.stderr


def old_contents_held(folder) -> int:
    """Count the objects that the clone knows of and has not brought."""
    listed = run_git("rev-list", "--objects", "--all", "--missing=print", cwd=folder)
    return sum(line.startswith("?") for line in listed.splitlines())


@pytest.fixture
def long_story(git):
    """A repository with an older content of its file."""

    def make() -> str:
        url = git.create("repo", files={"a": "first"})
        git.commit("repo", files={"a": "second"})
        return url

    return make


def test_a_public_repository_comes_with_its_commits_and_the_contents_of_now(git, clone, long_story):
    result, folder = clone(long_story())
    result.done()

    assert (folder / "a").read_text() == "second"
    assert run_git("status", "--short", cwd=folder) == ""
    assert run_git("rev-list", "--count", "HEAD", cwd=folder) == "2"
    assert old_contents_held(folder) == 1
    assert old_content(folder) == "first", "git fetches it when somebody looks"


def test_a_repository_comes_whole_when_asked_for(git, clone, long_story):
    _, folder = clone(long_story(), full=True)
    (git.root / "repo.git").rename(git.root / "away.git")

    assert old_content(folder) == "first"


def test_a_server_without_filters_gives_the_whole_repository(git, clone, long_story):
    git.knows_filters = False
    result, folder = clone(long_story())
    result.done()
    (git.root / "repo.git").rename(git.root / "away.git")

    assert old_content(folder) == "first"


def test_a_repository_with_credentials_comes_whole(tmp_path, clone):
    with git_server(tmp_path / "private", username="me", password="very-secret") as private:
        url = private.create("repo", files={"a": "first"})
        private.commit("repo", files={"a": "second"})
        _, folder = clone(url, username="me", password="very-secret")

    assert old_content(folder) == "first"


def test_a_server_that_trips_over_a_filter_gives_the_whole_repository(git, clone, long_story):
    url = long_story()
    hostile = git.root / "repo.git"
    run_git("config", "uploadpackfilter.allow", "false", cwd=hostile)
    result, folder = clone(url)
    result.done()

    assert old_content(folder) == "first"
    assert old_contents_held(folder) == 0


@pytest.mark.parametrize("ref", ["v1", "side", "commit"])
def test_what_another_ref_needs_is_brought_at_once(git, clone, ref):
    url = git.create("repo", files={"a": "first", "b": "kept"})
    commit = git.commit("repo", files={"a": "second"}, branch="side", tag="v1")
    git.commit("repo", files={"a": "third"})
    result, folder = clone(url, ref=commit if ref == "commit" else ref)
    result.done()
    (git.root / "repo.git").rename(git.root / "away.git")

    assert (folder / "a").read_text() == "second"
    assert run_git("status", "--short", cwd=folder) == ""
