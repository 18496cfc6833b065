"""A statement as CSV."""

import csv
import io
from collections.abc import Iterator

from ovh_spawner.service.api.harmless_csv import harmless
from ovh_spawner.service.operations.views import Statement, StatementLine

COLUMNS = (
    "project", "user", "notebook", "notebookName", "run", "flavor", "count", "runs", "minutes", "ratePerHour",
    "cost", "currency", "running",
)  # fmt: skip


def statement_csv(statement: Statement) -> str:
    """Return the statement with a header line and a total line."""
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\r\n")
    table.writerow(COLUMNS)
    for line in statement.lines:
        table.writerow(_cells(line, statement.currency))
    total = ["total"] + [""] * (len(COLUMNS) - 1)
    total[COLUMNS.index("minutes")] = str(statement.minutes)
    total[COLUMNS.index("cost")] = format(statement.total, "f")
    total[COLUMNS.index("currency")] = harmless(statement.currency)
    table.writerow(total)
    return written.getvalue()


def _cells(line: StatementLine, currency: str) -> Iterator[str]:
    yield from map(
        harmless,
        (
            line.project,
            line.user or "",
            str(line.notebook or ""),
            line.notebook_name or "",
            str(line.run or ""),
        ),
    )
    yield harmless(line.flavor or "")
    yield "" if line.count is None else str(line.count)
    yield str(line.runs)
    yield str(line.minutes)
    yield "" if line.rate_per_hour is None else format(line.rate_per_hour, "f")
    yield format(line.cost, "f")
    yield harmless(currency)
    yield "yes" if line.running_now else "no"
