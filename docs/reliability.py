"""Write docs/reliability.md from what the tests recorded: python docs/reliability.py PART RECORD (make reliability)."""

import json
import platform
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent / "reliability.md"
CASES = Path(__file__).parent / "reliability.json"
"""What each part found when it ran last; the page is written from this, so that one part may run alone."""


@dataclass(frozen=True, slots=True)
class Part:
    """One table: where it was tried, and a notebook's moments there in their order."""

    title: str
    intro: str
    moments: tuple[str, ...]


LOCAL = Part(
    "On one machine",
    """\
`make reliability` runs these cases on your machine, on the real local installation (JupyterHub, its proxy, the service,
gateways, JupyterLab, rclone and an S3 server); it takes from half an hour to an hour. Each line is one case that was
checked after everything had come back by itself (after a loss of power: when `ovh-spawner local` had been started
again).
""",
    (
        "run opened, the hub not told",
        "run taken over by the spawner",
        "pull before the start",
        "editor starting",
        "running",
        "stop ordered",
        "editor ending",
        "push after the stop",
        "deletion ordered",
    ),
)
KUBERNETES = Part(
    "On Kubernetes",
    """\
`make reliability-cluster` runs these cases as root, on a real control plane, kubelet and containerd of its own, with
our images in a namespace that admits restricted pods only, our deployed roles, and a real S3 server; it takes about
half an hour. The times of the books are the cluster's own.
""",
    ("pod made", "running", "pod ending", "push after the stop", "deletion ordered"),
)
PARTS = {"local": LOCAL, "kubernetes": KUBERNETES}

HEAD = """\
<!-- Written by docs/reliability.py from runs of the tests: make reliability, make reliability-cluster. -->

# Reliability

After this page you know what was broken on purpose, when, and what held. A case that does not hold fails the command
that tries it, and leaves this page as it was.

What "held" means; [the twelve rules](explanation/rules.md) say why it matters:

- *no hold left*: no run of the notebook counts against the quota any more. On the local stack the next case
  takes all of it; on the cluster the notebooks have CPUs only;
- *one end*: each run of the notebook has one end and at most one beginning in the books, and its times are in order;
- *no stray process*: nothing on the machine carries the mark of an ended run;
- *no stray object*: no pod, Secret or policy of the run is left in the cluster; the claim with the files is;
- *billed to the minute*: RUNNING and its end in the books lie where the test itself saw them, between its last look
  before and its first look after, and the statement has the minutes that one counts by hand from them;
- *not billed beyond the true end*: what could have told the end was lost itself, so the bill ends at the last proof
  of life before it, never after it; it began where the test saw it begin;
- *nothing billed*: the run never reached RUNNING, and no statement has it;
- *the changed file is in the bucket*: what was written in the notebook was pushed, interrupted or not.
"""

TABLE = """
| What was broken | When | How the notebook ended | What held |
|---|---|---|---|
"""

TAIL = """
## What else is tried

- `tests/reliability/test_model.py`: random lives of notebooks with crashes of hub and service between any two steps,
  reports that come twice, late and out of order, and clocks that are set back, on SQLite and PostgreSQL. After each
  step the quota holds; at the end the bill is that of the true history, or lower by no more than the last proof of
  life. The bill of a run during which the clock was set back is not compared; its holds, files and end are.
  `make test-long` tries 150 of them; `OVH_SPAWNER_MODEL_EXAMPLES=1000` more.
- `tests/reliability/test_races.py`: many starts at once over HTTP in a project with 4 GPUs, and 16 clients at one
  notebook; one service process on SQLite, two on PostgreSQL. 64 clients every day, 1000 in `make test-long`.
- `tests/datasync/test_datasync_hostile_stores.py`: pushes killed at random bytes (4 every day, 60 in `make test-long`),
  stores that answer 503, slowly, wrongly or with spoilt data, credentials that expire, a bucket that is deleted
  meanwhile. `test_datasync_large.py`: in `make test-long` a file of 5 GiB, 100 000 files, a repository of 2 GB.
- `make test` runs a few of the cases above every day, with a service that is away for 20 seconds.

## What is known to be limited

- Time is the machine's clock. A clock that is set forward while a notebook runs bills the minutes that it jumped over;
  one that is set back bills fewer.
- A run whose gateway is killed with `kill -9` is billed to its last proof of life: by design at most one heartbeat old,
  which is not measured here.
- A loss of power is every process killed at the same instant, and the sockets' folders gone. What the kernel had not
  yet written to the disk is lost with real power only; the ledger waits for the disk at each commit (SQLite's
  `synchronous=FULL`), files that people write in a notebook do not.
- The first seconds after the hub is killed answer 502 to 404 at the proxy: the hub that comes back starts a new proxy.
"""


def main() -> int:
    """Keep what was recorded and write the page; 1: there is no record."""
    if len(sys.argv) != 3 or sys.argv[1] not in PARTS or not (record := Path(sys.argv[2])).exists():  # noqa: PLR2004
        sys.stderr.write(f"Give a part ({', '.join(PARTS)}) and the record that its tests wrote.\n")
        return 1
    found = json.loads(CASES.read_text()) if CASES.exists() else {}
    found[sys.argv[1]] = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "where": f"JupyterHub {version('jupyterhub')}, Python {platform.python_version()}",
        "cases": [json.loads(line) for line in record.read_text().splitlines()],
    }
    CASES.write_text(json.dumps(found, indent=1) + "\n")
    PAGE.write_text(page(found))
    return 0


def page(found: dict[str, Any]) -> str:
    """Return the page."""
    return HEAD + "".join(_section(PARTS[name], found[name]) for name in PARTS if name in found) + TAIL


def _section(part: Part, found: dict[str, Any]) -> str:
    """Return the part's table; a case that was run more than once stands once."""
    lines = {
        (part.moments.index(case["when"]), case["broken"]): (
            f"| {case['broken']} | {case['when']} | {case['ended']} | {'; '.join(case['held'])} |"
        )
        for case in found["cases"]
    }
    told = f"\nLast written on {found['date']}: {len(lines)} cases, {found['where']}.\n"
    table = TABLE + "\n".join(lines[key] for key in sorted(lines)) + "\n"
    return f"\n## {part.title}\n\n{part.intro}{told}{table}"


if __name__ == "__main__":
    sys.exit(main())
