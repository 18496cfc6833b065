"""``ovh-spawner rotate-keys``: a new encryption key for a local installation, and no secret left under the old one.

The service program does the work, as only it knows the database; on a cluster it is called there.
"""

import os
import subprocess
import sys
from pathlib import Path

import click

from ovh_spawner.catalog.settings_file import load_settings
from ovh_spawner.cli.local import only_one
from ovh_spawner.cli.secrets_file import drop_old_keys, load_or_draw, prepend_key
from ovh_spawner.constants import ENV_ENCRYPTION_KEYS, ENV_SETTINGS
from ovh_spawner.errors import ConfigError


@click.command("rotate-keys")
@click.option(
    "--settings",
    "settings_path",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    envvar=ENV_SETTINGS,
    help="YAML file of settings; its local.stateFolder is where the installation lives.",
)
def rotate_keys(settings_path: Path | None) -> None:
    """Draw a new encryption key and seal every secret of the ledger with it. End the local installation first."""
    asked = load_settings(settings_path)
    if asked.deployment.mode != "local":
        raise ConfigError(
            "On a cluster the keys are in a Secret: docs/howto/rotate-keys.md says how they are changed there."
        )
    state = Path(asked.local.state_folder).absolute()
    effective = state / "settings.yaml"
    if not effective.exists():
        raise ConfigError(f"There is no installation in {state}: `ovh-spawner local` was never run on it.")
    with only_one(state):
        secrets_file = state / "secrets.env"
        # Both keys are in the file before anything is sealed anew: whatever happens, nothing is lost.
        prepend_key(secrets_file)
        environment = {**os.environ, **load_or_draw(secrets_file)}
        command = [sys.executable, "-m", "ovh_spawner.service", "--settings", str(effective), "--rotate-keys"]
        done = subprocess.run(command, env=environment, check=False)  # noqa: S603 - our own program
        if done.returncode:
            raise ConfigError(
                f"The keys were not rotated. {ENV_ENCRYPTION_KEYS} in {secrets_file} holds the new and the old key, so "
                "that everything still works; mend what stands above and try again."
            )
        drop_old_keys(secrets_file)
    click.echo("The old key opens nothing any more. Copies of the ledger that are older need it, though.")
