"""``python -m ovh_spawner.service --settings FILE``: the hub service, until SIGTERM or SIGINT."""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

import structlog

from ovh_spawner.catalog.settings_file import load_installation
from ovh_spawner.constants import ENV_SETTINGS
from ovh_spawner.errors import ConfigError, LedgerUnavailableError
from ovh_spawner.service.factory import Service, build_service
from ovh_spawner.service.secrets import load_secrets
from ovh_spawner.telemetry.logging import configure_logging

logger = structlog.get_logger()


def main(arguments: list[str] | None = None) -> int:
    """Run the service; 1: the settings or secrets are wrong."""
    parser = argparse.ArgumentParser(prog="python -m ovh_spawner.service", description="The hub service.")
    parser.add_argument(
        "--settings", type=Path, default=None, help=f"the settings file (or environment: {ENV_SETTINGS})"
    )
    options = parser.parse_args(arguments)
    # The ledger is nobody else's to read.
    os.umask(0o077)
    configure_logging("service")
    path = options.settings or (Path(os.environ[ENV_SETTINGS]) if os.environ.get(ENV_SETTINGS) else None)
    try:
        settings, catalog = load_installation(path)
        service = build_service(settings, load_secrets(settings), catalog=catalog)
        asyncio.run(_serve(service))
    except (ConfigError, LedgerUnavailableError) as exc:
        sys.stderr.write(f"{exc.message}\n")
        return 1
    return 0


async def _serve(service: Service) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    try:
        # The tables first: a request must not meet a ledger that is being made.
        await service.start()
        server = service.listen()
        logger.info("service_started", address=service.settings.service.url)
        await ended.wait()
        await service.drain()
        # No new requests first, then the work that they ordered.
        server.stop()
        await server.close_all_connections()
    finally:
        await service.stop()
    logger.info("service_ended")


if __name__ == "__main__":
    sys.exit(main())
