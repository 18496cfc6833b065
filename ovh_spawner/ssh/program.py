"""The life of the endpoint: listen, let clients in, and ask every few seconds whether they may stay."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import asyncssh
import structlog

from ovh_spawner.contract.ssh import SshAnswer
from ovh_spawner.errors import ConfigError, ServiceUnavailableError
from ovh_spawner.settings import Settings
from ovh_spawner.ssh.secrets import SshSecrets
from ovh_spawner.ssh.service_client import ServiceClient
from ovh_spawner.ssh.tunnel import Tunnel
from ovh_spawner.ssh.visit import Surroundings, Visit

log = structlog.get_logger()

SIGN_IN_SECONDS = 60
"""For a passphrase and a touch of a hardware key."""

ALIVE_SECONDS, MOST_UNANSWERED = 30, 3
"""A client that is gone without a word is noticed after two minutes."""

SIGNATURES = (
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
"""By which clients prove their keys; no SHA-1, which the library still has for old servers."""

QUESTIONS_AT_A_TIME = 8
"""Of the service, about those who are connected."""


async def run(settings: Settings, secrets: SshSecrets) -> None:
    """Serve until a signal."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with _surroundings(settings, secrets) as around:
        server = await _listen(settings, secrets, around)
        log.info("ssh_started", host=settings.ssh.host, port=settings.ssh.port)
        checking = asyncio.create_task(_check_for_ever(around, seconds=settings.ssh.check_seconds))
        await stop.wait()
        checking.cancel()
        server.close()
        for visit in list(around.visits):
            visit.end("The SSH endpoint is being restarted. Connect again.")
        await server.wait_closed()
    log.info("ssh_ended")


@asynccontextmanager
async def _surroundings(settings: Settings, secrets: SshSecrets) -> AsyncIterator[Surroundings]:
    service = ServiceClient(settings.service.url, secrets.token)
    session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
    try:
        yield Surroundings(
            banner=settings.ssh.banner,
            authorize=service.authorize,
            tell_entry=service.tell_entry,
            tunnel_to=lambda answer: Tunnel(session, answer),
            visits=set(),
            waiting_connections=settings.ssh.waiting_connections,
        )
    finally:
        await session.close()
        await service.close()


async def _listen(settings: Settings, secrets: SshSecrets, around: Surroundings) -> asyncssh.SSHAcceptor:
    where = settings.ssh
    try:
        return await asyncssh.create_server(
            lambda: Visit(around),
            where.host,
            where.port,
            server_host_keys=[secrets.host_key],
            encoding=None,
            line_editor=False,
            agent_forwarding=False,
            x11_forwarding=False,
            allow_scp=False,
            compression_algs=None,
            signature_algs=list(SIGNATURES),
            login_timeout=SIGN_IN_SECONDS,
            keepalive_interval=ALIVE_SECONDS,
            keepalive_count_max=MOST_UNANSWERED,
            password_auth=False,
            kbdint_auth=False,
            gss_host=None,
            # Which library answers is nobody's business.
            server_version="ovh_spawner",
        )
    except OSError as exc:
        raise ConfigError(
            f"The SSH endpoint cannot listen on {where.host}:{where.port} ({exc.strerror}). End what uses it, or "
            "choose another ssh.port."
        ) from exc


async def _check_for_ever(around: Surroundings, *, seconds: float) -> None:
    """A connection outlives the decision that let it in, so ask again while there is one."""
    turns = asyncio.Semaphore(QUESTIONS_AT_A_TIME)
    while True:
        await asyncio.sleep(seconds)
        inside = [visit for visit in around.visits if visit.is_in]
        await asyncio.gather(*(_check(visit, around, turns) for visit in inside))


async def _check(visit: Visit, around: Surroundings, turns: asyncio.Semaphore) -> None:
    """Close the connection of a key that was removed, or of a run that is over; an absent service closes none."""
    if visit.notebook is None:
        return
    try:
        async with turns:
            now = await around.authorize(visit.notebook, visit.key)
    except ServiceUnavailableError as error:
        log.warning("ssh_not_rechecked", reason=error.message)
        return
    if sentence := _why_over(visit.answer, now):
        log.info("ssh_closed", notebook=str(visit.notebook), reason=sentence)
        visit.end(sentence)


def _why_over(before: SshAnswer, now: SshAnswer) -> str:
    if not now.allowed:
        return "This key is not one of the notebook's any more."
    if now.run == before.run:
        return ""
    if before.run is None:
        return "The notebook runs now. Connect again."
    return now.message or "The notebook was stopped and started again. Connect again."
