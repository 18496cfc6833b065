"""``python -m ovh_spawner.gateway <gateway.json>``: started by a spawner, one per run of a notebook."""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

from ovh_spawner.errors import ConfigError
from ovh_spawner.gateway.config_file import load_config
from ovh_spawner.gateway.program import run
from ovh_spawner.telemetry.logging import configure_logging


def main(arguments: list[str]) -> int:
    """Return the exit code: the editor's own when it ended by itself, 0 after an ordered end."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m ovh_spawner.gateway <gateway.json>\n")
        return 2
    configure_logging("gateway")
    try:
        return asyncio.run(run(load_config(Path(arguments[0])), now=lambda: datetime.now(UTC)))
    except ConfigError as error:
        sys.stderr.write(f"{error.message}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
