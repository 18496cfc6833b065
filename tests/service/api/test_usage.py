import csv
import io
from decimal import Decimal
from uuid import UUID

import pytest

from ovh_spawner.service.operations.views import StatementLine

NOTEBOOK = UUID("7600dda5-27f7-4937-9260-e24c987ae3c6")


def line(name, cost):
    return StatementLine(
        project="default",
        user="ada",
        notebook=NOTEBOOK,
        notebook_name=name,
        run=None,
        flavor="ai1-1-cpu",
        count=2,
        runs=1,
        minutes=61,
        rate_per_hour=Decimal("0.06"),
        cost=Decimal(cost),
        running_now=False,
    )


@pytest.fixture
def lines(door):
    found = (line("=cmd|'/C calc'!A0", "0.061"), line('b,"c"', "0.0005"))
    door.service.operations.statements.lines = found
    return found


async def test_a_statement_tells_exact_costs_and_a_rounded_total(ada, lines):
    usage = (await ada.get("v1/usage", params={"month": "2026-11"})).json()

    assert usage["start"] == "2026-11-01T00:00:00.000000Z"
    assert usage["end"] == "2026-12-01T00:00:00.000000Z"
    assert [entry["cost"] for entry in usage["lines"]] == ["0.061", "0.0005"]
    assert (usage["minutes"], usage["total"], usage["currency"]) == (122, "0.06", "EUR")
    assert "run" not in usage["lines"][0]


async def test_without_a_month_it_is_this_one(ada):
    assert (await ada.get("v1/usage")).json()["month"] == "2026-11"


@pytest.mark.parametrize("month", ["2026-13", "2026", "26-11", "2026-11-01", "9999-12", "٢٠٢٦-١١"])
async def test_a_month_that_is_none_is_named(ada, month):
    answer = await ada.get("v1/usage", params={"month": month})

    assert answer.status_code == 400
    assert answer.json()["problems"][0]["field"] == "month"


async def test_no_text_of_the_csv_is_a_formula_for_a_spreadsheet(ada, lines):
    answer = await ada.get("v1/usage.csv", params={"month": "2026-11"})

    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert 'filename="usage-2026-11.csv"' in answer.headers["Content-Disposition"]
    assert rows[0]["notebookName"] == "'=cmd|'/C calc'!A0"
    assert rows[1]["notebookName"] == 'b,"c"'
    assert rows[2]["project"] == "total"
    assert not any(value.startswith(("=", "+", "-", "@")) for row in rows for value in row.values())
