"""The service's operations without ledger, hub or processes: notebooks in a dictionary, states set by tests.

For tests of the HTTP door, which is about translation; stories run on the real operations.
"""

import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from uuid import UUID, uuid4

from ovh_spawner.catalog.loader import load_catalog
from ovh_spawner.contract.policy import AccessPolicy, Admission
from ovh_spawner.contract.runs import RunStatus
from ovh_spawner.contract.sync import SyncDirection, SyncState, VolumeProgress
from ovh_spawner.domain.access import Person, Role, Sharing
from ovh_spawner.domain.context import ResolutionContext
from ovh_spawner.domain.labels import platform_labels
from ovh_spawner.domain.names import generate_name
from ovh_spawner.domain.projects import Origin, Project
from ovh_spawner.domain.resolution import parse_request, resolve
from ovh_spawner.domain.states import Door, NotebookState, RunState, Source, Transition
from ovh_spawner.errors import (
    HubError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
    WrongStateError,
)
from ovh_spawner.service.operations.views import (
    DataStoreView,
    DataSyncView,
    NotebookView,
    Page,
    ProjectView,
    QuotaView,
    RunView,
    Statement,
    StatementLine,
    StoreCheck,
)
from ovh_spawner.settings import Settings

NOW = datetime(2026, 11, 22, 9, 30, 0, 123456, tzinfo=UTC)
INTERNAL_TOKEN = "internal-token-of-the-hub"
SERVICE_TOKEN = "service-token-at-the-hub"
GATEWAY_TOKEN = "token-of-one-gateway"


@dataclass
class SmallService:
    settings: Settings
    operations: SimpleNamespace
    secrets: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(service_token=SERVICE_TOKEN, internal_token=INTERNAL_TOKEN)
    )

    def now(self) -> datetime:
        return NOW


def small_service(settings: Settings) -> SmallService:
    capabilities = load_catalog({}, region="GRA")
    notebooks = Notebooks(capabilities)
    operations = SimpleNamespace(
        people=People(),
        projects=Projects(),
        notebooks=notebooks,
        runs=Runs(),
        access=Access(),
        statements=Statements(),
        datastores=DataStores(),
        sync=Syncs(notebooks),
        capabilities=CapabilitiesOfAll(capabilities),
    )
    return SmallService(settings, operations)


class People:
    """Roles as the hub's own test double tells: ``open_door`` sets it."""

    hub = None

    async def person(self, name):
        if self.hub.down:
            raise HubError("JupyterHub does not answer.")
        admin = any(model["admin"] for model in self.hub.models.values() if model["name"] == name)
        return Person(name, is_platform_admin=admin, roles={"default": Role.OPERATOR})

    async def member(self, name):
        return Person(name, roles={"default": Role.OPERATOR})


class Projects:
    async def list(self, actor):
        project = Project("default", "default", 4, Sharing.OWNER, Origin.SETTINGS)
        return [ProjectView(project, Role.OPERATOR, QuotaView("default", 1, 4, 2))]


def _sees(actor, owner):
    return actor.is_platform_admin or actor.name == owner


class Notebooks:
    def __init__(self, capabilities) -> None:
        self.capabilities = capabilities
        self.known: dict[UUID, NotebookView] = {}
        self.last_query = None

    def _context(self):
        return ResolutionContext(
            capabilities=self.capabilities,
            store_aliases=frozenset({"GRA"}),
            mode="local",
            new_id=uuid4,
            generate_name=lambda editor: generate_name(editor, random.Random(1)),
            door=Door.API,
        )

    async def create(self, actor, data, *, project=None):
        spec = resolve(parse_request(data), self._context())
        key = uuid4()
        self.known[key] = NotebookView(
            id=key,
            project="default",
            owner=actor.name,
            server_name="nb-abcdefghijkl",
            created_at=NOW,
            updated_at=NOW,
            spec=spec,
            labels={**spec.labels, **platform_labels(key)},
            revision=1,
            state=NotebookState.STARTING,
            code="NOTEBOOK_STARTING",
            message="Notebook is starting",
            url=f"http://127.0.0.1:8000/user/{actor.name}/nb-abcdefghijkl/",
            duration=0,
            last_started_at=None,
            last_stopped_at=None,
            last_run=_run(),
            data_syncs=(),
        )
        return self.known[key]

    async def get(self, actor, notebook):
        found = self.known.get(notebook)
        if found is None or not _sees(actor, found.owner):
            raise NotFoundError("notebook", str(notebook))
        return found

    get_for_open = get

    async def list(self, actor, query):
        self.last_query = query
        seen = [v for v in self.known.values() if _sees(actor, v.owner) and query.user in {"", v.owner}]
        start = (query.page - 1) * query.size
        return Page(items=seen[start : start + query.size], total=len(seen), page=query.page, size=query.size)

    async def update(self, actor, notebook, data):
        found = await self.get(actor, notebook)
        self.known[notebook] = replace(found, labels={**found.labels, **data.get("labels", {})})

    async def set_label(self, actor, notebook, *, name, value):
        found = await self.get(actor, notebook)
        labels = {**found.labels, name: value}
        self.known[notebook] = replace(found, labels={k: v for k, v in labels.items() if v is not None})

    async def start(self, actor, notebook):
        await self._move(actor, notebook, {NotebookState.STOPPED}, to=NotebookState.STARTING)

    async def stop(self, actor, notebook):
        await self._move(
            actor, notebook, {NotebookState.STARTING, NotebookState.RUNNING}, to=NotebookState.STOPPED
        )

    async def _move(self, actor, notebook, allowed, *, to):
        found = await self.get(actor, notebook)
        if found.state not in allowed:
            raise WrongStateError(f"The notebook is {found.state.value}.")
        self.known[notebook] = replace(found, state=to, code=f"NOTEBOOK_{to.value}")

    async def delete(self, actor, notebook, *, force=False):
        found = await self.get(actor, notebook)
        if found.state is not NotebookState.STOPPED and not force:
            raise WrongStateError("The notebook runs; stop it first, or send force=true.")
        del self.known[notebook]

    async def delete_by_hub(self, notebook):
        self.known.pop(notebook, None)

    async def command(self, actor, data):
        return f"ovhai notebook run {parse_request(data).env.framework_id}"

    async def find_by_server(self, user, server_name):
        return None

    async def find_of_user(self, user):
        return {}


