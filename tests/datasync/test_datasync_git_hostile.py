"""Repositories and servers that mean no good: nothing runs, no credential travels, everything ends."""

import contextlib
import socket
import threading

import pytest

from ovh_spawner.contract.sync import GitSource, SyncDirection, SyncState
from ovh_spawner.domain.volumes import Permission
from tests.support.git_server import git_server, run_git

RW = Permission.RW


@pytest.fixture
def git(tmp_path):
    with git_server(tmp_path / "server") as server:
        yield server


@pytest.fixture
def pull(notebook):
    """Pull one repository and return the volume's end and its folder."""

    def run(url: str, *, ref: str = "", options: tuple[str, ...] = ("--tries", "1"), env=None, **credentials):
        volume = notebook.volume(GitSource(url=url, ref=ref, **credentials), RW, at="repo")
        result = notebook.run(notebook.job(SyncDirection.PULL, volume), *options, env=env)
        return result, notebook.home / "repo"

    return run


@pytest.mark.parametrize(
    "url",
    [
        "--upload-pack=touch ran",
        "-cprotocol.ext.allow=always",
        "ext::sh -c touch% ran",
        "http::ext::sh -c id",
        "file:///etc",
        "fd::17",
        "../server/git/repo.git",
        "git://127.0.0.1/repo.git",
        "ftp://127.0.0.1/repo.git",
        "HTTP+EXT://127.0.0.1/repo.git",
        "http://",
        "http:///repo.git",
        "http://[::1",
        "http://exam\u2100ple/repo.git",
        "http://127.0.0.1:99999999/repo.git",
        "http://127.0.0.1:port/repo.git",
        "",
    ],
)
def test_an_address_that_is_none_is_refused_with_a_sentence(notebook, pull, url):
    result, folder = pull(url)

    assert (result.code, result.volume.state) == (1, SyncState.FAILED), result.volume
    assert "only http:// and https:// repositories can be cloned" in result.volume.message
    assert not folder.exists()
    assert list(notebook.home.rglob("ran")) == []


@pytest.mark.parametrize(
    "after", ["%0ahost=example.org/repo.git", "/%0a/repo.git", "/repo.git --upload-pack=id", "/-c/--x"]
)
def test_an_address_with_more_in_it_leads_nowhere_else(git, pull, after):
    result, folder = pull(f"{git.url}{after}", username="me", password="very-secret")

    assert result.code == 1
    assert result.volume.state not in {SyncState.DONE, SyncState.ERROR}, result.volume
    assert "very-secret" not in result.stdout + result.stderr
    assert not folder.exists()


def test_an_ipv6_address_or_a_port_is_no_reason_to_refuse(pull):
    result, _ = pull("http://[::1]:9/repo.git")

    assert result.volume.state is SyncState.TRANSIENT_ERROR


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_redirect_to_another_host_takes_no_credentials_with_it(tmp_path, pull, host):
    with (
        git_server(tmp_path / "private", username="me", password="very-secret") as git,
        git_server(tmp_path / "elsewhere", username="other", password="other") as elsewhere,
    ):
        elsewhere.create("repo", files={"a": "a"})
        git.redirect_to = elsewhere.url.replace("127.0.0.1", host)
        result, folder = pull(git.address("repo"), username="me", password="very-secret")

        assert git.credentials, "the first server was given what is its own"
        assert elsewhere.requests, "the redirect was followed"
        assert elsewhere.credentials == []
    assert result.volume.state is SyncState.INVALID_CREDENTIALS
    assert not folder.exists()


def test_a_repository_that_moved_is_followed(tmp_path, git, pull):
    git.create("repo", files={"a": "a"})
    with git_server(tmp_path / "old") as old:
        old.redirect_to = git.url
        result, folder = pull(old.address("repo"))

    result.done()
    assert (folder / "a").read_text() == "a"


@pytest.mark.parametrize(
    "to", ["file:///etc/passwd?", "ext::sh -c id ", "ftp://127.0.0.1:9", "gopher://127.0.0.1:9"]
)
def test_a_redirect_to_another_protocol_is_not_followed(git, pull, to):
    url = git.create("repo", files={"a": "a"})
    git.redirect_to = to
    result, folder = pull(url)

    assert result.code == 1
    assert result.volume.state is not SyncState.ERROR
    assert not folder.exists()


def test_a_redirect_in_a_circle_ends(git, pull):
    url = git.create("repo", files={"a": "a"})
    git.redirect_to = git.url
    result, _ = pull(url)

    assert result.code == 1
    assert len(git.requests) < 100


