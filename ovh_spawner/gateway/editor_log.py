"""``editor.log``: what the editor and its kernels print, kept to a bounded size."""

import asyncio
import os
from pathlib import Path
from typing import BinaryIO

import structlog

log = structlog.get_logger()

MAX_BYTES = 5_000_000
"""Days of a chatty JupyterLab; the file before it is kept too (``editor.log.1``), so 10 MB a run at most."""


class EditorLog:
    """Two files of which the older one is dropped, and the pipe that fills them.

    The pipe is ours, not asyncio's: asyncio waits for a process until everything that inherited its output
    has ended too, and kernels may outlive their editor.
    """

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._file = self._open()
        self._loop = asyncio.get_running_loop()
        self._pipe, self.inlet = os.pipe()
        self._told = False
        os.set_blocking(self._pipe, False)
        self._loop.add_reader(self._pipe, self._take)

    def close_inlet(self) -> None:
        """The editor has its copy."""
        os.close(self.inlet)

    def close(self) -> None:
        """Take what is there, and no more."""
        self._take()
        self._loop.remove_reader(self._pipe)
        os.close(self._pipe)
        self._file.close()

    def _take(self) -> None:
        try:
            chunk = os.read(self._pipe, 65_536)
        except BlockingIOError:
            return
        if not chunk:
            self._loop.remove_reader(self._pipe)  # everybody closed it
            return
        try:
            self._write(chunk)
            self._told = False
        except OSError as exc:
            # Go on reading: an editor whose output nobody takes stands still.
            if not self._told:
                log.warning("editor_log_not_written", reason=exc.strerror)
            self._told = True

    def _write(self, chunk: bytes) -> None:
        if self._file.tell() > self._max_bytes:
            self._file.close()
            self._path.replace(self._path.with_name(f"{self._path.name}.1"))
            self._file = self._open()
        self._file.write(chunk)

    def _open(self) -> BinaryIO:
        # What people's code prints is theirs alone.
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return os.fdopen(descriptor, "ab", buffering=0)