def _run() -> RunView:
    return RunView(
        id=uuid4(),
        state=RunState.STARTING,
        code="JOB_INITIALIZING",
        message="Starting",
        flavor="ai1-1-cpu",
        count=1,
        created_at=NOW,
        started_at=None,
        stopped_at=None,
        ended_at=None,
        duration=0,
        history=(Transition(RunState.STARTING, Source.API, NOW),),
    )


class Syncs:
    def __init__(self, notebooks: Notebooks) -> None:
        self.notebooks = notebooks

    async def request(self, actor, notebook, data):
        view = await self.notebooks.get(actor, notebook)
        sync = DataSyncView(
            id=uuid4(),
            notebook=notebook,
            run=None,
            direction=SyncDirection(data["direction"]),
            manual=True,
            volume=None,
            state=SyncState.RUNNING,
            code="DATASYNC_RUNNING",
            message="Data sync is running",
            created_at=NOW,
            updated_at=NOW,
            started_at=NOW,
            ended_at=None,
            progress=tuple(
                VolumeProgress(volume=v.id, mount_path=v.mount_path, info="data@GRA", state=SyncState.RUNNING)
                for v in view.spec.volumes
            ),
        )
        self.notebooks.known[notebook] = replace(view, data_syncs=(sync,))
        return sync


class Runs:
    def __init__(self) -> None:
        self.tokens: dict[UUID, str] = {}

    async def authenticate_gateway(self, run, token):
        if self.tokens.get(run) != token:
            raise UnauthenticatedError

    async def heartbeat(self, run, last_active_at=None):
        return RunStatus(
            run=run, state=RunState.RUNNING, notebook_state=NotebookState.RUNNING, should_stop=False
        )

    async def record(self, run, report):
        return RunStatus(
            run=run, state=report.state, notebook_state=NotebookState(report.state.value), should_stop=False
        )


class Access:
    async def policy(self, run, visitors):
        may = [visitor for visitor in visitors if visitor == "user:ada"]
        return AccessPolicy(notebook=run, access="restricted", visitors=may)

    async def present_token(self, run, token):
        if token != "good":
            raise PermissionDeniedError("No.")
        return Admission(visitor="token:of-ada", expires_at=NOW)

    async def issue_code(self, actor, notebook, run):
        return f"code-of-{actor.name}"

    async def redeem(self, run, code):
        return Admission(visitor=f"user:{code.removeprefix('code-of-')}", expires_at=NOW)


class Statements:
    lines: tuple[StatementLine, ...] = ()

    async def statement(self, actor, period, query=None):
        return Statement(
            start=period.start,
            end=period.end,
            currency="EUR",
            lines=self.lines,
            minutes=sum(line.minutes for line in self.lines),
            total=sum((line.cost for line in self.lines), Decimal(0)).quantize(Decimal("0.01")),
        )


class DataStores:
    def __init__(self) -> None:
        self.known = {
            "GRA": DataStoreView(alias="GRA", type="s3", owner="ovhcloud", endpoint="http://127.0.0.1:9")
        }

    async def list(self, actor, project=None):
        return tuple(self.known.values())

    async def get(self, actor, alias, project=None):
        if alias not in self.known:
            raise NotFoundError("data store", alias)
        return self.known[alias]

    async def add(self, actor, data, *, project=None, skip_check=False):
        view = DataStoreView(
            alias=data["alias"], type=data["type"], owner="customer", endpoint=data["endpoint"]
        )
        self.known[view.alias] = view
        return view

    async def check(self, actor, alias, project=None):
        await self.get(actor, alias)
        return StoreCheck(state=SyncState.DONE)

    async def remove(self, actor, alias, project=None):
        await self.get(actor, alias)
        del self.known[alias]

    async def aliases(self, owner, project):
        return frozenset(self.known)


class CapabilitiesOfAll:
    def __init__(self, capabilities) -> None:
        self.known = capabilities

    def capabilities(self):
        return self.known

    async def priced(self, actor, project=None):
        return self.known

    async def quota(self, actor, project=None):
        return QuotaView(project="default", gpus_used=1, gpu_quota=4, cpus_used=2)
