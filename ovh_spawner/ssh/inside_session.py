"""Serves one SSH connection inside a notebook: shells, commands, files, forwarded ports, as the notebook's user.

Started by ``inside_listener`` with the connection as its standard input. Needs Python and asyncssh alone.
"""

import asyncio
import fcntl
import os
import signal
import socket
import struct
import sys
import termios
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import asyncssh
from typing_extensions import override

COMMAND_NOT_FOUND = 127
COMMAND_NOT_RUNNABLE = 126

LAST_WORDS_SECONDS = 2.0
"""For the output of a terminal whose shell has ended: what runs on behind it may hold it open for ever."""

FROM_THE_CLIENT = ("LANG", "LC_", "COLORTERM")
"""Variables (or how they begin) that a client may set: how things are shown, nothing that steers programs."""

READ_BYTES = 65_536

Process = asyncssh.SSHServerProcess[bytes]
Output = tuple[asyncio.StreamReader, asyncio.ReadTransport]


@dataclass(frozen=True, slots=True)
class Streams:
    """Our ends of a program's input and outputs, and where each output goes."""

    to_program: asyncio.StreamWriter
    outputs: tuple[tuple[Output, asyncssh.SSHWriter[bytes]], ...]
    terminal: int | None = None

    def close(self) -> None:
        self.to_program.close()
        for (_, transport), _ in self.outputs:
            transport.close()


class NotebookServer(asyncssh.SSHServer):
    """Whoever reaches it is the notebook's user."""

    def begin_auth(self, username: str) -> bool:
        del username
        return False

    @override
    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        del dest_host, dest_port, orig_host, orig_port
        return True

    def unix_connection_requested(self, dest_path: str) -> bool:
        del dest_path
        return True


async def serve(connection: socket.socket) -> None:
    """Serve one connection to its end."""
    connection.setblocking(False)
    served = await asyncssh.run_server(
        connection,
        server_factory=NotebookServer,
        # Fresh for each connection: the way here is known to be the right one.
        server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
        process_factory=run_program,
        sftp_factory=True,
        allow_scp=True,
        encoding=None,
        line_editor=False,
        agent_forwarding=False,
        x11_forwarding=False,
        compression_algs=None,
    )
    await served.wait_closed()


async def run_program(process: Process) -> None:
    """Run the shell, or one command in it, and say how it ended."""
    if process.subsystem:
        process.stderr.write(f"There is no subsystem {process.subsystem!r} here, only sftp.\n".encode())
        process.exit(COMMAND_NOT_FOUND)
        return
    shell = os.environ.get("SHELL") or "/bin/sh"
    command = [shell] if process.command is None else [shell, "-c", process.command]
    environment = {**os.environ, **_from_the_client(process.env)}
    try:
        start = _with_pipes if process.term_type is None else _with_terminal
        code = await start(process, command, environment)
    except OSError as error:
        process.stderr.write(f"{shell}: {error.strerror}\n".encode())
        process.exit(COMMAND_NOT_RUNNABLE)
        return
    if code < 0:
        process.exit_with_signal(signal.Signals(-code).name.removeprefix("SIG"))
    else:
        process.exit(code)


async def _with_pipes(process: Process, command: list[str], environment: dict[str, str]) -> int:
    """Run without a terminal. As with OpenSSH, what runs on and holds the output open keeps the session."""
    (stdin, to_stdin), (from_stdout, stdout), (from_stderr, stderr) = (os.pipe() for _ in range(3))
    try:
        child = await asyncio.create_subprocess_exec(
            *command, env=environment, stdin=stdin, stdout=stdout, stderr=stderr, start_new_session=True
        )
    finally:
        for theirs in (stdin, stdout, stderr):
            os.close(theirs)
    outputs = ((await _reader(from_stdout), process.stdout), (await _reader(from_stderr), process.stderr))
    return await _attend(process, child, Streams(await _writer(to_stdin), outputs), patience=None)


async def _with_terminal(process: Process, command: list[str], environment: dict[str, str]) -> int:
    ours, theirs = os.openpty()
    environment |= {"TERM": process.term_type or "dumb", "SSH_TTY": os.ttyname(theirs)}
    _resize(ours, process.term_size)
    try:
        child = await asyncio.create_subprocess_exec(
            *command,
            env=environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            # Safe here: no other thread exists, and it makes one system call.
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
    finally:
        os.close(theirs)
    streams = Streams(await _writer(os.dup(ours)), ((await _reader(ours), process.stdout),), terminal=ours)
    return await _attend(process, child, streams, patience=LAST_WORDS_SECONDS)


async def _attend(
    process: Process, child: asyncio.subprocess.Process, streams: Streams, *, patience: float | None
) -> int:
    """Carry until the program has ended and said all, or the client has gone; return the exit code."""
    ended = asyncio.create_task(child.wait())
    gone = asyncio.create_task(process.wait_closed())
    said = asyncio.gather(*(_say(output, target) for (output, _), target in streams.outputs))
    feeding = asyncio.create_task(_feed(process, child, streams))
    try:
        await _first(ended, gone)
        await _first(said, gone, patience=patience)
    finally:
        for task in (gone, said, feeding):
            task.cancel()
        # A shell whose terminal is closed hears of it; what has no terminal runs on, as with OpenSSH.
        streams.close()
    return ended.result() if ended.done() else 0


async def _first(*events: asyncio.Future[Any], patience: float | None = None) -> None:
    await asyncio.wait(events, timeout=patience, return_when=asyncio.FIRST_COMPLETED)


async def _feed(process: Process, child: asyncio.subprocess.Process, streams: Streams) -> None:
    """Hand on what the client types or sends; nothing when the program does not read it any more."""
    with suppress(OSError, asyncssh.Error):
        while True:
            try:
                data = await process.stdin.read(READ_BYTES)
            except asyncssh.TerminalSizeChanged as change:
                if streams.terminal is not None:
                    _resize(streams.terminal, change.term_size)
                continue
            except (asyncssh.SignalReceived, asyncssh.BreakReceived) as sent:
                _signal(child, getattr(sent, "signal", "INT"))
                continue
            if not data:
                break
            streams.to_program.write(data)
            await streams.to_program.drain()
    if streams.terminal is None:
        streams.to_program.close()


async def _say(output: asyncio.StreamReader, target: asyncssh.SSHWriter[bytes]) -> None:
    # A terminal whose last program has ended reads as an error.
    with suppress(OSError, asyncssh.Error):
        while data := await output.read(READ_BYTES):
            target.write(data)
            await target.drain()


def _signal(child: asyncio.subprocess.Process, name: str) -> None:
    number = getattr(signal, f"SIG{name}", None)
    if number is not None:
        with suppress(ProcessLookupError):
            child.send_signal(number)


def _resize(terminal: int, size: tuple[int, int, int, int]) -> None:
    width, height, *pixels = size
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, *pixels))


async def _reader(file: int) -> Output:
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(file, "rb", buffering=0)
    )
    return reader, transport


async def _writer(file: int) -> asyncio.StreamWriter:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.connect_write_pipe(
        lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()), os.fdopen(file, "wb", buffering=0)
    )
    return asyncio.StreamWriter(transport, protocol, None, loop)


def _from_the_client(asked: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in asked.items() if name.startswith(FROM_THE_CLIENT)}


def main() -> None:
    """Serve the connection that is the standard input."""
    connection = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    try:
        asyncio.run(serve(connection))
    except (OSError, asyncssh.Error) as error:
        sys.stderr.write(f"An SSH connection failed: {error}\n")


if __name__ == "__main__":
    main()
