"""``python -m ovh_spawner.service --settings FILE``: the hub service, until SIGTERM or SIGINT.

With ``--rotate-keys`` it only seals the ledger's secrets anew, which may run beside the service.
"""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

import structlog

from ovh_spawner.catalog.settings_file import load_installation
from ovh_spawner.constants import ENV_ENCRYPTION_KEYS, ENV_SETTINGS
from ovh_spawner.errors import ConfigError, LedgerUnavailableError
from ovh_spawner.service.db.ledger import Ledger
from ovh_spawner.service.factory import Service, build_service
from ovh_spawner.service.secrets import load_secrets
from ovh_spawner.settings import Settings
from ovh_spawner.telemetry.logging import configure_logging

logger = structlog.get_logger()


def main(arguments: list[str] | None = None) -> int:
    """Run the service; 1: the settings or secrets are wrong."""
    parser = argparse.ArgumentParser(prog="python -m ovh_spawner.service", description="The hub service.")
    parser.add_argument(
        "--settings", type=Path, default=None, help=f"the settings file (or environment: {ENV_SETTINGS})"
    )
    parser.add_argument(
        "--rotate-keys",
        action="store_true",
        help=f"seal every secret of the ledger with the first key of {ENV_ENCRYPTION_KEYS}, and end",
    )
    options = parser.parse_args(arguments)
    # The ledger is nobody else's to read.
    os.umask(0o077)
    configure_logging("service")
    path = options.settings or (Path(os.environ[ENV_SETTINGS]) if os.environ.get(ENV_SETTINGS) else None)
    try:
        settings, catalog = load_installation(path)
        if options.rotate_keys:
            changed = asyncio.run(_rotate_keys(settings))
            sys.stdout.write(f"{changed} secrets are sealed anew; all are sealed with the first key now.\n")
            return 0
        service = build_service(settings, load_secrets(settings), catalog=catalog)
        asyncio.run(_serve(service))
    except (ConfigError, LedgerUnavailableError) as exc:
        sys.stderr.write(f"{exc.message}\n")
        return 1
    return 0


async def _rotate_keys(settings: Settings) -> int:
    ledger = Ledger(settings.database.url, load_secrets(settings).vault)
    try:
        await ledger.migrate()
        return await ledger.rotate_keys()
    finally:
        await ledger.close()


async def _serve(service: Service) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    deployment = service.settings.deployment
    if deployment.mode == "kubernetes" and not deployment.subdomains:
        logger.warning(
            "one_origin_for_everybody",
            advice="To a browser all notebooks and the hub are one site. Let in only people who trust each other, "
            "or set deployment.subdomains.",
        )
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
