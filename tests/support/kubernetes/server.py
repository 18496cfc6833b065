"""The misbehaving API server on a thread of its own, and what tests ask of it."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from ovh_spawner.loopback import free_port
from tests.support.kubernetes.misfortunes import Misfortunes, Mishap
from tests.support.kubernetes.objects import Key, Object, Objects
from tests.support.kubernetes.pods import Kubelet, PodLife
from tests.support.kubernetes.requests import Requests
from tests.support.kubernetes.stubs import Stubs
from tests.support.waiting import wait_for

NAMESPACE = "notebooks"


class MisbehavingApiServer:
    """``url`` answers as a kube-apiserver. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="api-server", daemon=True)
        self._thread.start()
        self._site: web.SockSite | None = None
        self.misfortunes = Misfortunes()
        self.port = free_port()
        self.call(self._set_up)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    # What is there -----------------------------------------------------------------------------

    def get(self, resource: str, name: str) -> Object | None:
        return self._do(lambda: self.objects.find(Key(resource, NAMESPACE, name)))

    def all(self, resource: str) -> list[Object]:
        return self._do(lambda: [found for _, found in self.objects.of(resource, NAMESPACE)])

    def names(self, resource: str = "pods") -> list[str]:
        return [found["metadata"]["name"] for found in self.all(resource)]

    def create(self, resource: str, body: Object) -> Object:
        """Make an object behind everybody's back."""
        key = Key(resource, NAMESPACE, body["metadata"]["name"])
        return self._do(lambda: self.objects.create(key, body))

    def replace(self, resource: str, body: Object) -> Object:
        key = Key(resource, NAMESPACE, body["metadata"]["name"])
        return self._do(lambda: self.objects.replace(key, body))

    def remove(self, resource: str, name: str) -> None:
        """Take an object away at once, as an administrator's force does."""
        self._do(lambda: self.objects.remove(Key(resource, NAMESPACE, name)))

    def add_listener(self, listener: Callable[[Any], None]) -> None:
        """Have each change told, on the server's loop: for controllers."""
        self._do(lambda: self.objects.listeners.append(listener))

    def requests(self, verb: str = "", resource: str = "", name: str = "") -> list[tuple[str, str, str]]:
        """Return what was asked for: verb, resource (pods, pods/log), name."""
        wanted = (verb, resource, name)
        return [
            seen
            for seen in list(self.api.seen)
            if all(not w or w == s for w, s in zip(wanted, seen, strict=True))
        ]

    def wait_for_pod(self, name: str, *, phase: str = "", seconds: float = 30) -> Object:
        def look() -> Object | None:
            pod = self.get("pods", name)
            return pod if pod and phase in {"", pod["status"]["phase"]} else None

        return wait_for(look, what=f"pod {name} {phase}", seconds=seconds)

    # Pods --------------------------------------------------------------------------------------

    @property
    def killed(self) -> list[str]:
        """Names of pods that were cut short while they still saved."""
        return list(self.kubelet.record.killed)

    def set_life(self, name: str = "", **facts: Any) -> PodLife:
        """Change how a pod fares; without a name: pods to come."""
        life = self.kubelet.life_of(name) if name else self.kubelet.life
        for fact, value in facts.items():
            setattr(life, fact, value)
        self._do(self.objects.wake)
        return life

    def say(self, pod: str, container: str, *lines: str) -> None:
        """Add lines to a container's log."""
        self._do(lambda: self.kubelet.logs.setdefault((pod, container), []).extend(lines))

    def delete(self, pod: str) -> None:
        """Order a pod's end with its own grace, as an administrator does."""
        self._do(lambda: self.kubelet.delete(Key("pods", NAMESPACE, pod), None))

    def finish(self, pod: str, container: str, *, exit_code: int = 0, reason: str = "") -> None:
        """End one container by itself (``reason``: OOMKilled, ...)."""
        key = Key("pods", NAMESPACE, pod)
        self._do(lambda: self.kubelet.finish(key, container, exit_code=exit_code, reason=reason))

    def evict(self, pod: str, message: str = "The node was low on resource: memory.") -> None:
        key = Key("pods", NAMESPACE, pod)
        self._do(lambda: self.kubelet.fail(key, reason="Evicted", message=message))

    def event(self, pod: str, reason: str, message: str, *, kind: str = "Normal") -> None:
        def tell() -> None:
            found = self.objects.get(Key("pods", NAMESPACE, pod))
            self.kubelet.event(found, reason, message, kind=kind)

        self._do(tell)

    # Misfortunes -------------------------------------------------------------------------------

    def lose_reply(self, verb: str, resource: str, *, times: int = 1, name: str = "") -> Mishap:
        """Do what the next requests ask for, and close the connection without an answer."""
        return self._add(Mishap(verb, resource, times, name=name, lose_reply=True))

    def answer_with(self, verb: str, resource: str, code: int, *, times: int = 1, text: str = "") -> Mishap:
        """Answer the next requests with an error, doing nothing."""
        return self._add(Mishap(verb, resource, times, answer=(code, text or f"fake error {code}")))

    def slow_down(
        self, verb: str, resource: str, *, before: float = 0, after: float = 0, times: int = 1
    ) -> Mishap:
        """Wait before doing what is asked, or between doing and answering."""
        return self._add(Mishap(verb, resource, times, delay=before, late=after))

    def refuse(self, resource: str, text: str) -> None:
        """Refuse creates of a resource by admission: 403 ``pods "x" is forbidden: <text>``."""
        self.misfortunes.refusals[resource] = text

    def go_down(self) -> None:
        """Refuse connections, and cut those that there are."""
        self.call(self._close)

    def come_up(self) -> None:
        """Listen again at the same port."""
        self.call(self._open)

    def drop_watches(self) -> None:
        self._do(self.api.drop_watches)

    def silence_watches(self) -> None:
        """Open watches stay open and say nothing any more, for ever; new ones too until ``let_watches_speak``."""
        self._set_silent(silent=True)
        self._do(self.objects.wake)

    def let_watches_speak(self) -> None:
        self._set_silent(silent=False)

    def forget_history(self) -> None:
        """Answer 410 to watches from before now."""
        self._do(self.objects.forget_history)

    def behave(self) -> None:
        """End every misfortune; pods to come fare well. What there is stays."""
        fresh = Misfortunes()
        for name in fresh.__dataclass_fields__:
            setattr(self.misfortunes, name, getattr(fresh, name))
        self.kubelet.life = PodLife()
        if self._site is None:
            self.come_up()

    # The machinery -----------------------------------------------------------------------------

    def write_kubeconfig(self, path: Path) -> Path:
        cluster = {"name": "fake", "cluster": {"server": self.url}}
        context = {"name": "fake", "context": {"cluster": "fake", "user": "fake", "namespace": NAMESPACE}}
        path.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "fake",
                    "clusters": [cluster],
                    "contexts": [context],
                    "users": [{"name": "fake", "user": {"token": "fake"}}],
                }
            )
        )
        return path

    def call(self, function: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """Run a coroutine on the server's loop."""
        return asyncio.run_coroutine_threadsafe(function(), self._loop).result(60)

    def stop(self) -> None:
        self.misfortunes.is_hanging = False
        self.call(self._tear_down)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, function: Callable[[], Any]) -> Any:
        async def run() -> Any:
            return function()

        return self.call(run)

    def _add(self, mishap: Mishap) -> Mishap:
        self.misfortunes.mishaps.append(mishap)
        return mishap

    def _set_silent(self, *, silent: bool) -> None:
        self.misfortunes.are_watches_silent = silent

    async def _set_up(self) -> None:
        self.objects, self.stubs = Objects(), Stubs()
        self.kubelet = Kubelet(self.objects, self.stubs)
        self.api = Requests(self.objects, self.misfortunes, self.kubelet)
        app = web.Application(client_max_size=16 * 1024**2)
        app.router.add_route("*", "/{path:.*}", self.api.handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await self._open()

    async def _open(self) -> None:
        bound = socket.socket()
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("127.0.0.1", self.port))
        self.port = bound.getsockname()[1]
        self._site = web.SockSite(self._runner, bound)
        await self._site.start()

    async def _close(self) -> None:
        if self._site:
            site, self._site = self._site, None
            self.api.drop_connections()
            await site.stop()
            self.api.drop_connections()

    async def _tear_down(self) -> None:
        await self._close()
        await self.kubelet.stop()
        await self.stubs.stop()
        await self._runner.cleanup()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


@contextmanager
def misbehaving_api_server() -> Iterator[MisbehavingApiServer]:
    server = MisbehavingApiServer()
    try:
        yield server
    finally:
        server.stop()
