"""The ways to the editor and to other programs of the notebook, with nothing interpreted on the way."""

from collections.abc import Callable
from functools import partial

import aiohttp

from ovh_spawner.contract.local import EditorProcess
from ovh_spawner.gateway.paths import Prefix
from ovh_spawner.gateway.targets import Loopback, PortPath, Sessions, Target

MAX_HEADER_BYTES = 65_536
"""For one header line and one request line, in both directions; aiohttp's 8 KiB is less than editors' cookies
and long query strings may need."""

READ_BUFFER_BYTES = 262_144
"""Four times aiohttp's default, so that large files take fewer turns of the loop."""

KEPT_SECONDS = 2.0
"""How long an idle connection waits for its next request: less than any server's own patience."""

NO_TIMEOUTS = aiohttp.ClientTimeout(total=None, sock_connect=10)
"""Notebooks stream for hours; a socket on this machine that does not take a connection in 10 s never will."""


class EditorClient:
    """The editor as a target."""

    def __init__(self, editor: EditorProcess, prefix: Prefix) -> None:
        path = editor.socket
        self.sessions = _sessions(partial(aiohttp.UnixConnector, path) if path else aiohttp.TCPConnector)
        self.target = Target(
            name=editor.name,
            sessions=self.sessions,
            # Behind a socket the host in the address is a word: the browser's own Host header goes through.
            origin="http://localhost" if path else f"http://127.0.0.1:{editor.port}",
            root="/" if editor.strip_prefix else prefix.path,
            prefix=prefix,
        )

    async def close(self) -> None:
        await self.sessions.close()


class PortClient:
    """Programs on ports of this machine as targets; in a cluster that is the notebook's pod alone."""

    def __init__(self, prefix: Prefix, *, own_port: int) -> None:
        self._prefix = prefix
        self._own_port = own_port
        self._sessions = _sessions(partial(aiohttp.TCPConnector, resolver=Loopback()))

    def target(self, path: PortPath) -> Target | None:
        """Return the program on a port; None: that is this gateway, which would ask itself for ever."""
        if path.port == self._own_port:
            return None
        prefix = Prefix(self._prefix.path + path.prefix)
        return Target(
            name=f"The program on port {path.port}",
            sessions=self._sessions,
            origin=f"http://localhost:{path.port}",
            root=prefix.path if path.absolute else "/",
            prefix=prefix,
            port=path.port,
        )

    async def close(self) -> None:
        await self._sessions.close()


def _sessions(connector: Callable[..., aiohttp.BaseConnector]) -> Sessions:
    return Sessions(
        once=_session(connector(limit=0, force_close=True)),
        kept=_session(connector(limit=0, keepalive_timeout=KEPT_SECONDS)),
    )


def _session(connector: aiohttp.BaseConnector) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        timeout=NO_TIMEOUTS,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        read_bufsize=READ_BUFFER_BYTES,
        max_line_size=MAX_HEADER_BYTES,
        max_field_size=MAX_HEADER_BYTES,
    )
