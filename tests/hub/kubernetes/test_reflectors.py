"""KubeSpawner's shared caches of pods: one that gave up is replaced, one start serves everybody who waits."""

import asyncio

import pytest
from kubespawner.reflector import ResourceReflector
from kubespawner.spawner import PodReflector

from ovh_spawner.hub.reflectors import LivingReflectors


class Reflected(LivingReflectors):
    """A spawner with nothing but the caches."""

    reflectors = {}  # noqa: RUF012 - KubeSpawner's own shape

    def __init__(self) -> None:
        self.traits_made = True

    enable_user_namespaces = False
    namespace = "notebooks"

    async def watch(self):
        return await self._start_reflector("pods", PodReflector)


@pytest.fixture
def starts(monkeypatch):
    """Reflectors that start as told, and how often they did."""
    Reflected.reflectors.clear()
    seen = {"count": 0, "failures": 0}

    def init(self, **keywords):
        self.first_load_future = asyncio.get_running_loop().create_future()
        self.watch_task = None
        self._stopping = False

    async def start(self):
        seen["count"] += 1
        await asyncio.sleep(0)
        if seen["failures"]:
            seen["failures"] -= 1
            self.first_load_future.set_exception(OSError("away"))
            raise OSError("away")
        self.first_load_future.set_result(None)
        self.watch_task = asyncio.ensure_future(asyncio.Event().wait())

    monkeypatch.setattr(ResourceReflector, "__init__", init)
    monkeypatch.setattr(ResourceReflector, "start", start)
    return seen


async def test_one_start_serves_everybody_who_waits(starts):
    found = await asyncio.gather(*(Reflected().watch() for _ in range(20)))

    assert starts["count"] == 1
    assert len(set(map(id, found))) == 1
    found[0].watch_task.cancel()


async def test_a_failed_start_is_told_to_everybody_and_the_next_one_works(starts):
    starts["failures"] = 1
    told = await asyncio.gather(*(Reflected().watch() for _ in range(5)), return_exceptions=True)

    assert [type(each) for each in told] == [OSError] * 5
    again = await Reflected().watch()
    assert again.watch_task is not None
    again.watch_task.cancel()


async def test_a_reflector_that_gave_up_is_replaced(starts):
    first = await Reflected().watch()
    first.watch_task.cancel()
    await asyncio.gather(first.watch_task, return_exceptions=True)

    second = await Reflected().watch()

    assert second is not first
    second.watch_task.cancel()
