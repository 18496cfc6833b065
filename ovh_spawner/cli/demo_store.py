"""The demo data store: rclone's S3 server on loopback with one bucket of example files."""

import shutil
import sysconfig
from pathlib import Path

from ovh_spawner.errors import ConfigError

ALIAS = "DEMO"
BUCKET = "demo"

_FILES = {
    "welcome.md": (
        "# Your first bucket\n\n"
        "These files live in the bucket `demo` of the data store `DEMO`.\n"
        "Attach it as a volume, change something, stop the notebook: with permission RW or RWD your changes come "
        "back here.\n"
    ),
    "temperatures.csv": "city,month,celsius\nGravelines,January,5.1\nGravelines,July,17.9\n"
    "Beauharnois,January,-9.3\nBeauharnois,July,21.4\n",
    "notes/read-me-first.txt": "Folders are prefixes: mount the prefix notes/ alone, if you like.\n",
}


def fill(root: Path) -> None:
    """Create the demo bucket with its files, once; what people changed there stays."""
    bucket = root / BUCKET
    if bucket.exists():
        return
    # What people push into it is theirs.
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, text in _FILES.items():
        path = bucket / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def rclone_path() -> str:
    """Return the rclone that was installed with this package."""
    beside = Path(sysconfig.get_path("scripts")) / "rclone"
    found = str(beside) if beside.exists() else shutil.which("rclone")
    if not found:
        raise ConfigError(
            "rclone is missing. Install the extra that brings it: pip install 'ovh-spawner[local]'."
        )
    return found


def command(root: Path, port: int) -> list[str]:
    """Return the server's command line; its keys come by environment (RCLONE_AUTH_KEY)."""
    return [
        rclone_path(),
        "serve",
        "s3",
        "--addr",
        f"127.0.0.1:{port}",
        # Without a directory cache a file that was put beside the server is seen at once.
        "--dir-cache-time",
        "0s",
        str(root),
    ]
