"""Write docs/reliability.md from what the kill tests recorded: python docs/reliability.py RECORD (make reliability)."""

import json
import sys
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent / "reliability.md"

HEAD = """\
<!-- Written by docs/reliability.py from a run of the kill tests: make reliability. -->

# Reliability

After this page you know what was broken on purpose, when, and what held.

`make reliability` runs these cases on your machine, on the real local installation (JupyterHub, its proxy, the service,
gateways, JupyterLab, rclone and an S3 server), and writes this page anew. Each line is one case that was checked after
everything had come back by itself; a case that does not hold fails the command and leaves this page as it was.

What "held" means:

- *no hold left*: no run of the project counts against its quota any more, and the next case takes all of it;
- *one end*: each run of the notebook has exactly one end, and its times are in order;
- *no stray process*: nothing on the machine carries the mark of an ended run;
- *its times are in order*: the run's RUNNING is not after the end of its billed time, and that not after its end. How
  many minutes that makes is compared with the true history by the model test below, not here;
- *nothing billed*: the run never reached RUNNING;
- *the changed file is in the bucket*: what was written in the notebook was pushed, interrupted or not.

| What was broken | When | How the notebook ended | What held |
|---|---|---|---|
"""

TAIL = """
## What else is tried

- `tests/reliability/test_model.py`: random lives of notebooks with crashes of hub and service between any two steps,
  reports that come twice, late and out of order, and clocks that are set back, on SQLite and PostgreSQL. After each
  step the quota holds; at the end the bill is that of the true history, or lower by no more than the last proof of
  life. The bill of a run during which the clock was set back is not compared; its holds, files and end are.
  `OVH_SPAWNER_MODEL_EXAMPLES=1000` tries more of them.
- `tests/reliability/test_races.py`: many starts at once over HTTP in a project with 4 GPUs, and 16 clients at one
  notebook; one service process on SQLite, two on PostgreSQL. `OVH_SPAWNER_RACE_CLIENTS=1000` takes more.

## What is known to be limited

- Time is the machine's clock. A clock that is set forward while a notebook runs bills the minutes that it jumped over;
  one that is set back bills fewer.
- A run whose gateway is killed with `kill -9` is billed to its last proof of life: by design at most one heartbeat old,
  which is not measured here.
- Not tried here: the loss of the whole machine (the supervisor and the store stay), the gateway or editor killed in the
  moment of a stop, and a service that is away for ten minutes.
- The first seconds after the hub is killed answer 502 to 404 at the proxy: the hub that comes back starts a new proxy.
"""


def page(cases: list[dict[str, Any]]) -> str:
    """Return the page; a case that was run more than once stands once."""
    lines = {
        (case["when"], case["broken"]): (
            f"| {case['broken']} | {case['when']} | {case['ended']} | {'; '.join(case['held'])} |"
        )
        for case in cases
    }
    return HEAD + "\n".join(lines[key] for key in sorted(lines)) + "\n" + TAIL


def main() -> int:
    """Write the page; 1: there is no record."""
    if len(sys.argv) != 2 or not (record := Path(sys.argv[1])).exists():  # noqa: PLR2004 - the program and one file
        sys.stderr.write("Give the record that the kill tests wrote: make reliability\n")
        return 1
    PAGE.write_text(page([json.loads(line) for line in record.read_text().splitlines()]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
