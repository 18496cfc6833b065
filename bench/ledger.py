"""Opening runs against a bare insert, statements over many runs, pages of many notebooks, and memory."""

import asyncio
import gc
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
from sqlalchemy import Column, Integer, MetaData, Table, Text, insert
from sqlalchemy.ext.asyncio import create_async_engine

from bench.measuring import Row, ratio, seconds
from ovh_spawner.constants import DEFAULT_PROJECT
from ovh_spawner.domain.billing import Period
from ovh_spawner.service.db import tables
from ovh_spawner.service.operations.views import ListQuery
from tests.support.postgresql import find_programs, postgresql_server
from tests.support.world import ANN, BOSS, World, spec

CLIENTS = 50
STARTS = {"quick": 100, "full": 500}
STATEMENTS = {"quick": (10_000, 100_000), "full": (10_000, 100_000, 1_000_000)}
NOTEBOOKS = {"quick": 2_000, "full": 10_000}
BATCH = 5_000
ROUNDS = 3


async def _at_once(jobs: list[Any]) -> float:
    """Let ``CLIENTS`` workers do the jobs; return jobs per second."""
    queue = iter(jobs)

    async def work() -> None:
        for job in queue:
            await job()

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(CLIENTS)))
    return len(jobs) / (time.perf_counter() - began)


async def _opens(world: World, count: int) -> float:
    notebooks = [await world.stopped_record() for _ in range(count)]
    return await _at_once([lambda n=n: world.open(n.owner, n.server_name, n.id) for n in notebooks])


async def _bare_inserts(url: str, count: int) -> float:
    metadata = MetaData()
    table = Table("bench", metadata, Column("id", Integer, primary_key=True), Column("text", Text))
    engine = create_async_engine(url)
    # SQLite has one writer; without a queue its clients would only wait for one another's locks.
    queue = asyncio.Lock() if url.startswith("sqlite") else None

    async def one() -> None:
        if queue:
            async with queue, engine.begin() as connection:
                await connection.execute(insert(table).values(text="x"))
        else:
            async with engine.begin() as connection:
                await connection.execute(insert(table).values(text="x"))

    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    rate = await _at_once([one] * count)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.drop_all)
    await engine.dispose()
    return rate


class BenchWorld(World):
    """A world whose notebooks can be made without starting them."""

    async def stopped_record(self) -> Any:
        server = f"nb-{uuid4().hex[:12]}"
        reference = await self.notebooks.resolve(_resolve(server))
        return await self.notebooks.get(BOSS, reference.notebook)


def _resolve(server: str) -> Any:
    from ovh_spawner.contract.runs import ResolveRequest  # noqa: PLC0415
    from ovh_spawner.domain.states import Door  # noqa: PLC0415

    return ResolveRequest(user="ann", server_name=server, options=spec(), door=Door.HUB)


async def _opening(url: str, count: int, kind: str) -> list[Row]:
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as folder:
        world = BenchWorld(Path(folder), url)
        await world.start()
        for _ in range(ROUNDS):
            ours.append(await _opens(world, count))
            theirs.append(await _bare_inserts(url, count))
        await world.close()
    details = f"{sorted(ours)[1]:.0f} runs against {sorted(theirs)[1]:.0f} rows per second"
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


async def _pages(count: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        world = BenchWorld(Path(folder), f"sqlite+aiosqlite:///{folder}/ledger.sqlite")
        await world.start()
        for _ in range(count):
            await world.notebooks.resolve(_resolve(f"nb-{uuid4().hex[:12]}"))
        engine = world.service.means.ledger._engine  # noqa: SLF001
        ours, theirs = [], []
        query = (
            tables.notebooks.select()
            .where(tables.notebooks.c.owner == "ann")
            .order_by("created_at")
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
    return [Row(what, "the bare SQL query", ratio(ours, theirs), "≤ 3", details)]


@contextmanager
def _databases() -> Iterator[dict[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        found = {"SQLite": f"sqlite+aiosqlite:///{folder}/ledger.sqlite"}
        programs = find_programs()
        if programs is None:
            yield found
            return
        with postgresql_server(programs) as server:
            yield found | {"PostgreSQL": server.new_database()}


def measure(scale: str) -> list[Row]:
    """Measure the ledger."""
    rows: list[Row] = []
    with _databases() as databases:
        for kind, url in databases.items():
            rows += asyncio.run(_opening(url, STARTS[scale], kind))
    rows += asyncio.run(_statements(STATEMENTS[scale]))
    return rows + asyncio.run(_pages(NOTEBOOKS[scale]))
