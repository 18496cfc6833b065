"""Where the data stores of a run are, as addresses and ports: what its NetworkPolicy has to let through.

Only of stores that the operator offers: a person who names a private address as a data store of their own would
otherwise open the way there, to the API server or another person's notebook.
"""

import asyncio
import socket
from collections.abc import Collection, Iterable
from contextlib import suppress
from ipaddress import ip_address
from urllib.parse import urlsplit

import structlog

from ovh_spawner.contract.sync import S3Source, SwiftSource, SyncVolume

logger = structlog.get_logger()

_PORTS = {"http": 80, "https": 443}

RESOLVE_SECONDS = 5.0
"""A start does not wait longer for a name server; the data sync will say what it could not reach."""


async def addresses_of(
    volumes: Iterable[SyncVolume], *, offered: Collection[str]
) -> tuple[tuple[str, int], ...]:
    """Return private addresses and ports of the operator's data stores that the volumes use."""
    endpoints = {_endpoint(volume) for volume in volumes if _alias(volume) in offered}
    found: set[tuple[str, int]] = set()
    for endpoint in filter(None, endpoints):
        parts = urlsplit(endpoint)
        port = parts.port or _PORTS.get(parts.scheme, 443)
        found |= {(address, port) for address in await _resolve(parts.hostname or "", port)}
    return tuple(sorted(found))


def _alias(volume: SyncVolume) -> str:
    source = volume.source
    return source.alias if isinstance(source, S3Source | SwiftSource) else ""


def _endpoint(volume: SyncVolume) -> str:
    match volume.source:
        case S3Source(endpoint=endpoint):
            return endpoint
        case SwiftSource(auth_url=auth_url):
            return auth_url
        case _:
            return ""


async def _resolve(host: str, port: int) -> set[str]:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVE_SECONDS):
            known = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError):
        logger.warning("store_not_resolved", host=host)
        return set()
    found = set()
    for *_, place in known:
        with suppress(ValueError):  # an address with a zone
            address = ip_address(place[0])
            # Public ones are let through for everybody.
            if not address.is_global:
                found.add(str(address))
    return found
