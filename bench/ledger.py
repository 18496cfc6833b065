"""Opening runs against a bare insert, statements over many runs, pages of many notebooks, and memory."""

import asyncio
import gc
import logging
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psutil
import structlog
from sqlalchemy import Column, Integer, MetaData, Table, Text, insert, select, update
from sqlalchemy.ext.asyncio import create_async_engine

from bench.measuring import Row, ratio, seconds
from ovh_spawner.constants import DEFAULT_PROJECT
from ovh_spawner.contract.runs import ResolveRequest
from ovh_spawner.domain.billing import Period
from ovh_spawner.domain.states import Door, RunState
from ovh_spawner.service.db import tables
from ovh_spawner.service.operations.views import ListQuery
from ovh_spawner.settings import Settings
from tests.support.postgresql import find_programs, postgresql_server
from tests.support.world import ANN, BOSS, World, gpus, spec

CLIENTS = 50
STARTS = {"quick": 50, "full": 250}
STATEMENTS = {"quick": (10_000, 100_000), "full": (10_000, 100_000, 1_000_000)}
NOTEBOOKS = {"quick": 2_000, "full": 10_000}
BATCH = 5_000
RECONCILED = 100_000
RECONCILES = 20
ROUNDS = 11


async def _at_once(jobs: list[Any]) -> float:
    """Let ``CLIENTS`` workers do the jobs; return jobs per second."""
    queue = iter(jobs)

    async def work() -> None:
        for job in queue:
            await job()

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(CLIENTS)))
    return len(jobs) / (time.perf_counter() - began)


async def _opens(world: "BenchWorld", count: int) -> float:
    """Open runs with a GPU each, then end them: later rounds find the quota as free as the first."""
    notebooks = [await world.stopped_record(resources=gpus(1)) for _ in range(count)]
    opened: list[UUID] = []

    async def one(notebook: Any) -> None:
        opened.append((await world.open(notebook.owner, notebook.server_name, notebook.id)).run)

    rate = await _at_once([lambda n=n: one(n) for n in notebooks])
    for run in opened:
        await world.report(run, RunState.STOPPED)
    return rate


@asynccontextmanager
async def _bare_inserts(url: str) -> AsyncIterator[Callable[[int], Awaitable[float]]]:
    """Give what inserts rows, each in a durable transaction of its own, with SQLAlchemy as it comes."""
    metadata = MetaData()
    table = Table("bench", metadata, Column("id", Integer, primary_key=True), Column("text", Text))
    engine = create_async_engine(url)
    # SQLite has one writer; without a queue its clients would only wait for one another's locks.
    queue = asyncio.Semaphore(1 if url.startswith("sqlite") else CLIENTS)

    async def one() -> None:
        async with queue, engine.begin() as connection:
            await connection.execute(insert(table).values(text="x"))

    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    # The first ones open the pool's connections; the service has had its own open for long, too.
    await _at_once([one] * CLIENTS)
    yield lambda count: _at_once([one] * count)
    await engine.dispose()


class BenchWorld(World):
    """A world whose notebooks can be made without starting them, in a project with room for all of them."""

    @property
    def settings(self) -> Settings:
        usual = super().settings
        return usual.model_copy(update={"project": usual.project.model_copy(update={"gpu_quota": 10**6})})

    async def stopped_record(self, **changes: Any) -> Any:
        server = f"nb-{uuid4().hex[:12]}"
        reference = await self.notebooks.resolve(_resolve(server, **changes))
        return await self.notebooks.get(BOSS, reference.notebook)


def _resolve(server: str, **changes: Any) -> ResolveRequest:
    return ResolveRequest(user="ann", server_name=server, options=spec(**changes), door=Door.HUB)


async def _opening(url: str, count: int, kind: str) -> list[Row]:
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as folder:
        world = BenchWorld(Path(folder), url)
        await world.start()
        await _opens(world, CLIENTS)
        async with _bare_inserts(url) as insert_rows:
            # Many short rounds in turn: what else the machine does hits both alike.
            for _ in range(ROUNDS):
                ours.append(await _opens(world, count))
                theirs.append(await insert_rows(count))
        await world.close()
    seen = statistics.median(ours), statistics.median(theirs)
    details = f"{seen[0]:.0f} runs against {seen[1]:.0f} rows per second"
    what = f"opening runs, {CLIENTS} clients at once, {kind} (throughput)"
    return [Row(what, "insert and commit of one row", ratio(ours, theirs), "≥ 0.3", details)]


async def _fill(world: World, runs: int) -> None:
    """Put runs of an hour each into one month, in bulk."""
    notebook = await world.stopped()
    start = datetime(2026, 1, 1, tzinfo=UTC)
    engine = world.service.means.ledger._engine  # noqa: SLF001 - bulk loading is no use case
    for first in range(0, runs, BATCH):
        ids = [uuid4() for _ in range(min(BATCH, runs - first))]
        at = [start + timedelta(seconds=(first + n) % 2_500_000) for n in range(len(ids))]
        async with engine.begin() as connection:
            await connection.execute(
                insert(tables.runs), [_run(i, notebook.id, t) for i, t in zip(ids, at, strict=True)]
            )
            rows = [row for i, t in zip(ids, at, strict=True) for row in _transitions(i, t)]
            await connection.execute(insert(tables.transitions), rows)


def _run(run: Any, notebook: Any, at: datetime) -> dict[str, Any]:
    return {
        "id": run, "notebook": notebook, "project": DEFAULT_PROJECT, "hub": "hub", "owner": "ann",
        "notebook_name": "bench", "flavor": "ai1-1-cpu", "count": 1, "cpus": 1, "gpus": 0, "revision": 1,
        "attempt": run, "gateway_token": "", "created_at": at, "last_alive_at": at + timedelta(hours=1),
        "launched": True, "state": "STOPPED", "code": "", "message": "", "running_at": at,
        "stopped_at": at + timedelta(hours=1), "ended_at": at + timedelta(hours=1), "push": "done",
        "push_message": "", "unsaved": [],
    }  # fmt: skip


