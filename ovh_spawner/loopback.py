"""Free ports of this machine.

They lie below those that systems draw for outgoing connections (32768 and up on Linux, 49152 and up elsewhere): of a
port that is chosen now and listened on later, somebody's connection could otherwise make its own.
"""

import secrets
import socket

from ovh_spawner.errors import ConfigError

PORTS = range(15_000, 30_000)

_TRIES = 1000


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """Return a loopback port that nobody listens on now.

    Raises:
        ConfigError: there is none.

    """
    for _ in range(_TRIES):
        if is_free(port := secrets.choice(PORTS)):
            return port
    raise ConfigError(
        f"No port of this machine from {PORTS.start} to {PORTS.stop - 1} is free. End what listens on them."
    )
