"""The whole service behind its HTTP door, on an event loop of its own thread: for clients that are not asyncio's."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from ovh_spawner.service.operations.views import ListQuery
from tests.support.http_doors import Door, of_world, open_door
from tests.support.world import ANN, RW, World

_SECONDS = 60


class ServedWorld:
    """One service on SQLite; ``ann`` is the token of a person, ``boss`` that of an administrator."""

    def __init__(self, folder: Path, **patience: float) -> None:
        self.world = World(folder, f"sqlite+aiosqlite:///{folder}/ledger.sqlite")
        self._patience = patience
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="service")
        self._door: Door | None = None
        self._notebooks: dict[str, UUID] = {}

    @property
    def origin(self) -> str:
        return self._door.url

    @property
    def api(self) -> str:
        return self._door.api.rstrip("/")

    def notebook(self) -> str:
        """Return the id of a running notebook of ann's with a volume; a new one when the last one was deleted."""
        return self._any("running")

    def stopped_notebook(self) -> str:
        return self._any("stopped")

    def _any(self, kind: str) -> str:
        self._notebooks[kind] = self.call(lambda: self._any_notebook(kind))
        return str(self._notebooks[kind])

    def call(self, function: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """Run something on the service's own loop."""
        return asyncio.run_coroutine_threadsafe(function(), self._loop).result(_SECONDS)

    async def _any_notebook(self, kind: str) -> UUID:
        known = self._notebooks.get(kind)
        views = (await self.world.notebooks.list(ANN, ListQuery(size=500))).items
        if known in {view.id for view in views}:
            return known
        make = self.world.running if kind == "running" else self.world.stopped
        return (await make(ANN, name=kind, volumes=[RW] if kind == "running" else [])).id

    def start(self) -> None:
        self._thread.start()
        self._ready.wait(_SECONDS)
        if self._failure:
            raise self._failure

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_SECONDS)
        if self._failure:
            raise self._failure

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._serve())
        except BaseException as exc:  # noqa: BLE001 - it is raised again in the test's thread
            self._failure = exc
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        await self.world.start()
        self.world.hub.on_stop = self.world.end_server
        try:
            async with open_door(serve=of_world(self.world), **self._patience) as self._door:
                self.ann, self.boss = self._door.hub.add("ann"), self._door.hub.add("boss", admin=True)
                self._ready.set()
                await self._stop.wait()
                await self.world.service.means.background.settled("")
        finally:
            await self.world.close()


@contextmanager
def served_world(folder: Path, **patience: float) -> Iterator[ServedWorld]:
    """Serve a world; ``patience`` is that of :func:`~ovh_spawner.service.api.app.make_server`."""
    served = ServedWorld(folder, **patience)
    served.start()
    try:
        yield served
    finally:
        served.stop()