def test_no_filter_of_the_user_or_of_the_repository_runs(git, pull, tmp_path):
    marker = tmp_path / "ran"
    command = f"sh -c 'touch {marker}; cat'"
    (tmp_path / ".gitconfig").write_text(
        "".join(
            f'[filter "{name}"]\n\tsmudge = {command}\n\tclean = {command}\n\tprocess = {command}\n'
            for name in ("lfs", "evil")
        )
    )
    url = git.create(
        "repo",
        files={
            ".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n* filter=evil\n",
            "big.bin": "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
            ".lfsconfig": f"[lfs]\n\turl = {git.url}/lfs\n",
        },
    )
    result, folder = pull(url, env={"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)})

    result.done()
    assert (folder / "big.bin").read_text().startswith("version https://git-lfs")
    assert not marker.exists()
    assert not any("lfs" in request for request in git.requests)


def test_no_hook_and_no_submodule_of_a_repository_is_used(git, pull, tmp_path):
    marker = tmp_path / "ran"
    template = tmp_path / "template"
    (template / "hooks").mkdir(parents=True)
    for name in ("post-checkout", "post-merge", "reference-transaction"):
        hook = template / "hooks" / name
        hook.write_text(f"#!/bin/sh\ntouch {marker}\n")
        hook.chmod(0o755)
    submodules = [
        ("a", f"{git.url}/other.git"),
        ("b", f"ext::sh -c 'touch {marker}'"),
        ("c", "--upload-pack=id"),
    ]
    git.create("other", files={"b": "b"})
    url = git.create(
        "repo",
        files={
            ".gitmodules": "".join(
                f'[submodule "{name}"]\n\tpath = {name}\n\turl = {where}\n\tupdate = !touch {marker}\n'
                for name, where in submodules
            ),
            "hooks/post-checkout": f"#!/bin/sh\ntouch {marker}\n",
        },
    )
    asked = len(git.requests)
    result, folder = pull(url, env={"GIT_TEMPLATE_DIR": str(template), "HOME": str(tmp_path)})

    result.done()
    assert not marker.exists()
    assert not (folder / ".git/hooks").exists()
    assert not any("/other.git" in request for request in git.requests[asked:])


@pytest.mark.parametrize("in_url", [True, False])
def test_a_password_is_nowhere_in_the_clone(tmp_path, pull, in_url):
    with git_server(tmp_path / "private", username="me", password="very-secret") as git:
        url = git.create("repo", files={"a": "a"})
        if in_url:
            result, folder = pull(url.replace("://", "://me:very-secret@"))
        else:
            result, folder = pull(url, username="me", password="very-secret")

    result.done()
    assert run_git("remote", "--verbose", cwd=folder).split() == [
        "origin",
        url,
        "(fetch)",
        "origin",
        url,
        "(push)",
    ]
    assert [p for p in folder.rglob("*") if p.is_file() and b"very-secret" in p.read_bytes()] == []
    assert "very-secret" not in result.stdout + result.stderr


@pytest.fixture
def slow_server():
    """Run a server that answers with headers at once, and then with what a function sends."""
    with socket.create_server(("127.0.0.1", 0)) as listener, contextlib.ExitStack() as stack:
        ended = threading.Event()

        def answer(send) -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    with client, contextlib.suppress(OSError):
                        client.sendall(
                            b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\n"
                            b"Content-Length: 1000000000\r\n\r\n001e# service=git-upload-pack\n0000"
                        )
                        send(client, ended)

        def run(send) -> str:
            thread = threading.Thread(target=answer, args=(send,), daemon=True)
            thread.start()
            stack.callback(thread.join, 10)
            return f"http://127.0.0.1:{listener.getsockname()[1]}/repo.git"

        yield run
        ended.set()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


def test_a_server_that_falls_silent_in_an_answer_is_a_passing_failure(pull, slow_server):
    url = slow_server(lambda client, ended: ended.wait(60))
    result, folder = pull(url, options=("--tries", "1", "--stall", "1"))

    assert result.volume.state is SyncState.TRANSIENT_ERROR
    assert not folder.exists()


def test_a_server_that_drips_for_ever_is_left_when_the_time_is_over(notebook, pull, slow_server):
    def drip(client: socket.socket, ended: threading.Event) -> None:
        line = b"003d" + b"0" * 40 + b" refs/heads/branch-x\n"
        while not ended.wait(0.05):
            client.sendall(line[:57])

    result, folder = pull(slow_server(drip), options=(), clone_seconds=3)

    assert result.volume.state is SyncState.FAILED
    assert "the clone did not end within 3 seconds, so it was ended" in result.volume.message
    assert not folder.exists()
    assert list(notebook.home.iterdir()) == []


def test_a_line_without_end_fills_no_memory():
    import os

    from ovh_spawner.datasync.processes import _LONGEST_LINE, _lines

    reading, writing = os.pipe()
    size = 3 * _LONGEST_LINE

    def write() -> None:
        with os.fdopen(writing, "wb") as file:
            file.write(b"x" * size + b"\nfatal: the end\n")

    thread = threading.Thread(target=write)
    thread.start()
    with os.fdopen(reading, "rb") as stream:
        lines = list(_lines(stream))
    thread.join()

    assert len(lines[0]) <= _LONGEST_LINE + 65_536
    assert lines[1:] == ["fatal: the end"]


@pytest.mark.parametrize(
    "ref", ["nosuch", "v9.9", "feature/none", "0123456789abcdef0123456789abcdef01234567"]
)
def test_a_branch_tag_or_commit_that_does_not_exist_is_named(git, pull, ref):
    result, folder = pull(git.create("repo", files={"a": "a"}), ref=ref)

    assert result.volume.state is SyncState.NOT_FOUND
    assert result.volume.message == (
        f"{git.address('repo')}: it has no branch, tag or commit {ref!r}. Correct the name, then start again."
    )
    assert not folder.exists()


def test_what_a_server_says_reaches_people_without_control_characters():
    from ovh_spawner.datasync.failures import Words

    said = Words(place="p", owner="o").failure("fatal: remote error: \x1b]0;evil\x07 \u202egnp.exe")

    assert said.message.isprintable()
