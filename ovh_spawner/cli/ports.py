"""Loopback ports of the local installation: chosen free once, then remembered.

Running notebooks know the service's port, so a supervisor that comes back after a crash must find the same one.
"""

import json
from pathlib import Path

from ovh_spawner.loopback import free_port, is_free

NAMES = ("hub_api", "proxy_api", "service", "store", "ssh")


def remembered_ports(path: Path) -> dict[str, int]:
    """Return a port for each of ``NAMES``, the same as last time where they are still free."""
    ports = {name: port for name, port in _read(path).items() if name in NAMES and is_free(port)}
    for name in NAMES:
        while name not in ports:
            port = free_port()
            if port not in ports.values():
                ports[name] = port
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(ports))
    draft.rename(path)
    return ports


def _read(path: Path) -> dict[str, int]:
    try:
        known = json.loads(path.read_text())
    except (OSError, ValueError):
        # There is none, or it was cut short when the machine went down.
        return {}
    return {n: p for n, p in known.items() if isinstance(p, int)} if isinstance(known, dict) else {}
