"""The two small files by which the spawner knows this process again, also after the hub was restarted."""

from datetime import datetime
from pathlib import Path

import psutil

from ovh_spawner.contract.base import Message
from ovh_spawner.contract.local import EndRecord, ProcessRecord


def record_process(folder: Path, *, address: str) -> None:
    """Write who we are (the id alone could be another process's tomorrow), and where we listen."""
    process = psutil.Process()
    record = ProcessRecord(pid=process.pid, created_at=process.create_time(), address=address)
    _write(folder / "process.json", record)


def record_end(folder: Path, *, at: datetime, exit_code: int, ordered: bool) -> None:
    """Write when and how the editor ended."""
    _write(folder / "end.json", EndRecord(at=at, exit_code=exit_code, ordered=ordered))


def _write(path: Path, message: Message) -> None:
    """Write so that a reader sees all of it or nothing."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(message.model_dump_json())
    new.replace(path)
