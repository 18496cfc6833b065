"""The rights of an ordinary account, for programs that tests start.

CI runs as root, for whom nothing is unreadable and nothing unwritable. A program started behind this prefix keeps
the account, so that it finds the checkout wherever that lies, but file modes count for it.
"""

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.requirements import need

_OVERRIDES = "-dac_override,-dac_read_search"


@functools.cache
def _dropping() -> tuple[str, ...] | None:
    """Return what goes before a command; None where this machine cannot do it."""
    if os.geteuid() != 0:
        return ()
    if shutil.which("setpriv") is None:
        return None
    prefix = ("setpriv", "--inh-caps", _OVERRIDES, "--bounding-set", _OVERRIDES)
    # A checkout of another account that only root's might opens would not run like this.
    tried = subprocess.run(
        [*prefix, sys.executable, "-c", "import ovh_spawner"], capture_output=True, check=False
    )
    return prefix if tried.returncode == 0 else None


def ordinary_rights() -> tuple[str, ...]:
    """Return what goes before a command, so that file modes hold for it also when the tests run as root."""
    return _dropping() or ()


def need_ordinary_rights() -> None:
    """Skip a test that means nothing for somebody who may read everything."""
    need("ordinary rights", _dropping() is not None, "setpriv, and a checkout that its modes let in")


def may_read(path: Path) -> bool:
    """Say whether a program with ordinary rights may read a file."""
    command = [*ordinary_rights(), sys.executable, "-c", "import sys; open(sys.argv[1]).close()", str(path)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
