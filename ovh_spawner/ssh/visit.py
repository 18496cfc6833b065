"""One connection of a client: its user name is a notebook's id, its key one of that notebook's.

Whoever has no key of a notebook learns nothing of it: no such notebook, another one's key and a user name that is no
id at all get the same answer, and not before the same time.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from weakref import WeakSet

import asyncssh
import structlog
from typing_extensions import override

from ovh_spawner.contract.ssh import SshAnswer, key_text
from ovh_spawner.errors import NotebookUnreachableError, ServiceUnavailableError, WrongStateError
from ovh_spawner.ssh.relay import ENDED, ClientSide
from ovh_spawner.ssh.tunnel import Tunnel

log = structlog.get_logger()

REFUSAL_SECONDS = 0.3
"""A refusal takes at least this long, so that it does not tell how much there was to look up."""

MOST_KEYS = 20
"""What a client may offer: more than a notebook has, and an agent full of other keys still gets to the right one."""

AWAY = "Nobody can be let in now: a part of the platform does not answer. Try again in a moment."


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all visits share."""

    banner: str
    authorize: Callable[[UUID, str], Awaitable[SshAnswer]]
    tell_entry: Callable[[UUID, str, str], Awaitable[None]]
    tunnel_to: Callable[[SshAnswer], Tunnel]
    visits: "set[Visit]"
    """All connections, those that are still signing in among them."""
    waiting_connections: int


class Visit(asyncssh.SSHServer):
    """One client."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings
        self._connection: asyncssh.SSHServerConnection | None = None
        self._tunnel: Tunnel | None = None
        self._notebook_side: asyncio.Task[asyncssh.SSHClientConnection] | None = None
        self._offered: set[str] = set()
        self._sessions: WeakSet[ClientSide] = WeakSet()
        self._background: set[asyncio.Task[None]] = set()
        self.notebook: UUID | None = None
        self.key = ""
        self.answer = SshAnswer()
        self.is_in = False

    @property
    def connection(self) -> asyncssh.SSHServerConnection:
        if self._connection is None:
            raise RuntimeError("There is no connection yet.")
        return self._connection

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        waiting = sum(not visit.is_in for visit in self._around.visits)
        if waiting >= self._around.waiting_connections:
            log.warning("too_many_connections_wait", waiting=waiting)
            conn.abort()
            return
        self._around.visits.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._around.visits.discard(self)
        if self.is_in:
            log.info("ssh_left", notebook=str(self.notebook), peer=self._peer())
        if self._notebook_side:
            self._notebook_side.cancel()
        if self._tunnel:
            self._in_the_background(self._tunnel.close())

    def begin_auth(self, username: str) -> bool:
        """Every name has to show a key, and is asked for it in the same way."""
        self.notebook = _notebook_of(username)
        if self._around.banner:
            self.connection.send_auth_banner(f"{self._around.banner.rstrip()}\r\n")
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    async def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Say whether the key is one of the notebook's; asyncssh then has the client prove that it holds it."""
        not_before = asyncio.get_running_loop().time() + REFUSAL_SECONDS
        text = key_text(key.export_public_key().decode())
        self._offered.add(text)
        if len(self._offered) > MOST_KEYS:
            self.connection.disconnect(
                asyncssh.DISC_NO_MORE_AUTH_METHODS_AVAILABLE,
                "Too many keys. Name the one for this notebook: ssh -o IdentitiesOnly=yes -i FILE",
            )
            return False
        answer = await self._ask(username, text)
        if answer.allowed:
            self.answer, self.key = answer, text
            return True
        await asyncio.sleep(not_before - asyncio.get_running_loop().time())
        return False

    async def _ask(self, username: str, key: str) -> SshAnswer:
        notebook = _notebook_of(username)
        if notebook is None or notebook != self.notebook:
            return SshAnswer()
        try:
            return await self._around.authorize(notebook, key)
        except ServiceUnavailableError as error:
            log.warning("ssh_key_not_checked", reason=error.message)
            self.connection.send_auth_banner(f"{AWAY}\r\n")
            return SshAnswer()

    def auth_completed(self) -> None:
        self.is_in = True
        fingerprint = asyncssh.import_public_key(self.key).get_fingerprint()
        log.info("ssh_entered", notebook=str(self.notebook), fingerprint=fingerprint, peer=self._peer())
        self._in_the_background(self._tell_entry())

    async def _tell_entry(self) -> None:
        if self.notebook is None:
            return
        try:
            await self._around.tell_entry(self.notebook, self.key, self._peer())
        except ServiceUnavailableError as error:
            log.warning("ssh_entry_not_recorded", notebook=str(self.notebook), reason=error.message)

    def session_requested(self) -> ClientSide:
        session = ClientSide(self.connect)
        self._sessions.add(session)
        return session

    @override
    def connection_requested(
        self, dest_host: str, dest_port: int, orig_host: str, orig_port: int
    ) -> Awaitable[asyncssh.SSHTCPSession[bytes]]:
        """Forward a port (-L, -D): the notebook connects, so its own network's rules hold."""
        del orig_host, orig_port
        return self._forward(dest_host, dest_port)

    def unix_connection_requested(self, dest_path: str) -> Awaitable[asyncssh.SSHUNIXSession[bytes]]:
        return self._forward_to_path(dest_path)

    async def _forward(self, host: str, port: int) -> asyncssh.SSHTCPSession[bytes]:
        notebook = await self._connect_for_channel()
        return await self.connection.forward_tunneled_connection(notebook, host, port)  # type: ignore[return-value]

    async def _forward_to_path(self, path: str) -> asyncssh.SSHUNIXSession[bytes]:
        notebook = await self._connect_for_channel()
        return await self.connection.forward_tunneled_unix_connection(notebook, path)  # type: ignore[return-value]

    async def _connect_for_channel(self) -> asyncssh.SSHClientConnection:
        try:
            return await self.connect()
        except (WrongStateError, NotebookUnreachableError) as error:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, error.message) from error

    async def connect(self) -> asyncssh.SSHClientConnection:
        """Return the connection to the notebook: one for all that this client does.

        Raises:
            WrongStateError: the notebook does not run.
            NotebookUnreachableError: it runs, and is not reached.

        """
        if self._notebook_side is None:
            self._notebook_side = asyncio.create_task(self._open())
        return await asyncio.shield(self._notebook_side)

    async def _open(self) -> asyncssh.SSHClientConnection:
        if self.answer.run is None or not self.answer.address:
            raise WrongStateError(self.answer.message or "The notebook does not run.")
        self._tunnel = self._around.tunnel_to(self.answer)
        opened = await self._tunnel.open()
        self._in_the_background(self._end_with(opened))
        return opened

    async def _end_with(self, notebook: asyncssh.SSHClientConnection) -> None:
        await notebook.wait_closed()
        self.end(ENDED)

    def end(self, sentence: str) -> None:
        """Close the connection, with a sentence that clients show."""
        if not self.connection.is_closed():
            for session in list(self._sessions):
                session.end(sentence)
            self.connection.disconnect(asyncssh.DISC_BY_APPLICATION, sentence)

    def _in_the_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def _peer(self) -> str:
        name = self.connection.get_extra_info("peername") or ("",)
        return str(name[0])


def _notebook_of(username: str) -> UUID | None:
    """Return the notebook of a user name: only its id in the form that we show, so that no name is another's."""
    try:
        notebook = UUID(username)
    except ValueError:
        return None
    return notebook if str(notebook) == username.lower() else None
