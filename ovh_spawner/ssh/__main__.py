"""``python -m ovh_spawner.ssh --settings FILE``: the SSH endpoint, until SIGTERM or SIGINT."""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from ovh_spawner.catalog.settings_file import load_settings
from ovh_spawner.constants import ENV_SETTINGS
from ovh_spawner.errors import ConfigError
from ovh_spawner.ssh.program import run
from ovh_spawner.ssh.secrets import load_secrets
from ovh_spawner.telemetry.logging import configure_logging


def main(arguments: list[str] | None = None) -> int:
    """Run the endpoint; 1: the settings or secrets are wrong."""
    parser = argparse.ArgumentParser(prog="python -m ovh_spawner.ssh", description="The SSH endpoint.")
    parser.add_argument(
        "--settings", type=Path, default=None, help=f"the settings file (or environment: {ENV_SETTINGS})"
    )
    options = parser.parse_args(arguments)
    configure_logging("ssh")
    path = options.settings or (Path(os.environ[ENV_SETTINGS]) if os.environ.get(ENV_SETTINGS) else None)
    try:
        settings = load_settings(path)
        asyncio.run(run(settings, load_secrets(settings.ssh)))
    except ConfigError as exc:
        sys.stderr.write(f"{exc.message}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
