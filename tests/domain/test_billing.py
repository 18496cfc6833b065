from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovh_spawner.domain.billing import (
    Period,
    RunUsage,
    billed_interval,
    billed_minutes,
    cost_lines,
    round_to_cents,
    total,
)
from ovh_spawner.domain.states import RunState, Source, end_of
from tests.domain.building import CPU, GPU, START, at, price

NOW = datetime(2027, 1, 1, tzinfo=UTC)
EVER = Period(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
MAY = Period.month(2026, 5)

# Without a zone, as hypothesis asks: it adds it.
instants = st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
durations = st.timedeltas(timedelta(0), timedelta(days=900))


def usage(*transitions, count=1, last_alive=None):
    return RunUsage(
        run=UUID(int=1),
        notebook=UUID(int=2),
        notebook_name="jupyterlab-kind",
        owner="ana",
        flavor="ai1-1-gpu",
        count=count,
        transitions=transitions,
        running_now=False,
        last_alive=last_alive,
    )


def run_of(start, end, count=1):
    return usage(at("RUNNING", start), at("STOPPING", end), count=count)


@pytest.mark.parametrize(
    ("seconds", "minutes"),
    [
        (0, 1),
        (0.000001, 1),
        (1, 1),
        (59, 1),
        (59.999999, 1),
        (60, 1),
        (60.000001, 2),
        (61, 2),
        (120, 2),
        (3600, 60),
    ],
)
def test_each_commenced_minute_counts_in_full(seconds, minutes):
    assert billed_minutes(START, START + timedelta(seconds=seconds)) == minutes

    line = cost_lines(run_of(0, seconds, count=2), GPU, MAY, now=NOW)
    assert line.minutes == minutes
    assert line.amount == Fraction("1.93") * 2 * minutes / 60


def test_a_run_that_never_reached_running_costs_nothing():
    line = cost_lines(usage(at("STARTING", 0), at("FAILED", 600)), GPU, MAY, now=NOW)

    assert line.minutes == 0
    assert line.cost == 0
    assert line.started_at is None
    assert line.rate_per_hour == 0


@pytest.mark.parametrize("end", ["STOPPING", "FAILED", "ERROR"])
def test_billing_ends_with_the_first_end_of_running(end):
    transitions = [at("RUNNING", 0), at("STOPPED", 500), at("STOPPING", 400), at(end, 90)]

    assert billed_interval(transitions) == (START, START + timedelta(seconds=90))


def test_the_upload_after_the_stop_is_free():
    transitions = [at("RUNNING", 0), at("STOPPING", 60), at("STOPPED", 3600)]

    assert billed_interval(transitions) == (START, START + timedelta(seconds=60))


def test_a_stop_that_nobody_ordered_ends_billing_where_it_was_seen():
    assert billed_interval([at("RUNNING", 0), at("STOPPED", 75)]) == (START, START + timedelta(seconds=75))


def test_a_stop_that_was_ordered_after_the_processes_had_gone_adds_no_time():
    known = (
        at("RUNNING", 0),
        at("STOPPED", 60, source=Source.GATEWAY),
        at("STOPPING", 600, source=Source.API),
    )

    assert billed_minutes(*billed_interval(known)) == 1


@pytest.mark.parametrize("guess", [20, 90])
def test_an_end_that_the_cluster_saw_counts_and_not_what_others_conclude(guess):
    known = (
        at("RUNNING", 0),
        at("FAILED", 60, source=Source.CLUSTER),
        at("ERROR", guess, source=Source.HUB),
        at("STOPPED", guess, source=Source.RECONCILE),
    )

    assert end_of(known).state is RunState.FAILED
    assert billed_interval(known) == (START, START + timedelta(seconds=60))


def test_of_conclusions_the_earliest_counts():
    known = (at("RUNNING", 0), at("ERROR", 600, source=Source.HUB), at("FAILED", 60, source=Source.RECONCILE))

    assert end_of(known).state is RunState.FAILED
    assert billed_minutes(*billed_interval(known)) == 1


def test_repeats_and_order_of_reports_change_nothing():
    reports = [at("STARTING", -9), at("RUNNING", 0), at("STOPPING", 61), at("STOPPED", 70)]

    assert billed_interval(reports) == billed_interval([*reversed(reports), *reports])


def test_the_time_of_the_better_informed_source_counts():
    reports = [at("RUNNING", 5, Source.HUB), at("RUNNING", 2, Source.GATEWAY), at("STOPPING", 62)]

    assert billed_interval(reports) == (START + timedelta(seconds=2), START + timedelta(seconds=62))


def test_a_stop_ordered_before_the_editor_answered_costs_one_minute():
    line = cost_lines(usage(at("STOPPING", 0), at("RUNNING", 2)), CPU, MAY, now=NOW)

    assert line.minutes == 1


def test_an_open_run_is_counted_up_to_now_and_not_beyond_its_last_sign_of_life():
    now = START + timedelta(minutes=10)
    alive = START + timedelta(minutes=3)

    assert cost_lines(usage(at("RUNNING", 0)), GPU, MAY, now=now).minutes == 10
    assert cost_lines(usage(at("RUNNING", 0), last_alive=alive), GPU, MAY, now=now).minutes == 3
    assert billed_interval([at("RUNNING", 0)], last_alive=alive) == (START, alive)
    assert billed_interval([at("RUNNING", 0)]) == (START, START)
    assert billed_interval([at("RUNNING", 0)], now=START - timedelta(hours=1)) == (START, START)


def test_a_minute_belongs_to_the_month_in_which_it_commenced():
    start = datetime(2026, 5, 31, 23, 58, 30, tzinfo=UTC)
    run = run_of(start, start + timedelta(minutes=4))

    # Commenced at 23:58:30, 23:59:30 | 00:00:30, 00:01:30.
    assert cost_lines(run, GPU, MAY, now=NOW).minutes == 2
    assert cost_lines(run, GPU, Period.month(2026, 6), now=NOW).minutes == 2
    assert cost_lines(run, GPU, Period.month(2026, 7), now=NOW).minutes == 0


def test_a_minute_that_commences_with_the_month_belongs_to_it():
    start = datetime(2026, 5, 31, 23, 59, tzinfo=UTC)
    run = run_of(start, start + timedelta(minutes=2))

    assert cost_lines(run, GPU, MAY, now=NOW).minutes == 1
    assert cost_lines(run, GPU, Period.month(2026, 6), now=NOW).minutes == 1


def test_december_is_followed_by_january():
    assert Period.month(2026, 12) == Period(
        datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    )


def test_a_minute_has_the_price_of_the_instant_at_which_it_commenced():
    change = START + timedelta(minutes=2, seconds=30)
    flavor = replace(GPU, prices=(price("2.40", change), price("1.20")))

    line = cost_lines(run_of(0, 300, count=2), flavor, MAY, now=NOW)

    # Commenced at 0, 60 and 120 s at the old price, at 180 and 240 s at the new one.
    assert [(part.minutes, part.rate_per_hour) for part in line.parts] == [
        (3, Decimal("2.40")),
        (2, Decimal("4.80")),
    ]
    assert line.cost == Decimal("0.28")
    assert line.rate_per_hour == Decimal("4.80")


def test_a_minute_that_commences_with_a_price_has_it():
    flavor = replace(GPU, prices=(price("6"), price("60", START + timedelta(minutes=1))))

    assert cost_lines(run_of(0, 120), flavor, MAY, now=NOW).cost == Decimal("1.1")


def test_minutes_before_the_first_price_are_free():
    flavor = replace(GPU, prices=(price("60", START + timedelta(minutes=3)),))

    assert cost_lines(run_of(0, 300), flavor, MAY, now=NOW).cost == 2
    assert cost_lines(run_of(0, 300), replace(GPU, prices=()), MAY, now=NOW).cost == 0


def test_the_hour_that_summer_time_skips_or_repeats_is_billed_as_it_passed():
    paris = ZoneInfo("Europe/Paris")
    autumn = datetime(2026, 10, 25, 0, 30, tzinfo=UTC).astimezone(paris)
    end = datetime(2026, 10, 25, 1, 30, tzinfo=UTC).astimezone(paris)
    run = run_of(autumn.astimezone(UTC), end.astimezone(UTC))

    assert cost_lines(run, GPU, EVER, now=NOW).minutes == 60


def test_a_statement_rounds_once_and_half_a_cent_goes_up():
    # 30 minutes at 1.91 are 0.955 exactly; thirty rounded sixtieths of it would lose the half cent.
    flavor = replace(GPU, prices=(price("1.91"),))
    lines = [cost_lines(run_of(n * 60, n * 60 + 1), flavor, MAY, now=NOW) for n in range(30)]

    assert total(lines) == Decimal("0.96")
    assert total([]) == Decimal("0.00")
    assert str(total(lines[:0])) == "0.00"
    assert round_to_cents(Fraction("0.00499")) == Decimal("0.00")


def test_the_vendors_worked_examples():
    gpus = cost_lines(run_of(0, 10 * 3600, count=2), GPU, MAY, now=NOW)
    cpus = [cost_lines(run_of(0, 5 * 3600), CPU, MAY, now=NOW) for _ in range(15)]

    assert total([gpus]) == Decimal("38.60")
    assert total(cpus) == Decimal("2.25")


def slow_cost(start, end, flavor, count):
    """The rule as it is written, minute by minute."""
    amount = Fraction(0)
    for minute in range(billed_minutes(start, end)):
        commenced = start + timedelta(minutes=minute)
        valid = [p for p in flavor.prices if p.valid_from <= commenced]
        if valid:
            amount += Fraction(max(valid, key=lambda p: p.valid_from).per_hour) * count / 60
    return amount


@given(
    instants,
    st.timedeltas(timedelta(0), timedelta(hours=3)),
    st.lists(st.timedeltas(timedelta(hours=-1), timedelta(hours=3)), max_size=4, unique=True),
    st.integers(1, 12),
)
def test_counting_by_subtraction_equals_counting_each_minute(start, duration, changes, count):
    prices = tuple(price(str(n + 1), start + change) for n, change in enumerate(changes))
    flavor = replace(GPU, prices=prices)

    line = cost_lines(run_of(start, start + duration, count=count), flavor, EVER, now=NOW)

    assert line.amount == slow_cost(start, start + duration, flavor, count)


@given(instants, durations)
def test_the_months_of_a_run_add_up_to_all_of_it(start, duration):
    run = run_of(start, start + duration)
    months = [Period.month(year, month) for year in range(2023, 2032) for month in range(1, 13)]

    whole = cost_lines(run, GPU, EVER, now=NOW)
    parts = [cost_lines(run, GPU, month, now=NOW) for month in months]

    assert sum(part.minutes for part in parts) == whole.minutes
    assert sum(part.amount for part in parts) == whole.amount


@given(instants, durations, st.floats(0, 1))
def test_splitting_a_run_never_bills_less_and_at_most_one_minute_more(start, duration, share):
    middle = start + duration * share
    whole = billed_minutes(start, start + duration)
    halves = billed_minutes(start, middle) + billed_minutes(middle, start + duration)

    assert whole <= halves <= whole + 1


@given(instants, durations, durations)
def test_a_longer_run_never_costs_less(start, one, other):
    shorter, longer = sorted([one, other])

    assert 1 <= billed_minutes(start, start + shorter) <= billed_minutes(start, start + longer)


@given(st.integers(1, 12), durations)
def test_cost_is_linear_in_the_count(count, duration):
    single = cost_lines(run_of(START, START + duration), CPU, EVER, now=NOW)
    several = cost_lines(run_of(START, START + duration, count=count), CPU, EVER, now=NOW)

    assert several.amount == single.amount * count
    assert several.minutes == single.minutes
