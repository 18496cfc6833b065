import asyncio

from ovh_spawner.service.operations.background import Background


async def test_work_asked_for_while_it_is_under_way_is_done_once_more_after_it():
    """It may have taken its last look just before what the second caller wrote."""
    background, gate, rounds = Background(), asyncio.Event(), []

    async def work():
        rounds.append("begun")
        await gate.wait()

    background.ensure("a", work)
    await asyncio.sleep(0)
    background.ensure("a", work)
    background.ensure("a", work)
    assert rounds == ["begun"]
    gate.set()
    await background.settled("a")

    assert rounds == ["begun", "begun"]


async def test_nothing_is_done_after_the_close():
    background, rounds = Background(), []

    async def work():
        rounds.append("begun")
        await asyncio.Event().wait()

    background.ensure("a", work)
    await asyncio.sleep(0)
    background.ensure("a", work)
    await background.close()
    background.ensure("b", work)
    await asyncio.sleep(0)

    assert rounds == ["begun"]
