"""``python -m bench [--full] [name …]``: run benchmarks and write the table."""

import argparse
import shlex
import sys
from datetime import UTC, datetime

from bench import data, ledger, start
from bench.measuring import CHECKOUT, Row, machine

BENCHMARKS = {"data": data.measure, "ledger": ledger.measure, "start": start.measure}
MISSES = """
## Goals that are missed, and why

- Opening a run takes about ten statements in one transaction (lock of the project, the notebook, its run, the holds,
  the pull, then the inserts); the peer is one statement. Fewer round trips are the way.
- A page of notebooks also reads the runs, syncs and last times of its hundred notebooks, and builds their answers.
"""

PAGE = CHECKOUT / "docs" / "benchmarks.md"


def main() -> int:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *BENCHMARKS], default=[])
    parser.add_argument("--full", action="store_true", help="the sizes of the goals; takes much longer")
    parser.add_argument("--dry", action="store_true", help="print the table, do not write the page")
    options = parser.parse_args()
    scale = "full" if options.full else "quick"
    rows: list[Row] = []
    for name in options.names or BENCHMARKS:
        sys.stderr.write(f"{name} …\n")
        rows += BENCHMARKS[name](scale)
    text = _page(rows, "python -m bench " + shlex.join(sys.argv[1:]))
    sys.stdout.write(text)
    if not options.dry:
        PAGE.write_text(text)
    return 0


def _page(rows: list[Row], command: str) -> str:
    lines = [
        "# Benchmarks",
        "",
        "After this page you know how fast it is, compared with a named peer in the same run on the same machine.",
        "A ratio is the median of the pairs, with the range; ours is the first of each pair, so below 1 is faster.",
        "Machines are shared and noisy: trust ratios, not seconds. Where a goal is missed, the page says so.",
        "",
        f"- date: {datetime.now(UTC):%Y-%m-%d}",
        f"- machine: {machine()}",
        f"- command: `{command.strip()}` (`make bench`)",
        "",
        "| what | peer | ratio | goal | seen |",
        "|---|---|---|---|---|",
    ]
    lines += [f"| {r.what} | {r.peer} | {r.ratio} | {r.goal} | {r.details} |" for r in rows]
    return "\n".join(lines) + "\n" + MISSES


if __name__ == "__main__":
    sys.exit(main())
