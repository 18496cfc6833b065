"""Large files, many files, long histories: the same rules, no matter how much there is.

``make test-long`` runs the sizes that people have; elsewhere they are small enough for every run.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ovh_spawner.contract.sync import GitSource
from ovh_spawner.domain.volumes import Permission
from tests.support.git_server import git_server, run_git
from tests.support.requirements import LONG

RW, RWD = Permission.RW, Permission.RWD
MEBIBYTE = 1024**2

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]

FILE_BYTES = 5 * 1024 * MEBIBYTE if LONG else 210 * MEBIBYTE
"""From 200 MiB on a file goes in parts."""
FILES = 100_000 if LONG else 1_500
REVISIONS = 40 if LONG else 4
REVISION_BYTES = 50 * MEBIBYTE if LONG else MEBIBYTE


@pytest.fixture
def notebook(notebook):
    """Let syncs take their time, and leave no gigabytes behind."""
    notebook.seconds = 3000
    yield notebook
    shutil.rmtree(notebook.root)


def fill(path: Path, size: int) -> None:
    """Write a file of which no two mebibytes are the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    block = os.urandom(MEBIBYTE)
    with path.open("wb") as file:
        for number in range(size // MEBIBYTE):
            file.write(number.to_bytes(8) + block[8:])


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def test_a_large_file_goes_and_comes_whole(notebook, s3, bucket):
    mine = notebook.home / "data/large"
    fill(mine, FILE_BYTES)
    volume = notebook.volume(bucket(), RW)
    pushed = notebook.push(volume).done()
    assert (pushed.completed, pushed.transferred_bytes) == (1, FILE_BYTES)
    again = notebook.push(volume).done()
    assert (again.completed, again.skipped, again.total_bytes) == (0, 1, 0)
    wanted = digest(mine)
    mine.unlink()

    pulled = notebook.pull(volume).done()

    assert (pulled.completed, pulled.transferred_bytes) == (1, FILE_BYTES)
    assert digest(mine) == wanted
    assert notebook.push(volume).done().completed == 0


def test_many_files_go_and_come_and_some_of_them_are_deleted(notebook, s3, bucket):
    folder = notebook.home / "data"
    for number in range(FILES):
        path = folder / f"{number % 100}" / f"file {number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"this is number {number}")
    volume = notebook.volume(bucket(), RWD)
    pushed = notebook.push(volume).done()
    assert (pushed.completed, pushed.total) == (FILES, FILES)
    shutil.rmtree(folder / "7")
    (folder / "8/file 8").write_text("changed")

    pushed = notebook.push(volume).done()

    assert (pushed.completed, pushed.deleted) == (1, FILES // 100)
    other = notebook.volume(bucket(), Permission.RO, at="other")
    assert notebook.pull(other).done().completed == FILES - FILES // 100
    told = subprocess.run(
        ["diff", "--recursive", str(folder), str(notebook.home / "other")], capture_output=True, check=False
    )
    assert told.stdout == b""


@pytest.fixture
def history(tmp_path):
    """A server with a repository whose files are small and whose history is not."""
    with git_server(tmp_path / "server") as git:
        git.create("repo", files={"README.md": "hello"})
        work = git.works / "repo"
        for repository in (work, git.root / "repo.git"):
            # Random bytes have no likeness to look for.
            run_git("config", "core.bigFileThreshold", "1k", cwd=repository)
            run_git("config", "core.compression", "0", cwd=repository)
        for _ in range(REVISIONS):
            (work / "model.bin").write_bytes(os.urandom(REVISION_BYTES))
            run_git("add", "--all", cwd=work)
            run_git("commit", "--quiet", "--message", "another model", cwd=work)
        (work / "model.bin").unlink()
        git.commit("repo", files={"README.md": "hello again"})
        shutil.rmtree(work)
        yield git
        shutil.rmtree(git.root)


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_a_repository_with_a_large_history_comes_without_its_old_contents(notebook, history):
    url = history.address("repo")
    notebook.pull(notebook.volume(GitSource(url=url), RW, at="usual")).done()
    notebook.pull(notebook.volume(GitSource(url=url, full=True), RW, at="full")).done()

    for name in ("usual", "full"):
        assert (notebook.home / name / "README.md").read_text() == "hello again"
        assert run_git("rev-list", "--count", "HEAD", cwd=notebook.home / name) == str(REVISIONS + 2)
    assert size_of(notebook.home / "usual") < MEBIBYTE
    assert size_of(notebook.home / "full") > REVISIONS * REVISION_BYTES
