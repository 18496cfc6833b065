"""The way to the editor: its unix socket (or loopback port), with nothing interpreted on the way."""

import aiohttp
from yarl import URL

from ovh_spawner.contract.local import EditorProcess
from ovh_spawner.gateway.paths import Prefix

MAX_HEADER_BYTES = 65_536
"""For one header line and one request line, in both directions; aiohttp's 8 KiB is less than editors' cookies
and long query strings may need."""

READ_BUFFER_BYTES = 262_144
"""Four times aiohttp's default, so that large files take fewer turns of the loop."""

NO_TIMEOUTS = aiohttp.ClientTimeout(total=None, sock_connect=10)
"""Notebooks stream for hours; a socket on this machine that does not take a connection in 10 s never will."""


class EditorClient:
    """One client session, and where the editor's paths begin."""

    def __init__(self, editor: EditorProcess, prefix: Prefix) -> None:
        self.stripped = editor.strip_prefix
        self.name = editor.name
        self._root = "/" if editor.strip_prefix else prefix.path
        # Behind a socket the host in the address is a word: the browser's own Host header goes through.
        self._origin = "http://localhost" if editor.socket else f"http://127.0.0.1:{editor.port}"
        # A connection per request: it costs microseconds on this machine, and none can turn out to be closed
        # already when a request that must not be sent twice is written to it.
        connector = (
            aiohttp.UnixConnector(path=editor.socket, limit=0, force_close=True)
            if editor.socket
            else aiohttp.TCPConnector(limit=0, force_close=True)
        )
        self.session = aiohttp.ClientSession(
            connector=connector,
            timeout=NO_TIMEOUTS,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            read_bufsize=READ_BUFFER_BYTES,
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
        )

    def url(self, rest: str) -> URL:
        """Return the editor's address of what follows the notebook's prefix, escapes untouched."""
        return URL(f"{self._origin}{self._root}{rest}", encoded=True)

    async def close(self) -> None:
        await self.session.close()
