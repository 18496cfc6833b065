import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from ovh_spawner.cli.secrets_file import load_or_draw
from ovh_spawner.constants import ENV_ENCRYPTION_KEYS, ENV_SETTINGS
from ovh_spawner.service.db.ledger import Ledger
from ovh_spawner.service.secrets import Vault
from tests.service.db.test_migrations import _store
from tests.support.clock import Clock


@pytest.fixture
def installation(tmp_path):
    """A state folder as ``ovh-spawner local`` leaves it, with a data store in the ledger."""
    state = tmp_path / "state"
    state.mkdir()
    url = f"sqlite+aiosqlite:///{state}/ledger.sqlite"
    (state / "settings.yaml").write_text(f"database: {{url: '{url}'}}\nlocal: {{stateFolder: '{state}'}}\n")
    keys = load_or_draw(state / "secrets.env")[ENV_ENCRYPTION_KEYS]
    asyncio.run(_fill(url, keys))
    return state, url, keys


async def _fill(url, keys):
    ledger = Ledger(url, Vault(keys))
    await ledger.migrate()
    now = Clock()()
    async with ledger.writing() as unit:
        await unit.projects.lock("default", now)
        await unit.data_stores.add(_store(now))
    await ledger.close()


async def _read(url, keys):
    ledger = Ledger(url, Vault(keys))
    async with ledger.reading() as unit:
        [found] = await unit.data_stores.list(project="default", owner="ann")
    await ledger.close()
    return found.credentials


def rotate(settings: Path):
    command = [sys.executable, "-m", "ovh_spawner.cli", "rotate-keys", "--settings", str(settings)]
    environment = {k: v for k, v in os.environ.items() if k not in {ENV_ENCRYPTION_KEYS, ENV_SETTINGS}}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_local_installation_gets_a_new_key_and_needs_the_old_one_no_more(installation):
    state, url, old = installation

    done = rotate(state / "settings.yaml")

    assert done.returncode == 0, done.stderr
    new = load_or_draw(state / "secrets.env")[ENV_ENCRYPTION_KEYS]
    assert "," not in new
    assert new != old
    assert asyncio.run(_read(url, new)) == "{}"
    assert (state / "secrets.env").stat().st_mode & 0o777 == 0o600
    assert old not in done.stdout + done.stderr
    assert new not in done.stdout + done.stderr


def test_keys_that_open_nothing_leave_everything_as_it_was(installation):
    state, url, old = installation
    stranger = Fernet.generate_key().decode()
    text = (state / "secrets.env").read_text()
    (state / "secrets.env").write_text(text.replace(old, stranger))

    done = rotate(state / "settings.yaml")

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert stranger in load_or_draw(state / "secrets.env")[ENV_ENCRYPTION_KEYS].split(",")
    assert asyncio.run(_read(url, old)) == "{}"


def test_a_folder_without_an_installation_is_named(tmp_path):
    settings = tmp_path / "mine.yaml"
    settings.write_text(f"local: {{stateFolder: '{tmp_path}/none'}}\n")

    done = rotate(settings)

    assert done.returncode == 1
    assert "never run" in done.stderr


def test_on_a_cluster_the_page_is_named(tmp_path):
    settings = tmp_path / "mine.yaml"
    settings.write_text("deployment: {mode: kubernetes}\n")

    done = rotate(settings)

    assert done.returncode == 1
    assert "rotate-keys.md" in done.stderr
