"""``ovh-spawner local``: the whole service on this machine, under one supervisor.

It starts the demo store, the service, the SSH endpoint (when there is one) and JupyterHub in this order and ends them
in the reverse one. To the hub the service is an external one: a service that the hub manages dies before the
spawners' stop and would miss their reports.
"""

import asyncio
import fcntl
import signal
import sys
from functools import partial
from pathlib import Path
from typing import IO
from urllib.error import HTTPError
from urllib.request import urlopen

import click
from rich.console import Console

from ovh_spawner.catalog.settings_file import load_installation
from ovh_spawner.cli import demo_store
from ovh_spawner.cli.children import Child
from ovh_spawner.cli.leftovers import HUB, Register
from ovh_spawner.cli.plan import Plan, make_plan
from ovh_spawner.cli.secrets_file import (
    ENV_ADMIN_PASSWORD,
    ENV_SIGN_IN_PASSWORD,
    ENV_STORE_ACCESS_KEY,
    ENV_STORE_SECRET_KEY,
)
from ovh_spawner.errors import ConfigError
from ovh_spawner.loopback import is_free
from ovh_spawner.settings import Settings

SAVING_SECONDS = 60.0
"""How long Ctrl-C waits for the service: it lets running pushes finish. What does not, goes on at the next start."""
HUB_END_SECONDS = 120.0
"""The hub stops its notebooks before it ends."""
HUB_TRIES = 3
"""JupyterHub gives its proxy ten seconds and then ends; a machine that has just come up may need more."""


