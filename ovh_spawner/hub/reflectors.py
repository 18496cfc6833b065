"""KubeSpawner's caches of pods, kept alive: one that gave up is replaced, one that starts is started once."""

import asyncio
from typing import Any

import structlog
from kubespawner import KubeSpawner

log = structlog.get_logger()

_starting: dict[tuple[Any, ...], asyncio.Task[Any]] = {}
"""Hundreds of spawners ask at once when the hub starts; the first one's attempt serves them all."""


class LivingReflectors(KubeSpawner):  # type: ignore[misc]
    """A reflector that was away for a minute gives up for ever; a hub must not."""

    async def _start_reflector(
        self,
        kind: str,
        reflector_class: Any,
        replace: bool = False,  # noqa: FBT001, FBT002 - KubeSpawner's signature
        **keywords: Any,
    ) -> Any:
        known = type(self).reflectors.get(self._get_reflector_key(kind))
        if known is not None and not replace and _is_alive(known):
            return known
        key = (asyncio.get_running_loop(), *self._get_reflector_key(kind))
        task = _starting.get(key)
        if task is None:
            log.info("reflector_starts", kind=kind, replaces=known is not None)
            starting = super()._start_reflector(kind, reflector_class, replace=known is not None, **keywords)
            task = _starting[key] = asyncio.create_task(_settled(starting))
            task.add_done_callback(lambda _: _starting.pop(key, None))
        failure = await asyncio.shield(task)
        if failure is not None:
            raise failure
        return type(self).reflectors[self._get_reflector_key(kind)]


async def _settled(starting: Any) -> Exception | None:
    """Wait for a start; its failure is a value, so that each who waits raises it, and nobody is fine too."""
    try:
        await starting
    except Exception as exc:  # noqa: BLE001 - handed to everybody who waits
        return exc
    return None


def _is_alive(reflector: Any) -> bool:
    future, task = reflector.first_load_future, reflector.watch_task
    # Looking at the failure also tells asyncio that somebody has.
    return future.done() and future.exception() is None and task is not None and not task.done()
