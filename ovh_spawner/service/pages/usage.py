"""The usage page: a month's minutes and cost, notebook by notebook."""

import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from itertools import accumulate

from ovh_spawner.domain.billing import Period
from ovh_spawner.errors import InvalidSpecError
from ovh_spawner.service.api.usage_csv import statement_csv
from ovh_spawner.service.operations.views import Statement, StatementLine, StatementQuery
from ovh_spawner.service.pages.handlers import PageHandler

_MONTH = re.compile(r"20\d\d-(0[1-9]|1[0-2])", re.ASCII)

_MONTHS_OFFERED = 12
"""Older months can be asked for by address."""


class _StatementPage(PageHandler):
    def month(self) -> str:
        asked = self.get_query_argument("month", "") or f"{self.service.now():%Y-%m}"
        if not _MONTH.fullmatch(asked):
            raise InvalidSpecError.one("month", f"{asked[:20]!r} is not a month; write it like 2026-11.")
        return asked

    async def statement(self, month: str) -> Statement:
        year, number = month.split("-")
        period = Period.month(int(year), int(number))
        # An admin's page is about themselves too; the API tells the rest.
        query = StatementQuery(user=self.actor.name)
        return await self.service.operations.statements.statement(self.actor, period, query)


class UsagePage(_StatementPage):
    """``/services/ai/usage``."""

    async def get(self) -> None:
        month = self.month()
        statement = await self.statement(month)
        self.page(
            "usage.html",
            month=month,
            months=_months(self.service.now(), month),
            statement=statement,
            rows=_rows(statement.lines),
        )


class UsageCsvPage(_StatementPage):
    """``/services/ai/usage.csv``."""

    async def get(self) -> None:
        month = self.month()
        text = statement_csv(await self.statement(month))
        self.set_header("Content-Type", "text/csv; charset=utf-8")
        self.set_header("Content-Disposition", f'attachment; filename="usage-{month}.csv"')
        self.finish(text)


def _rows(lines: tuple[StatementLine, ...]) -> list[dict[str, object]]:
    running = accumulate((line.cost for line in lines), initial=Decimal(0))
    next(running)
    return [
        {
            "line": line,
            "rate": "" if line.rate_per_hour is None else _shown(line.rate_per_hour),
            "cost": _shown(line.cost),
            "total": _shown(total),
        }
        for line, total in zip(lines, running, strict=True)
    ]


def _shown(amount: Decimal) -> str:
    """Four decimals: a minute of the smallest flavor is worth less than a cent."""
    return f"{amount:.4f}"


def _months(now: datetime, chosen: str) -> list[str]:
    offered = list(_back(now.year, now.month))
    return offered if chosen in offered else [chosen, *offered]


def _back(year: int, month: int) -> Iterator[str]:
    for _ in range(_MONTHS_OFFERED):
        yield f"{year}-{month:02}"
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)