def _transitions(run: Any, at: datetime) -> Iterator[dict[str, Any]]:
    times = (("STARTING", 0), ("RUNNING", 5), ("STOPPING", 3600), ("STOPPED", 3602))
    for state, after in times:
        moment = at + timedelta(seconds=after)
        yield {
            "run": run, "state": state, "source": "hub", "at": moment, "code": "", "message": "",
            "recorded_at": moment,
        }  # fmt: skip


async def _statements(sizes: tuple[int, ...]) -> list[Row]:
    rows: list[Row] = []
    before: tuple[int, float] | None = None
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            world = World(Path(folder), f"sqlite+aiosqlite:///{folder}/ledger.sqlite")
            await world.start()
            await _fill(world, size)
            gc.collect()
            idle = psutil.Process().memory_info().rss
            began = time.perf_counter()
            statement = await world.service.operations.statements.statement(BOSS, Period.month(2026, 1))
            took = time.perf_counter() - began
            grown = (psutil.Process().memory_info().rss - idle) / 2**20
            await world.close()
        per_run = took / size
        seen = f"{seconds([took])}, {grown:.0f} MiB above idle, {statement.lines[0].runs} runs"
        goal, peer, against = "linear; < 200 MB above idle", "the size before, per run", "–"
        if before:
            against = f"{per_run / before[1]:.2f}"
        rows.append(Row(f"statement of a month, {size:_} runs".replace("_", " "), peer, against, goal, seen))
        before = (size, per_run)
    return rows


async def _give_each_a_run(world: World) -> None:
    engine = world.service.means.ledger._engine  # noqa: SLF001
    at = datetime(2026, 1, 1, tzinfo=UTC)
    async with engine.begin() as connection:
        for notebook in (await connection.execute(select(tables.notebooks.c.id))).scalars().all():
            run = uuid4()
            await connection.execute(insert(tables.runs), _run(run, notebook, at))
            await connection.execute(insert(tables.transitions), list(_transitions(run, at)))
            changed = update(tables.notebooks).where(tables.notebooks.c.id == notebook)
            await connection.execute(changed.values(last_run=run))


async def _reconciles(count: int) -> list[Row]:
    """One round of reconcile, after many runs that are over: none of them is loaded."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), f"sqlite+aiosqlite:///{folder}/ledger.sqlite")
        await world.start()
        await world.reconcile()
        took = {}
        for size in (0, count):
            if size:
                await _fill(world, size)
            gc.collect()
            idle = psutil.Process().memory_info().rss
            began = time.perf_counter()
            for _ in range(RECONCILES):
                await world.reconcile()
            took[size] = (time.perf_counter() - began) / RECONCILES
            grown = (psutil.Process().memory_info().rss - idle) / 2**20
        await world.close()
    details = f"{1000 * took[count]:.1f} ms against {1000 * took[0]:.1f} ms, {grown:.0f} MiB above idle"
    what = f"a round of reconcile after {count:_} runs".replace("_", " ")
    return [Row(what, "the same without them", f"{took[count] / took[0]:.2f}", "none is loaded", details)]


async def _pages(count: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        world = BenchWorld(Path(folder), f"sqlite+aiosqlite:///{folder}/ledger.sqlite")
        await world.start()
        for _ in range(count):
            await world.notebooks.resolve(_resolve(f"nb-{uuid4().hex[:12]}"))
        await _give_each_a_run(world)
        engine = world.service.means.ledger._engine  # noqa: SLF001
        ours, theirs = [], []
        both = tables.notebooks.outerjoin(tables.runs, tables.runs.c.id == tables.notebooks.c.last_run)
        query = (
            select(tables.notebooks, tables.runs)
            .select_from(both)
            .where(tables.notebooks.c.owner == "ann")
            .order_by(tables.notebooks.c.created_at.desc())
            .limit(100)
        )
        for _ in range(10):
            began = time.perf_counter()
            await world.notebooks.list(ANN, ListQuery(size=100))
            ours.append(time.perf_counter() - began)
            began = time.perf_counter()
            async with engine.connect() as connection:
                (await connection.execute(query)).fetchall()
            theirs.append(time.perf_counter() - began)
        await world.close()
    details = f"{1000 * sorted(ours)[5]:.1f} ms against {1000 * sorted(theirs)[5]:.1f} ms"
    what = f"page of 100 of {count} notebooks"
    return [Row(what, "the bare SQL query of notebooks and newest runs", ratio(ours, theirs), "≤ 3", details)]


@contextmanager
def _databases() -> Iterator[dict[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        found = {"SQLite": f"sqlite+aiosqlite:///{folder}/ledger.sqlite"}
        programs = find_programs()
        if programs is None:
            yield found
            return
        with postgresql_server(programs, durable=True) as server:
            yield found | {"PostgreSQL": server.new_database()}


def measure(scale: str) -> list[Row]:
    """Measure the ledger."""
    # A line for each opening is not what is measured, and the table goes to the same terminal.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    rows: list[Row] = []
    with _databases() as databases:
        for kind, url in databases.items():
            rows += asyncio.run(_opening(url, STARTS[scale], kind))
    rows += asyncio.run(_statements(STATEMENTS[scale]))
    rows += asyncio.run(_reconciles(RECONCILED))
    return rows + asyncio.run(_pages(NOTEBOOKS[scale]))
