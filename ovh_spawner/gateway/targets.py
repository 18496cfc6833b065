"""Where a request goes: to the editor, or to another program of the notebook that listens on a port.

Such a program (TensorBoard, Gradio, MLflow) is reached under ``proxy/<port>/``, by the same rules as the editor.
It sees paths from its own root, or with ``proxy/absolute/<port>/`` the whole path, for programs that are told
where they live. Both spellings are those of jupyter-server-proxy, which people know.
"""

import re
import socket
from dataclasses import dataclass

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from ovh_spawner.gateway.paths import Prefix

_PORT_PATH = re.compile(r"proxy/(absolute/)?([1-9][0-9]{0,4})(/.*|)", re.ASCII | re.DOTALL)
_HIGHEST_PORT = 65_535

SAFE_TO_REPEAT = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Sessions:
    """Two ways to the same place."""

    once: aiohttp.ClientSession
    """A connection per request: none can turn out to be closed already when a request that must not be sent twice
    is written to it."""
    kept: aiohttp.ClientSession
    """Connections that are used again, for requests that may be sent twice."""

    async def close(self) -> None:
        await self.once.close()
        await self.kept.close()


@dataclass(frozen=True, slots=True)
class Target:
    """One program behind the gateway."""

    name: str
    sessions: Sessions
    origin: str
    root: str
    """Path that the program sees in front of what follows ``prefix``."""
    prefix: Prefix
    """Path that the browser sees in front of it."""
    port: int = 0
    """0: the editor."""

    @property
    def stripped(self) -> bool:
        """True: the program believes to live somewhere else than the browser knows."""
        return self.root != self.prefix.path

    def url(self, rest: str) -> URL:
        """Return the program's address of what follows the prefix, escapes untouched."""
        return URL(f"{self.origin}{self.root}{rest}", encoded=True)


@dataclass(frozen=True, slots=True)
class PortPath:
    """What an address below ``proxy/`` says."""

    port: int
    absolute: bool
    rest: str | None
    """What follows the port and its slash; None: there is no slash."""

    @property
    def prefix(self) -> str:
        return f"proxy/{'absolute/' if self.absolute else ''}{self.port}/"


def parse_port_path(rest: str) -> PortPath | None:
    """Return which port an address below the notebook's prefix names, if it names one."""
    path, mark, query = rest.partition("?")
    match = _PORT_PATH.fullmatch(path)
    if match is None or int(match[2]) > _HIGHEST_PORT:
        return None
    behind = match[3][1:] + mark + query if match[3] else None
    return PortPath(port=int(match[2]), absolute=bool(match[1]), rest=behind)


class Loopback(AbstractResolver):
    """Knows one host: this machine, by both of its addresses. Programs choose one of them or the other."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = (("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6))
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=each,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address, each in addresses
            if family in {socket.AF_UNSPEC, each}
        ]

    async def close(self) -> None:
        """Nothing is open."""
