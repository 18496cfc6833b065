"""``/v1/usage``: billed minutes and money of a month, as JSON and as CSV."""

import re
from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field, field_validator

from ovh_spawner.contract import api_v1_catalog as wire
from ovh_spawner.domain.billing import Period
from ovh_spawner.service.api.parameters import Parameters
from ovh_spawner.service.api.routes import Call, Routes, Text
from ovh_spawner.service.api.usage_csv import statement_csv
from ovh_spawner.service.operations.views import Statement, StatementLine, StatementQuery

ROUTES = Routes("usage")

MONTH_PATTERN = r"^20\d\d-(0[1-9]|1[0-2])$"


class UsageParameters(Parameters):
    """Which month, and whose."""

    month: str = Field(
        default="", pattern=rf"^$|{MONTH_PATTERN}", description="Like 2026-11; now's without it."
    )
    project: str | None = Field(default=None, max_length=255, description="Only this project.")
    user: str | None = Field(default=None, max_length=255, description="Only this person.")
    notebook: UUID | None = Field(default=None, description="Only this notebook.")
    group_by: Literal["notebook", "user", "project", "run"] = Field(
        default="notebook", description="What one line is about."
    )

    @field_validator("month", mode="before")
    @classmethod
    def _in_words(cls, month: str) -> str:
        # The pattern is for the document; nobody should have to read it.
        if not re.fullmatch(MONTH_PATTERN, month, re.ASCII):
            raise ValueError("a month is written 2026-11")
        return month


def month_of(text: str, now: datetime) -> str:
    """Return the month asked for, or the one of ``now``."""
    return text or f"{now:%Y-%m}"


def period_of(month: str) -> Period:
    """Return a month such as 2026-11 as a period."""
    year, number = month.split("-")
    return Period.month(int(year), int(number))


async def _statement(call: Call[UsageParameters]) -> tuple[str, Statement]:
    asked = call.query
    month = month_of(asked.month, call.service.now())
    query = StatementQuery(
        project=asked.project, user=asked.user, notebook=asked.notebook, group_by=asked.group_by
    )
    return month, await call.service.operations.statements.statement(call.actor, period_of(month), query)


def _to_line(line: StatementLine) -> wire.UsageLine:
    return wire.UsageLine(
        project=line.project,
        user=line.user,
        notebook=line.notebook,
        notebook_name=line.notebook_name,
        run=line.run,
        flavor=line.flavor,
        count=line.count,
        runs=line.runs,
        minutes=line.minutes,
        rate_per_hour=line.rate_per_hour,
        cost=line.cost,
        running=line.running_now,
    )


@ROUTES.route("GET", "/v1/usage", answer=wire.Usage, query=UsageParameters, errors=(400, 404))
async def get_usage(call: Call[UsageParameters]) -> wire.Usage:
    """Get a month's statement."""
    month, statement = await _statement(call)
    return wire.Usage(
        month=month,
        start=statement.start,
        end=statement.end,
        currency=statement.currency,
        group_by=call.query.group_by,
        lines=[_to_line(line) for line in statement.lines],
        minutes=statement.minutes,
        total=statement.total,
        notes=list(statement.notes),
    )


@ROUTES.route(
    "GET",
    "/v1/usage.csv",
    answer=Text,
    query=UsageParameters,
    errors=(400, 404),
)
async def get_usage_csv(call: Call[UsageParameters]) -> Text:
    """Get a month's statement as CSV."""
    month, statement = await _statement(call)
    return Text(statement_csv(statement), "text/csv; charset=utf-8", filename=f"usage-{month}.csv")
