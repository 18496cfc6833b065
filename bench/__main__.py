"""``python -m bench [--full] [name …]``: run benchmarks and write the page."""

import argparse
import json
import shlex
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from bench import cluster, data, gateway, ledger, start
from bench.measuring import CHECKOUT, Row, machine

BENCHMARKS = {
    "start": start.measure,
    "ledger": ledger.measure,
    "data": data.measure,
    "gateway": gateway.measure,
    "cluster": cluster.measure,
}
TITLES = {
    "start": "Start and stop",
    "ledger": "Ledger",
    "data": "Data",
    "gateway": "Gateway",
    "cluster": "Kubernetes",
}
PAGE = CHECKOUT / "docs" / "benchmarks.md"
RESULTS = CHECKOUT / "bench" / "results.json"
"""What each benchmark found when it ran last; the page is written from this, so that one may run alone."""

HEAD = """# Benchmarks

After this page you know how fast it is, compared with a named peer in the same run on the same machine.
A ratio is the median of the pairs, with the range; ours is the first of each pair, so below 1 is faster (except where
it says throughput). Machines are shared and noisy: trust ratios, not seconds. Where a goal is missed, the page says so.
"""


def main() -> int:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *BENCHMARKS], default=[])
    parser.add_argument("--full", action="store_true", help="the sizes of the goals; takes much longer")
    parser.add_argument("--dry", action="store_true", help="print the page, do not write it")
    options = parser.parse_args()
    scale = "full" if options.full else "quick"
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in options.names or BENCHMARKS:
        sys.stderr.write(f"{name} …\n")
        rows = BENCHMARKS[name](scale)
        results[name] = result(rows, shlex.join(["python", "-m", "bench", *sys.argv[1:]]))
    sys.stdout.write(page(results))
    if not options.dry:
        save(results)
    return 0


def result(rows: list[Row], command: str) -> dict[str, Any]:
    """Return what one benchmark found, with where and when."""
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": machine(),
        "command": command,
        "rows": [asdict(row) for row in rows],
    }


def save(results: Mapping[str, Any]) -> None:
    """Keep the results and write the page."""
    RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    PAGE.write_text(page(results))


def page(results: Mapping[str, Any]) -> str:
    """Return the page."""
    parts = [HEAD, *(_section(TITLES[name], results[name]) for name in BENCHMARKS if name in results)]
    return "\n".join([*parts, (CHECKOUT / "bench" / "notes.md").read_text()])


def _section(title: str, found: Mapping[str, Any]) -> str:
    lines = [
        f"## {title}",
        "",
        f"- date: {found['date']}",
        f"- machine: {found['machine']}",
        f"- command: `{found['command']}`",
        "",
        "| what | peer | ratio | goal | seen |",
        "|---|---|---|---|---|",
    ]
    lines += ["| {what} | {peer} | {ratio} | {goal} | {details} |".format(**row) for row in found["rows"]]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
