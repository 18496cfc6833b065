"""Loopback ports of the local installation: chosen free once, then remembered.

Running notebooks know the service's port, so a supervisor that comes back after a crash must find the same one.
"""

import json
import socket
from pathlib import Path

NAMES = ("hub_api", "proxy_api", "service", "store", "ssh")


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def remembered_ports(path: Path) -> dict[str, int]:
    """Return a port for each of ``NAMES``, the same as last time where they are still free."""
    ports = {name: port for name, port in _read(path).items() if name in NAMES and is_free(port)}
    for name in NAMES:
        while name not in ports:
            port = _free_port()
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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
