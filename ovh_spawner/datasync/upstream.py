"""The proxy of the operator's network, where data syncs have to go through one.

The guard stands in a program's place before it, so it reads the same environment variables.
"""

import base64
import contextlib
import socket
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

_LONGEST_HEAD = 65_536
_USUAL_PORT = 3128


@dataclass(frozen=True, slots=True)
class UpstreamProxy:
    """HTTP proxies by the protocol that goes through them; none as a rule."""

    proxies: dict[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def of_environment(cls) -> Self:
        return cls(getproxies_environment())

    def serves(self, host: str, port: int) -> bool:
        """Say whether this host is reached through the proxy."""
        return bool(self._address(port)) and not proxy_bypass(host, self.proxies)

    def connect(self, host: str, port: int, seconds: float) -> socket.socket:
        """Return a connection to the host, through the proxy; raises OSError."""
        parts = urlsplit(self._address(port))
        proxy = socket.create_connection((parts.hostname or "", parts.port or _USUAL_PORT), timeout=seconds)
        with contextlib.ExitStack() as undo:
            undo.callback(proxy.close)
            proxy.sendall(_request(f"[{host}]:{port}" if ":" in host else f"{host}:{port}", parts))
            _expect_agreement(proxy)
            undo.pop_all()
        return proxy

    def _address(self, port: int) -> str:
        # What is spoken inside is not seen here; the usual port of plain HTTP says it as a rule.
        first = "http" if port == 80 else "https"  # noqa: PLR2004 - the port of http
        return self.proxies.get(first) or self.proxies.get("https") or self.proxies.get("http") or ""


def _request(target: str, proxy: SplitResult) -> bytes:
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if proxy.username:
        pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(pair.encode()).decode()}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _expect_agreement(proxy: socket.socket) -> None:
    """Read the head of the proxy's answer, not a byte more: what follows is the host's."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = proxy.recv(1)
        if not byte or len(head) > _LONGEST_HEAD:
            raise ConnectionResetError
        head += byte
    if head.split(b" ", 2)[1:2] != [b"200"]:
        raise ConnectionRefusedError
