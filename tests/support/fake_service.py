"""A small hub service: the internal API with notebooks and runs in memory, and misfortunes on request."""

import asyncio
import json
import threading
from contextlib import asynccontextmanager, contextmanager
from uuid import UUID, uuid4

from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

INTERNAL_TOKEN = "internal-token"
GIB = 1024**3


def flavor(name: str, **facts) -> dict:
    facts = {"type": "cpu", "default": True, "max": 12, "cpu": 1, "gpu": 0, "memory": 4 * GIB} | facts
    return {"id": name, "name": name, "ephemeralStorage": 40 * GIB, "pricePerHour": "0.0300"} | facts


class FakeService:
    """What the service would know, and what it answers."""

    def __init__(self) -> None:
        self.notebooks: dict[tuple[str, str], dict] = {}
        self.runs: dict[str, dict] = {}
        self.transitions: list[dict] = []
        self.pulls: list[dict] = []
        self.deleted: list[str] = []
        self.resolved: list[dict] = []
        self.saved: list[tuple[str, str]] = []
        self.prepared: list[str] = []
        self.signed_in: list[dict] = []
        self.behave()
        self.url = ""

    def behave(self) -> None:
        """Go back to what a service usually answers; what it has seen stays."""
        self.refusals: dict[str, tuple[int, dict]] = {}
        """By path's last word: answer this instead."""
        self.is_down = False
        self.is_over = False
        """What the books say about every run: it is to end."""
        self.outages = 0
        """Requests that are answered 503 before it works again."""
        self.pull_volumes: list[dict] = []
        self.projects: dict[str, int] = {}
        """GPU quotas by project."""
        self.refusal = ""
        self.tokens: dict[str, str] = {}
        """Hub users by the application token that they are."""
        self.reached: list[dict] = []
        """What every token reaches."""
        self.editor = "fake"
        self.flavor = "cpu"
        self.pull_progress: list[dict] = []
        """How the pull goes, as a service sees it that reads the pod's log."""

    def states(self, run: str | None = None) -> list[str]:
        return [t["state"] for t in self.transitions if run in {None, t["run"]}]

    def ends(self) -> list[dict]:
        return [t for t in self.transitions if t["state"] in {"STOPPED", "FAILED", "ERROR"}]

    def refuse(self, what: str, status: int, message: str, *, code: str, **more) -> None:
        self.refusals[what] = (status, {"message": message, "code": code, **more})

    def resolve(self, asked: dict) -> dict:
        self.resolved.append(asked)
        options, place = asked["options"] or {}, (asked["user"], asked["serverName"])
        known = self.notebooks.setdefault(
            place,
            {"notebook": str(uuid4()), "revision": 0, "name": "quiet-lab", "spec": None, "state": "STOPPED"},
        )
        if "env" in options:
            known["revision"] += 1
            known["spec"] = options
            known["name"] = options.get("name", known["name"])
        return {"notebook": known["notebook"], "revision": max(1, known["revision"])}

    def open_run(self, asked: dict) -> dict:
        for run in self.runs.values():
            if run["attempt"] == asked["attempt"]:
                return run["answer"]
        notebook = next(n for n in self.notebooks.values() if n["notebook"] == asked["notebook"])
        run = str(uuid4())
        pull = {
            "id": str(uuid4()),
            "direction": "pull",
            "notebook": asked["notebook"],
            "volumes": self.pull_volumes,
            "stateFolder": "/nowhere",
        }
        answer = {
            "run": run,
            "notebook": asked["notebook"],
            "spec": {
                "name": notebook["name"],
                "editor": self.editor,
                "framework": "conda",
                "framework_version": "1",
                "flavor": self.flavor,
                "count": 1,
            },
            "environment": {"MINE": "my own", "NOTEBOOK_ID": asked["notebook"], "HOME": "/stolen"},
            "gatewayToken": "gateway-secret",
            "cookieKey": "cookie-secret",
            "pull": pull,
        }
        self.runs[run] = {"attempt": asked["attempt"], "answer": answer}
        return answer

    def prepare_run(self, run: str) -> dict:
        self.prepared.append(run)
        has_pull = bool(self.pull_volumes)
        return {"run": run, "notebook": self.runs[run]["answer"]["notebook"], "hasPull": has_pull}

    def spawn_page(self, user: str, server: str, project: str = "") -> dict:
        known = self.notebooks.get((user, server))
        return {
            "region": "GRA",
            "currency": "EUR",
            "editors": [
                {"id": "fake", "name": "Fake editor"},
                {"id": "vscode", "name": "VS Code", "unavailable": "It is not installed: make vscode."},
            ],
            "frameworks": [
                {"id": "conda", "name": "Miniconda", "versions": ["1", "0"], "incompatibleEditors": []},
                {"id": "torch", "name": "PyTorch", "versions": ["2"], "unavailable": "Not on this machine."},
            ],
            "flavors": [
                flavor(
                    "gpu",
                    type="gpu",
                    max=4,
                    cpu=13,
                    gpu=1,
                    gpuModel="V100S",
                    simulated=True,
                    pricePerHour="1.75",
                ),
                flavor("cpu"),
            ],
            # Only an installation with several projects has them on the page.
            "projects": [{"id": name, "name": name.title()} for name in self.projects],
            "project": project or next(iter(self.projects), ""),
            "refusal": self.refusal,
            "gpuQuota": self.projects.get(project, 4),
            "gpusUsed": 1,
            "dataStores": ["DEMO"],
            "openAccessAllowed": True,
            "notebook": self.brief(known) if known else None,
            "spec": known["spec"] if known else None,
        }

    def brief(self, known: dict) -> dict:
        return {k: known[k] for k in ("notebook", "name", "state")} | {
            "message": known.get("message", ""),
            "syncing": known.get("syncing", []),
            "isSyncing": known.get("isSyncing", False),
        }


