"""The life of the gateway: listen, start the editor, serve until either ends, write down how it ended."""

import asyncio
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web

from ovh_spawner.contract.local import GatewayConfig
from ovh_spawner.contract.ssh import tunnel_token
from ovh_spawner.errors import ConfigError
from ovh_spawner.gateway.access import Access
from ovh_spawner.gateway.activity import Activity
from ovh_spawner.gateway.admitting import Admitting
from ovh_spawner.gateway.companion import accompany
from ovh_spawner.gateway.config_file import editor_of
from ovh_spawner.gateway.cookies import CookieJar
from ovh_spawner.gateway.door import Door, build_server
from ovh_spawner.gateway.editor import Editor
from ovh_spawner.gateway.editor_client import EditorClient, PortClient
from ovh_spawner.gateway.heartbeat import beat_until_told_to_stop
from ovh_spawner.gateway.living import Living, recheck_forever
from ovh_spawner.gateway.paths import Prefix
from ovh_spawner.gateway.policy import PolicyCache
from ovh_spawner.gateway.proxying import HttpProxy
from ovh_spawner.gateway.readiness import Readiness
from ovh_spawner.gateway.records import record_end, record_process
from ovh_spawner.gateway.service_client import ServiceClient
from ovh_spawner.gateway.sign_in import SignIn
from ovh_spawner.gateway.token_sign_in import TokenSignIn
from ovh_spawner.gateway.tokens import TokenDesk
from ovh_spawner.gateway.tunnel import SshTunnel
from ovh_spawner.gateway.turning_away import TurnAway
from ovh_spawner.gateway.websockets import WebSocketProxy

log = structlog.get_logger()

LAST_ANSWERS_SECONDS = 1.0
"""For answers under way when the editor has ended, its own "Shut Down" among them."""


async def run(config: GatewayConfig, *, now: Callable[[], datetime]) -> int:
    """Serve one run of a notebook; return the exit code."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        # Listen first: when the port is taken, no editor must start.
        listener = stack.enter_context(_listen(config.host, config.port))
        clients = _clients(stack, config)
        policies = PolicyCache(clients.service, seconds=config.policy_seconds, monotonic=time.monotonic)
        living = Living()
        activity = Activity(now=now, monotonic=time.monotonic)
        door = _build_door(config, clients, policies, living=living, activity=activity, now=now)
        await stack.enter_async_context(_serving(door, living, listener))
        if editor_of(config).command:
            record_process(Path(config.run_folder), address=f"{config.host}:{config.port}")
        async with _in_the_background(
            door.readiness.wait(),
            policies.look(),
            recheck_forever(living, door.access, policies, seconds=config.policy_seconds),
            _stop_when_told(clients.service, activity, stop, seconds=config.heartbeat_seconds),
        ):
            if editor_of(config).command:
                return await _live(config, stop=stop, now=now)
            # A container's own record says when and how it ended: we write none.
            return await accompany(
                editor_of(config), door.readiness, stop, gone_seconds=config.editor_gone_seconds
            )


async def _live(config: GatewayConfig, *, stop: asyncio.Event, now: Callable[[], datetime]) -> int:
    """Start the editor and see it to its end, ordered or not."""
    folder = Path(config.run_folder)
    editor = Editor(editor_of(config), config.run, folder / "editor.log")
    await editor.start()
    ended, ordered = asyncio.create_task(editor.wait()), asyncio.create_task(stop.wait())
    await asyncio.wait({ended, ordered}, return_when=asyncio.FIRST_COMPLETED)
    ordered.cancel()
    if stop.is_set():
        exit_code = await editor.end(config.stop_seconds)
        record_end(folder, at=now(), exit_code=exit_code, ordered=True)
        log.info("editor_ended", exit_code=exit_code, ordered=True)
        return 0
    exit_code, at = await ended, now()
    await editor.clear_up()
    record_end(folder, at=at, exit_code=exit_code, ordered=False)
    log.info("editor_ended", exit_code=exit_code, ordered=False)
    # A signal's number as shells tell it; a process cannot exit with a negative code.
    return exit_code if exit_code >= 0 else 128 - exit_code


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as exc:
        raise ConfigError(f"The gateway cannot listen on {host} port {port}: {exc.strerror}.") from exc


@dataclass(frozen=True, slots=True)
class _Clients:
    """Whom the gateway calls."""

    editor: EditorClient
    ports: PortClient
    service: ServiceClient


def _clients(stack: AsyncExitStack, config: GatewayConfig) -> _Clients:
    prefix = Prefix(config.prefix)
    clients = _Clients(
        editor=EditorClient(editor_of(config), prefix),
        ports=PortClient(prefix, own_port=config.port),
        service=ServiceClient(config.service_url, config.run, config.gateway_token),
    )
    for client in (clients.editor, clients.ports, clients.service):
        stack.push_async_callback(client.close)
    return clients


def _build_door(
    config: GatewayConfig,
    clients: _Clients,
    policies: PolicyCache,
    *,
    living: Living,
    activity: Activity,
    now: Callable[[], datetime],
) -> Door:
    """Wire what a request meets."""
    prefix = Prefix(config.prefix)
    jar = CookieJar(config.notebook, config.cookie_key.get_secret_value())
    desk = TokenDesk(clients.service, now=now, monotonic=time.monotonic)
    admitting = Admitting(config, prefix, jar, policies, now)
    hub_sign_in, token_sign_in = SignIn(admitting, clients.service), TokenSignIn(admitting, desk)
    return Door(
        prefix=prefix,
        editor=clients.editor.target,
        ports=clients.ports,
        access=Access(jar, policies, desk, now=now),
        sign_in=hub_sign_in,
        token_sign_in=token_sign_in,
        turn_away=TurnAway(prefix, hub_sign_in, token_sign_in),
        readiness=Readiness(clients.editor.target, editor_of(config).probe_path),
        http=HttpProxy(living),
        websockets=WebSocketProxy(living, activity),
        activity=activity,
        ssh=SshTunnel(
            editor_of(config).ssh_socket,
            tunnel_token(config.cookie_key.get_secret_value(), config.run),
            activity,
        ),
    )


@asynccontextmanager
async def _serving(door: Door, living: Living, listener: socket.socket) -> AsyncIterator[None]:
    runner = web.ServerRunner(build_server(door.handle), shutdown_timeout=LAST_ANSWERS_SECONDS)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    try:
        yield
    finally:
        await living.close_websockets()
        await door.ssh.close_all()
        await runner.cleanup()


async def _stop_when_told(
    service: ServiceClient, activity: Activity, stop: asyncio.Event, *, seconds: float
) -> None:
    await beat_until_told_to_stop(service, activity, seconds=seconds)
    stop.set()


@asynccontextmanager
async def _in_the_background(*work: Coroutine[Any, Any, object]) -> AsyncIterator[None]:
    """Run beside the body, and no longer than it; what fails is told, and ends nothing else."""
    tasks = [asyncio.create_task(_told_when_failing(coroutine)) for coroutine in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _told_when_failing(work: Coroutine[Any, Any, object]) -> None:
    try:
        await work
    except Exception:
        log.exception("background_work_failed")
