"""Leaves an SSH server behind and becomes the editor: ``python -I inside_listener.py SOCKET EDITOR…``.

What is left behind is this program again, without arguments and with its listening socket as standard input. So a
shell over SSH has the editor's account, folder, variables and cards, and ends with the editor's container.
Needs Python alone. Nobody is asked for a key here: the socket lies in a folder that only the notebook's own account
enters, and the gateway opens it to nobody but the SSH endpoint.
"""

import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import NoReturn

COMMAND_NOT_FOUND = 127
COMMAND_NOT_RUNNABLE = 126
"""What shells say, so that people know them."""

PAUSE_SECONDS = 1.0
"""Before the next try when the machine has no room for one more connection or process."""

SESSION = str(Path(__file__).with_name("inside_session.py"))


def main(arguments: list[str]) -> int:
    """Leave the server behind and become the editor; an editor without SSH is better than none."""
    if not arguments:
        _accept_for_ever(socket.socket(fileno=os.dup(0)))
    path, *command = arguments
    try:
        _leave_behind(_listen(path))
    except OSError as error:
        sys.stderr.write(f"There is no SSH in this notebook: {error.strerror}.\n")
    try:
        os.execvp(command[0], command)  # noqa: S606 - the editor
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        return COMMAND_NOT_FOUND if isinstance(error, FileNotFoundError) else COMMAND_NOT_RUNNABLE


def _listen(path: str) -> socket.socket:
    Path(path).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    mask = os.umask(0o177)
    try:
        listener.bind(path)
    finally:
        os.umask(mask)
    listener.listen(32)
    return listener


def _leave_behind(listener: socket.socket) -> None:
    """Serve in a process that is nobody's child: editors bury their own children only."""
    child = os.fork()
    if child:
        listener.close()
        os.waitpid(child, 0)
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    # Anew, so that nobody who looks at this machine's processes takes it for the editor.
    _become(__file__, listener)


def _accept_for_ever(listener: socket.socket) -> NoReturn:
    """Give each connection a process of its own: while nobody is connected, this is all that takes memory."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        try:
            connection, _ = listener.accept()
            with connection:
                if not os.fork():
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    _become(SESSION, connection)
        except OSError as error:
            sys.stderr.write(f"An SSH connection could not be taken: {error.strerror}.\n")
            time.sleep(PAUSE_SECONDS)


def _become(program: str, standard_input: socket.socket) -> NoReturn:
    """Become another program of ours."""
    try:
        os.dup2(standard_input.fileno(), 0)
        os.execv(sys.executable, [sys.executable, "-I", program])  # noqa: S606 - our own
    finally:
        os._exit(COMMAND_NOT_RUNNABLE)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
