"""A whole service with the Kubernetes runner, between a small hub and the misbehaving API server."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from ovh_spawner.catalog.loader import load_catalog
from ovh_spawner.contract.runs import OpenedRun, PreparedRun
from ovh_spawner.domain.states import RunState
from ovh_spawner.pod.names import pod_name
from ovh_spawner.pod.plan import PodRequest, plan_pod
from ovh_spawner.service.factory import Service, build_service
from ovh_spawner.service.runners.kubernetes import KubernetesRunner
from ovh_spawner.service.secrets import Secrets, Vault
from ovh_spawner.settings import Settings
from tests.support.fake_hub_servers import TOKEN
from tests.support.kubernetes.jobs import JobController
from tests.support.kubernetes.server import MisbehavingApiServer
from tests.support.world import QUICK, World, until

STORE_ADDRESS, STORE_PORT = "10.20.30.40", 9000
ACCESS_KEY, SECRET_KEY = "access-key-of-the-store", "secret-key-of-the-store"


class RealClock:
    """The clusters's clock, and how far a test is ahead of it."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def advance(self, **duration: float) -> datetime:
        self._ahead += timedelta(**duration)
        return self()


class ClusterWorld(World):
    """Does what a hub's spawner does, with real pod plans."""

    def __init__(self, folder: Path, api: MisbehavingApiServer) -> None:
        super().__init__(folder, f"sqlite+aiosqlite:///{folder}/ledger.sqlite")
        self.api = api
        self.jobs = JobController(api)
        self.clock = RealClock()
        self.catalog = load_catalog({}, region="GRA")
        self.changes: dict = {}
        """Settings of the block ``kubernetes`` that a test changes."""

    async def start(self) -> None:
        await super().start()
        self.hub.on_stop = self.stop_pod

    @property
    def settings(self) -> Settings:
        local = super().settings
        store = {
            "type": "s3",
            "endpoint": f"http://{STORE_ADDRESS}:{STORE_PORT}",
            "access_key_env": "STORE_ACCESS",
            "secret_key_env": "STORE_SECRET",
        }
        return Settings.model_validate(
            {
                "deployment": {"mode": "kubernetes"},
                "database": local.database,
                "service": local.service,
                "data_stores": {"DEMO": store},
                "ssh": {"enabled": True},
                "kubernetes": {"namespace": "notebooks", **self.changes},
            }
        )

    async def new_service(self) -> Service:
        settings = self.settings
        self.runner = KubernetesRunner(settings, now=self.clock)
        keys = {"STORE_ACCESS": ACCESS_KEY, "STORE_SECRET": SECRET_KEY}
        secrets = Secrets(
            service_token=TOKEN, internal_token="internal", vault=Vault(self.key), store_keys=keys
        )
        service = build_service(
            settings, secrets, catalog=self.catalog, now=self.clock, runner=self.runner, patience=QUICK
        )
        await service.means.ledger.migrate()
        service.watch()
        return service

    async def spawn(self, user: str, server_name: str, options: dict) -> None:
        opened = await self.open(user, server_name, UUID(options["notebook"]))
        prepared = await self.service.operations.preparation.prepare(opened.run)
        self.make_pod(opened, prepared, prefix=f"/user/{user}/{server_name}/")
        await self.until_pod(opened.notebook, "Ready")
        await self.report(opened.run, RunState.RUNNING)

    def make_pod(self, opened: OpenedRun, prepared: PreparedRun, *, prefix: str = "/user/ann/x/") -> dict:
        pod = plan_pod(
            PodRequest(
                notebook=opened.notebook,
                run=opened.run,
                project=prepared.project,
                hub="hub",
                prefix=prefix,
                spec=opened.spec,
                capabilities=self.catalog,
                settings=self.settings,
                has_pull=prepared.has_pull,
                platform_variables={},
            )
        )
        pod["status"] = {"phase": "Pending", "qosClass": "Guaranteed", "conditions": []}
        for container in pod["spec"]["containers"] + pod["spec"]["initContainers"]:
            container.setdefault("ports", [])
        return self.api.create("pods", pod)

    async def stop_pod(self, user: str, server_name: str) -> None:
        """Do what a spawner does at a stop: delete the pod with its grace, wait until it is gone, report."""
        brief = await self.notebooks.find_by_server(user, server_name)
        record = brief and await self.run_of(brief.notebook)
        if record is None or not record.is_open:
            return
        self.delete_pod(record.notebook)
        await until(lambda: self.pod(record.notebook) is None, what="the pod to be gone")
        await self.report(record.id, RunState.STOPPED)

    def delete_pod(self, notebook: UUID, *, seconds: int | None = None) -> None:
        """Order a pod's end, as anybody with the right to may."""

        async def delete() -> None:
            for key, pod in list(self.api.objects.of("pods")):
                if pod["metadata"]["name"] == pod_name(notebook):
                    self.api.kubelet.delete(key, seconds)

        self.api.call(delete)

    def pod(self, notebook: UUID) -> dict | None:
        return self.api.get("pods", pod_name(notebook))

    async def until_pod(self, notebook: UUID, kind: str) -> dict:
        def look() -> dict | None:
            pod = self.pod(notebook)
            found = [c for c in (pod or {}).get("status", {}).get("conditions", []) if c["type"] == kind]
            return pod if found and found[0]["status"] == "True" else None

        return await until(look, what=f"the pod to be {kind}", seconds=60)

    async def run_of(self, notebook: UUID):
        async with self.service.means.ledger.reading() as unit:
            record = await unit.notebooks.find(notebook)
            return await unit.runs.find(record.last_run) if record and record.last_run else None

    async def transitions(self, run: UUID) -> dict:
        """Return the times by state and source."""
        async with self.service.means.ledger.reading() as unit:
            return {(t.state, t.source): t for t in await unit.transitions.of_run(run)}
