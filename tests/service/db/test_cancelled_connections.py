import asyncio
import gc
from contextlib import suppress

import pytest
from cryptography.fernet import Fernet

from ovh_spawner.errors import LedgerUnavailableError
from ovh_spawner.service.db import ledger as ledger_module
from ovh_spawner.service.db.ledger import Ledger
from ovh_spawner.service.secrets import Vault


async def test_a_connection_that_is_cancelled_while_it_is_made_is_closed(tmp_path):
    """What is left to the garbage collector warns, and a warning fails the tests."""
    for ticks in range(300):
        ledger = await _migrated(tmp_path)
        async with ledger.reading() as unit:
            # The pool's one connection is in use from here on, so that another one is made.
            await unit.runs.list_holds("default")
            task = asyncio.create_task(_read(ledger))
            for _ in range(ticks):
                await asyncio.sleep(0)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await ledger.close()
    gc.collect()


async def _migrated(folder):
    ledger = Ledger(f"sqlite+aiosqlite:///{folder}/ledger.sqlite", Vault(Fernet.generate_key().decode()))
    await ledger.migrate()
    return ledger


async def _read(ledger):
    async with ledger.reading() as unit:
        await unit.runs.list_holds("default")


async def test_a_close_waits_for_the_unit_of_work_that_is_under_way(tmp_path):
    ledger = await _migrated(tmp_path)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def work():
        async with ledger.reading() as unit:
            await unit.runs.list_holds("default")
            begun.set()
            await go_on.wait()

    working = asyncio.create_task(work())
    await begun.wait()
    closing = asyncio.create_task(ledger.close())
    await asyncio.sleep(0)
    assert not closing.done()
    go_on.set()
    await asyncio.gather(working, closing)


async def test_a_close_that_waited_long_enough_closes_what_is_still_in_use(tmp_path, monkeypatch):
    monkeypatch.setattr(ledger_module, "CLOSE_SECONDS", 0.1)
    ledger = await _migrated(tmp_path)
    async with ledger.reading() as unit:
        await unit.runs.list_holds("default")
        await ledger.close()
    gc.collect()


async def test_a_closed_ledger_refuses_new_work(tmp_path):
    """Whoever came late would open a connection that nobody closes."""
    ledger = await _migrated(tmp_path)
    await ledger.close()
    with pytest.raises(LedgerUnavailableError, match="The service is ending"):
        await _read(ledger)