class _Internal(RequestHandler):
    def initialize(self, service: FakeService) -> None:
        self.service = service

    def prepare(self) -> None:
        if self.service.is_down or self.service.outages > 0:
            self.service.outages -= 1
            self._answer(503, {"message": "secret detail of an outage", "code": "down"})
        elif self.request.headers.get("Authorization") != f"Bearer {INTERNAL_TOKEN}":
            self._answer(401, {"message": "no", "code": "unauthenticated"})
        else:
            refused = self.service.refusals.get(self.request.path.rpartition("/")[2])
            if refused:
                self._answer(*refused)

    def _answer(self, status: int, body: dict) -> None:
        self.set_status(status)
        self.finish(body)

    def post(self, path: str) -> None:
        if path == "notebooks/save":
            self.service.saved.append((self.get_argument("user"), self.get_argument("server")))
            self.set_status(204)
            return
        if path.endswith("/prepare"):
            self.finish(self.service.prepare_run(path.split("/")[1]))
            return
        if path.endswith("/heartbeat"):
            self._status(path.split("/")[1])
            return
        asked = json.loads(self.request.body)
        if path == "notebooks/resolve":
            self.finish(self.service.resolve(asked))
        elif path == "sign-ins":
            self._sign_in(asked)
        elif path == "sign-ins/refresh":
            self.finish({"mayStay": asked["user"] in self.service.tokens.values()})
        elif path == "runs":
            self.finish(self.service.open_run(asked))
        else:
            run = str(UUID(path.split("/")[1]))
            self.service.transitions.append({"run": run, **asked})
            self._status(run)

    def put(self, path: str) -> None:
        self.service.pulls.append(json.loads(self.request.body))
        self._status(path.split("/")[1])

    def get(self, path: str) -> None:
        user, server = self.get_argument("user"), self.get_argument("server", "")
        if path == "home-page":
            known = {name: n for (owner, name), n in self.service.notebooks.items() if owner == user}
            reached = self.service.reached if user in self.service.tokens.values() else []
            self.finish(
                {
                    "notebooks": {name: self.service.brief(n) for name, n in known.items()},
                    "reached": reached,
                    "reachedInAll": len(reached),
                }
            )
        elif path == "spawn-page":
            self.finish(self.service.spawn_page(user, server, self.get_argument("project", "")))
        elif known := self.service.notebooks.get((user, server)):
            self.finish(self.service.brief(known))
        else:
            self._answer(404, {"message": "There is no such notebook.", "code": "not_found"})

    def _sign_in(self, asked: dict) -> None:
        self.service.signed_in.append(asked)
        if user := self.service.tokens.get(asked["token"]):
            self.finish({"user": user})
        else:
            self._answer(403, {"message": "no such token: " + asked["token"], "code": "forbidden"})

    def delete(self, path: str) -> None:
        self.service.deleted.append(path.rpartition("/")[2])
        self.set_status(204)

    def _status(self, run: str) -> None:
        status = {"run": run, "state": "STARTING", "notebookState": "STARTING"}
        self.finish(status | {"shouldStop": self.service.is_over, "pull": self.service.pull_progress})


@asynccontextmanager
async def fake_service():
    service = FakeService()
    socket, port = bind_unused_port(address="127.0.0.1")
    server = HTTPServer(Application([(r"/internal/v1/(.*)", _Internal, {"service": service})]))
    server.add_sockets([socket])
    service.url = f"http://127.0.0.1:{port}"
    try:
        yield service
    finally:
        server.stop()
        await server.close_all_connections()


@contextmanager
def fake_service_on_a_thread():
    """The fake service for tests that are not asyncio's; what they set is seen at once."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="fake-service", daemon=True)
    thread.start()
    running = fake_service()
    try:
        yield asyncio.run_coroutine_threadsafe(running.__aenter__(), loop).result(30)
    finally:
        asyncio.run_coroutine_threadsafe(running.__aexit__(None, None, None), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
