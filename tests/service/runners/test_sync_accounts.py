"""With accounts of their own, people's links lead no further than they could go themselves."""

import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path
from uuid import uuid4

import pytest

from ovh_spawner.contract.sync import SyncDirection, SyncJob
from ovh_spawner.errors import RunnerError
from ovh_spawner.service.runners.base import SyncLife
from ovh_spawner.service.runners.local import LocalRunner
from tests.support.world import until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act for other accounts")

SOMEBODY = 65_534
SYNC = """#!/bin/sh
id -u > "$(dirname "$3")/seen"
cat "$3" > "$(dirname "$3")/job-seen"
"""


@pytest.fixture
async def runner(monkeypatch):
    # Not tmp_path: other accounts cannot enter that.
    root = Path(tempfile.mkdtemp())
    root.chmod(0o711)
    program = root / "python"
    program.write_text(SYNC)
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    made = LocalRunner(root / "notebooks")
    yield made
    await made.close()
    shutil.rmtree(root)


@pytest.fixture
def job(runner):
    notebook = uuid4()
    made = SyncJob(
        id=uuid4(),
        direction=SyncDirection.PUSH,
        notebook=notebook,
        volumes=[],
        state_folder=runner.state_folder(notebook),
    )
    home = Path(made.state_folder).parent
    home.mkdir(parents=True)
    home.parent.chmod(0o711)
    os.chown(home, SOMEBODY, SOMEBODY)
    return made


async def test_a_sync_runs_in_the_account_that_owns_the_notebook(runner, job):
    await runner.start_sync(job)

    folder = Path(job.state_folder) / str(job.id)
    await until(lambda: _has_ended(runner, job), what="the end of the sync")
    assert _text(folder / "seen") == str(SOMEBODY)
    assert str(job.id) in _text(folder / "job-seen")
    assert folder.stat().st_uid == SOMEBODY
    assert stat.S_IMODE((folder / "job.json").stat().st_mode) == 0o600


async def test_a_link_in_the_place_of_the_syncs_folder_is_refused(runner, job, tmp_path):
    Path(job.state_folder).symlink_to(tmp_path)

    with pytest.raises(RunnerError, match="symbolic link"):
        await runner.start_sync(job)

    assert not list(tmp_path.iterdir())


async def test_a_link_in_the_place_of_the_log_is_not_written_through(runner, job, tmp_path):
    folder = Path(job.state_folder) / str(job.id)
    folder.mkdir(parents=True)
    (folder / "log").symlink_to(tmp_path / "target")

    with pytest.raises(RunnerError, match="cannot be started"):
        await runner.start_sync(job)

    assert not (tmp_path / "target").exists()


async def _has_ended(runner, job) -> bool:
    return (await runner.observe_sync(job.notebook, job.id)).life is not SyncLife.RUNNING


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
