"""Carrying one shell, command or file transfer between a client and a notebook; the library carries the ports.

Two sessions that know each other: what one hears the other says, and when one cannot speak the other does not listen.
"""

import asyncio
from collections.abc import Awaitable, Callable

import asyncssh
import structlog
from typing_extensions import override

from ovh_spawner.errors import OVHSpawnerError

log = structlog.get_logger()

EXIT_NOT_CARRIED = 255
"""What ssh itself says when it cannot connect."""

ENDED = "The notebook has ended."

SUBSYSTEM = "sftp"
"""The one that there is."""

Connect = Callable[[], Awaitable[asyncssh.SSHClientConnection]]
TermSize = tuple[int, int, int, int]


class ClientSide(asyncssh.SSHServerSession[bytes]):
    """What a client asks for."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._channel: asyncssh.SSHServerChannel[bytes] | None = None
        self._inner: asyncssh.SSHClientChannel[bytes] | None = None
        self._starting: asyncio.Task[None] | None = None
        self._early: list[bytes] = []
        """What the client said before the notebook was there to hear it."""
        self._early_end = False

    @property
    def channel(self) -> asyncssh.SSHServerChannel[bytes]:
        if self._channel is None:
            raise RuntimeError("There is no channel yet.")
        return self._channel

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._channel = chan

    def end(self, sentence: str) -> None:
        """End the session from this side."""
        if self._channel:
            say_and_end(self._channel, sentence)

    def pty_requested(self, term_type: str, term_size: TermSize, term_modes: object) -> bool:
        del term_type, term_size, term_modes
        return True

    def shell_requested(self) -> bool:
        return True

    def exec_requested(self, command: str) -> bool:
        del command
        return True

    def subsystem_requested(self, subsystem: str) -> bool:
        return subsystem == SUBSYSTEM

    def session_started(self) -> None:
        self._starting = asyncio.create_task(self._start())

    async def _start(self) -> None:
        asked = self.channel
        try:
            notebook = await self._connect()
            inner, _ = await notebook.create_session(
                lambda: NotebookSide(asked),
                asked.get_command() or (),
                subsystem=asked.get_subsystem(),
                env=[f"{name}={value}" for name, value in asked.get_environment().items()],
                term_type=asked.get_terminal_type(),
                term_size=asked.get_terminal_size(),
                term_modes=asked.get_terminal_modes(),
                encoding=None,
            )
        except OVHSpawnerError as error:
            say_and_end(asked, error.message)
        except (asyncssh.Error, OSError) as error:
            log.warning("ssh_session_not_started", reason=type(error).__name__)
            say_and_end(asked, "The notebook refused this.")
        else:
            self._hear(inner)

    def _hear(self, inner: asyncssh.SSHClientChannel[bytes]) -> None:
        self._inner = inner
        if self.channel.is_closing():
            inner.close()
            return
        for data in self._early:
            inner.write(data)
        if self._early_end:
            inner.write_eof()
        else:
            self.channel.resume_reading()

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        del datatype
        if self._inner is None:
            self._early.append(data)
            self.channel.pause_reading()
        elif not self._inner.is_closing():
            self._inner.write(data)

    def eof_received(self) -> bool:
        self._early_end = True
        if self._inner and not self._inner.is_closing():
            self._inner.write_eof()
        return True

    @override
    def terminal_size_changed(self, width: int, height: int, pixwidth: int, pixheight: int) -> None:
        if self._inner:
            self._inner.change_terminal_size(width, height, pixwidth, pixheight)

    def signal_received(self, signal: str) -> None:
        if self._inner:
            self._inner.send_signal(signal)

    def break_received(self, msec: int) -> bool:
        if self._inner:
            self._inner.send_break(msec)
        return self._inner is not None

    def pause_writing(self) -> None:
        if self._inner:
            self._inner.pause_reading()

    def resume_writing(self) -> None:
        if self._inner:
            self._inner.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self._inner:
            self._inner.close()


class NotebookSide(asyncssh.SSHClientSession[bytes]):
    """What the notebook answers."""

    def __init__(self, client: asyncssh.SSHServerChannel[bytes]) -> None:
        self._client = client
        self._end: Callable[[], None] | None = None

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        if not self._client.is_closing():
            self._client.write(data, datatype)

    def eof_received(self) -> bool:
        return True

    def exit_status_received(self, status: int) -> None:
        self._end = lambda: self._client.exit(status)

    @override
    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:
        self._end = lambda: self._client.exit_with_signal(signal, core_dumped, msg, lang)

    def pause_writing(self) -> None:
        if not self._client.is_closing():
            self._client.pause_reading()

    def resume_writing(self) -> None:
        if not self._client.is_closing():
            self._client.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._client.is_closing():
            return
        if self._end:
            self._end()
        elif exc is not None:
            say_and_end(self._client, ENDED)
        else:
            # File transfers end without a word when all is well.
            self._client.exit(0 if self._client.get_subsystem() else EXIT_NOT_CARRIED)


def say_and_end(client: asyncssh.SSHServerChannel[bytes], sentence: str) -> None:
    """End a session with a sentence; the one of a disconnection comes too late for clients that have a session."""
    if not client.is_closing():
        client.write_stderr(f"{sentence}\r\n".encode())
        client.exit(EXIT_NOT_CARRIED)
