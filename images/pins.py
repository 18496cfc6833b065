"""Do a framework's pins resolve for its own Python? ``python -m images.pins [FRAMEWORK[:VERSION] …]``.

It asks the package index with uv, which evaluates every marker for the Python and platform of the image (pip would
for the one that it runs on), and installs nothing. Conda packages are not checked: that needs their channels.
"""

import argparse
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass

from images.plan import FOLDER
from images.versions import FrameworkVersion, read_versions
from ovh_spawner.catalog.loader import load_catalog
from ovh_spawner.errors import ConfigError

PLATFORM = "x86_64-manylinux_2_36"
"""Debian 12's C library."""
SECONDS = 900
_LINES = 12


@dataclass(frozen=True, slots=True)
class Answer:
    """What the resolver said of one version's pins."""

    is_resolved: bool
    words: str


def resolve(pins: FrameworkVersion) -> Answer:
    """Ask for a set of wheels that satisfies all pins."""
    command = ["uv", "pip", "compile", "-", "--quiet", "--no-header", "--only-binary", ":all:"]
    command += ["--python-version", pins.python, "--python-platform", PLATFORM]
    try:
        answer = subprocess.run(
            command, input="\n".join(pins.pip), capture_output=True, text=True, check=False, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        return Answer(is_resolved=False, words=f"no answer within {SECONDS} s")
    lines = [line for line in answer.stderr.splitlines() if line.strip()]
    return Answer(answer.returncode == 0, "\n        ".join(lines[-_LINES:]))


def main() -> int:
    """Check all versions, or those that are named; 1: one does not resolve."""
    parser = argparse.ArgumentParser(prog="python -m images.pins", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="FRAMEWORK[:VERSION]")
    wanted = set(parser.parse_args().names)
    if shutil.which("uv") is None:
        raise ConfigError("uv is not installed; `make images-pins` brings it.")
    wrong = 0
    for framework in load_catalog({}, region="GRA").frameworks:
        for version, pins in read_versions(FOLDER / "frameworks" / framework.id).items():
            name = f"{framework.id}:{version}"
            if not wanted or {name, framework.id} & wanted:
                wrong |= _report(name, pins)
    return wrong


def _report(name: str, pins: FrameworkVersion) -> int:
    begun = time.monotonic()
    answer = resolve(pins)
    also = f", not checked: conda {' '.join(pins.conda)}" if pins.conda else ""
    word = "resolved" if answer.is_resolved else "FAILED"
    print(f"{word:9}{name} ({time.monotonic() - begun:.0f} s{also})", flush=True)
    if not answer.is_resolved:
        print(f"        {answer.words}", flush=True)
    return 0 if answer.is_resolved else 1


if __name__ == "__main__":
    sys.exit(main())