@click.command()
@click.option(
    "--settings",
    "settings_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="YAML file of settings (see docs/reference/configuration.md).",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="Port that browsers use (default: hub.port of the settings, 8000).",
)
def local(settings_path: Path | None, port: int | None) -> None:
    """Run hub, service and a demo data store on this machine until Ctrl-C."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if settings_path and not settings_path.exists():
        raise ConfigError(f"There is no settings file {settings_path}.")
    # The catalog too: here a mistake has the line of the file that somebody wrote.
    asked, _ = load_installation(settings_path)
    state = Path(asked.local.state_folder).absolute()
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Before anything is written: the files there belong to the supervisor that holds the lock.
    with only_one(state):
        register = Register(state)
        register.end_leftovers(console.print, end_seconds=SAVING_SECONDS)
        plan = make_plan(settings_path, asked, state=state, port=port)
        asyncio.run(_supervise(plan, console, register))


def only_one(state: Path) -> IO[str]:
    """Take the installation's lock, held until the returned file is closed."""
    lock = (state / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        lock.close()
        raise ConfigError(
            f"Another supervisor already runs on {state}. End it first (Ctrl-C in its terminal)."
        ) from exc
    return lock


def _children(plan: Plan) -> list[Child]:
    environment = plan.environment()
    logs = plan.state / "logs"
    settings = plan.settings
    store_root = plan.state / "store"
    demo_store.fill(store_root)
    # Quoted as one CSV field: rclone splits this variable at commas into several pairs.
    keys = f'"{plan.secrets[ENV_STORE_ACCESS_KEY]},{plan.secrets[ENV_STORE_SECRET_KEY]}"'
    config = _hub_configuration()
    return [
        Child(
            "demo store",
            demo_store.command(store_root, plan.ports["store"]),
            {**environment, "RCLONE_AUTH_KEY": keys},
            logs / "store.log",
            # It refuses who has no key, and so shows that it listens.
            lambda: _answers(f"http://127.0.0.1:{plan.ports['store']}/", below=500),
        ),
        Child(
            "service",
            [sys.executable, "-m", "ovh_spawner.service", "--settings", str(plan.settings_file)],
            environment,
            logs / "service.log",
            lambda: _answers(f"{settings.service.url}{settings.service_prefix}health"),
            end_seconds=SAVING_SECONDS,
        ),
        *_ssh_endpoint(plan),
        Child(
            HUB,
            [sys.executable, "-m", "jupyterhub", "-f", str(config)],
            environment,
            logs / "hub.log",
            lambda: _answers(f"http://127.0.0.1:{settings.hub.port}{_base(settings)}/hub/health"),
            end_seconds=HUB_END_SECONDS,
            tries=HUB_TRIES,
        ),
    ]


def _base(settings: Settings) -> str:
    return settings.deployment.base_path.rstrip("/")


def _ssh_endpoint(plan: Plan) -> list[Child]:
    """Return the SSH endpoint, when the settings want one."""
    where = plan.settings.ssh
    if not where.enabled:
        return []
    if not is_free(where.port):
        raise ConfigError(f"Port {where.port} is in use. End what uses it, or choose another ssh.port.")
    return [
        Child(
            "SSH endpoint",
            [sys.executable, "-m", "ovh_spawner.ssh", "--settings", str(plan.settings_file)],
            plan.ssh_environment(),
            plan.state / "logs" / "ssh.log",
            lambda: _listens(where.host, where.port),
        )
    ]


def _hub_configuration() -> Path:
    """Return the hub's configuration: the one in this folder, or the checkout's."""
    checkout = Path(__file__).parents[2] / "jupyterhub_config.py"
    here = Path("jupyterhub_config.py").absolute()
    for candidate in (here, checkout):
        if candidate.exists():
            return candidate
    raise ConfigError(f"There is no {here}. Start in a checkout, or copy its jupyterhub_config.py here.")


async def _answers(url: str, *, below: int = 300) -> bool:
    """Tell whether a server answers with a status below this one."""

    def ask() -> bool:
        try:
            with urlopen(url, timeout=2) as answer:  # noqa: S310 - our own loopback addresses
                return int(answer.status) < below
        except HTTPError as error:
            return error.code < below
        except OSError:
            return False

    return await asyncio.to_thread(ask)


async def _listens(host: str, port: int) -> bool:
    """Tell whether somebody takes connections there."""
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    return True


async def _supervise(plan: Plan, console: Console, register: Register) -> None:
    asked_to_end = asyncio.Event()

    def end() -> None:
        if asked_to_end.is_set():
            console.print("Still at it. What cannot be saved in time is saved at the next start.")
        asked_to_end.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    children = _children(plan)
    for child in children:
        child.on_launch = partial(register.note, child.name)
    try:
        for child in children:
            console.print(f"Starting {child.name} …")
            starting = asyncio.create_task(child.start())
            waiting = asyncio.create_task(asked_to_end.wait())
            await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if asked_to_end.is_set():
                starting.cancel()
                return
            await starting
        _welcome(plan, console)
        await asked_to_end.wait()
    finally:
        console.print("Ending: stopping notebooks and saving what they changed …")
        for child in reversed(children):
            await child.end()
        register.clear()
        console.print("Ended. `make run` goes on where this stopped; `make clean` forgets everything.")


def _welcome(plan: Plan, console: Console) -> None:
    local_settings = plan.settings.local
    console.print(f"\nReady: [bold]{plan.url}[/bold]")
    _explain_sign_in(plan, console)
    console.print(f"Demo data: bucket {demo_store.BUCKET} of data store {demo_store.ALIAS}")
    if plan.settings.ssh.enabled:
        console.print(
            f"SSH: {plan.settings.ssh.command('<notebook id>', plan.url)} (with a key that the notebook names)"
        )
    if local_settings.simulated_gpus:
        console.print(f"GPUs: {local_settings.simulated_gpus} simulated; notebooks see none")
    if not local_settings.system_users:
        console.print(
            "All notebooks run as this machine's account and share one address in the browser: "
            "let in only people whom you trust with both.",
            style="yellow",
        )
    console.print(f"Logs are in {plan.state / 'logs'}. Ctrl-C ends everything.\n")


def _explain_sign_in(plan: Plan, console: Console) -> None:
    sign_in = plan.settings.sign_in
    if sign_in.openid:
        console.print(f"Sign in with {sign_in.openid.name} ({sign_in.openid.issuer})")
    if sign_in.accounts_file:
        console.print(f"Sign in with an account of {sign_in.accounts_file} (`ovh-spawner accounts`)")
    if sign_in.openid or sign_in.accounts_file:
        return
    password = plan.secrets[ENV_SIGN_IN_PASSWORD]
    console.print(f"Sign in with any name (for example alice) and the password [bold]{password}[/bold]")
    console.print(
        f"As administrator: name admin, password {ENV_ADMIN_PASSWORD} in {plan.state / 'secrets.env'}"
    )
