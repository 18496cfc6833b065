"""Notebooks: create, look, change, start, stop, delete, whoever the request came from."""

import os
from dataclasses import replace
from uuid import UUID

import structlog

from ovh_spawner.contract.notebooks import NotebookBrief
from ovh_spawner.contract.runs import NotebookReference, ResolveRequest
from ovh_spawner.domain.access import Action, Person, Role
from ovh_spawner.domain.command import equivalent_command
from ovh_spawner.domain.labels import LabelSelector, platform_labels
from ovh_spawner.domain.names import new_server_name
from ovh_spawner.domain.projects import sight_of
from ovh_spawner.domain.resolution import parse_request, resolve
from ovh_spawner.domain.states import RUNNING_LIKE, Door, NotebookState, RunState, Source, Transition
from ovh_spawner.errors import InvalidSpecError, NotFoundError, WrongStateError
from ovh_spawner.service.db.ledger import UnitOfWork
from ovh_spawner.service.db.notebooks import NotebookFilter
from ovh_spawner.service.db.records import Deletion, NotebookRecord
from ovh_spawner.service.operations.audit import BY_HUB, Act, record_notebook
from ovh_spawner.service.operations.datastores import DataStoreOperations
from ovh_spawner.service.operations.hub_orders import HubOrders
from ovh_spawner.service.operations.means import Means
from ovh_spawner.service.operations.notebook_changes import NotebookChanges
from ovh_spawner.service.operations.notebook_records import find_server_notebook, new_notebook
from ovh_spawner.service.operations.notebook_views import brief_notebook, brief_notebooks, view_notebooks
from ovh_spawner.service.operations.projects import choose_project, projects_of
from ovh_spawner.service.operations.run_books import record_transition
from ovh_spawner.service.operations.run_opening import open_run
from ovh_spawner.service.operations.specs import resolution_context
from ovh_spawner.service.operations.standing import Standing, find_standing, get_standing, standing_of
from ovh_spawner.service.operations.store_checks import refuse_bad_buckets
from ovh_spawner.service.operations.token_scopes import labels_in_scope, refuse_out_of_scope
from ovh_spawner.service.operations.views import ListQuery, NotebookView, Page

logger = structlog.get_logger()

_SORT = {
    "createdAt": "created_at",
    "updatedAt": "updated_at",
    "name": "name",
    "user": "owner",
    "state": "state",
    "id": "id",
}


UNSAVED = RUNNING_LIKE | {NotebookState.STOPPING, NotebookState.SYNC_FAILED}
"""States in which files may not be in their buckets yet: deleting then wants to be meant."""

_ANY = UUID(int=0)


class NotebookOperations:
    """Use cases of notebooks. A notebook that the actor may not see is not found."""

    def __init__(
        self, means: Means, orders: HubOrders, *, datastores: DataStoreOperations, changes: NotebookChanges
    ) -> None:
        self._means = means
        self._orders = orders
        self._datastores = datastores
        self._changes = changes

    async def create(self, actor: Person, data: object, *, project: str | None = None) -> NotebookView:
        """Store a notebook, open its first run, and have the hub start it.

        Raises:
            InvalidSpecError: naming everything that is wrong; nothing was stored.
            QuotaExceededError: the project has not enough GPUs left; nothing was stored.
            NotFoundError, PermissionDeniedError: the person may not make notebooks in the project.

        """
        async with self._means.ledger.reading() as unit:
            chosen = await choose_project(
                unit, self._means.settings, actor, asked=project, needed=Role.OPERATOR
            )
        request = parse_request(data)
        request = request.model_copy(update={"labels": labels_in_scope(actor, request.labels)})
        aliases = await self._datastores.aliases(actor.name, chosen.name)
        spec = resolve(request, resolution_context(self._means, Door.API, aliases))
        record = new_notebook(
            self._means,
            spec,
            project=chosen.name,
            owner=actor.name,
            server_name=new_server_name(os.urandom(8)),
        )
        refuse_out_of_scope(actor, spec, record.id)
        await refuse_bad_buckets(self._means, spec, record)
        async with self._means.ledger.writing() as unit:
            await unit.projects.lock(record.project, record.created_at)
            await unit.notebooks.add(record)
            await open_run(unit, self._means, Standing(record, None), actor=actor, attempt=None)
            await self._audit(unit, actor, Act.NOTEBOOK_CREATE, of=record)
            view = await self._view(unit, await self._get(unit, record.id, actor, action=Action.OPERATE))
        logger.info("notebook_created", notebook=str(record.id), owner=record.owner, door=Door.API.value)
        self._orders.ensure(record.id)
        return view

    async def get(self, actor: Person, notebook: UUID) -> NotebookView:
        async with self._means.ledger.reading() as unit:
            return await self._view(unit, await self._get(unit, notebook, actor, action=Action.SEE))

    async def list(self, actor: Person, query: ListQuery) -> Page[NotebookView]:
        """Return one page of the notebooks that the actor may see."""
        selector = LabelSelector.parse(query.label_selector)
        if query.sort not in _SORT:
            raise InvalidSpecError.one(
                "sort", f"{query.sort!r} is no field to sort by; allowed: {', '.join(_SORT)}."
            )
        if actor.token:
            selector = LabelSelector((*selector.pairs, *actor.token.selector.pairs))
        own, platform = selector.split()
        named = platform.named_notebook()
        if not platform.matches(platform_labels(named or _ANY)):
            return Page((), 0, query.page, query.size)
        wanted = NotebookFilter(
            project=query.project or None,
            owner=query.user or None,
            notebook=named,
            labels=own.pairs,
            states=query.states,
            updated_after=query.updated_after,
            updated_before=query.updated_before,
            sort=_SORT[query.sort],
            descending=query.order == "desc",
        )
        async with self._means.ledger.reading() as unit:
            projects = await projects_of(unit, self._means.settings, actor)
            if query.project and query.project not in {project.name for project in projects}:
                raise NotFoundError("project", query.project[:60])
            if actor.token or not actor.is_platform_admin:
                wanted = replace(wanted, sight=sight_of(actor, projects))
            total = await unit.notebooks.count(wanted)
            found = await unit.notebooks.list_page(
                wanted, skip=(query.page - 1) * query.size, limit=query.size
            )
            views = await view_notebooks(unit, [Standing(*pair) for pair in found], self._means)
        return Page(views, total, query.page, query.size)

    async def update(self, actor: Person, notebook: UUID, data: object) -> None:
        """Change labels and name at any time, the rest when the notebook does not run."""
        await self._changes.update(actor, notebook, data)

    async def set_label(self, actor: Person, notebook: UUID, *, name: str, value: str | None) -> None:
        """Set one label; None removes it."""
        await self._changes.set_label(actor, notebook, name=name, value=value)

    async def start(self, actor: Person, notebook: UUID) -> None:
        """Open a run of a notebook that does not run, and have the hub start it."""
        async with self._means.ledger.writing() as unit:
            standing = await self._locked(unit, actor, notebook)
            await open_run(unit, self._means, standing, actor=actor, attempt=None)
            await self._audit(unit, actor, Act.NOTEBOOK_START, of=standing.notebook)
        self._orders.ensure(notebook)

    async def stop(self, actor: Person, notebook: UUID) -> None:
        """Record the order, which ends the billed time, then have the hub stop the server."""
        async with self._means.ledger.writing() as unit:
            standing = await self._locked(unit, actor, notebook)
            if standing.state not in RUNNING_LIKE:
                name, state = standing.notebook.spec.name, standing.state.value
                raise WrongStateError(
                    f"Notebook {name!r} is {state}; only a STARTING or RUNNING one can be stopped.",
                    state=state,
                )
            await self._order_stop(unit, standing)
            await self._audit(unit, actor, Act.NOTEBOOK_STOP, of=standing.notebook)
        self._orders.ensure(notebook)

    async def delete(self, actor: Person, notebook: UUID, *, force: bool = False) -> None:
        """Delete the notebook and its files; ``force`` ends a running one and gives up what is not saved."""
        async with self._means.ledger.writing() as unit:
            standing = await self._locked(unit, actor, notebook)
            if standing.state in UNSAVED and not force:
                name, state = standing.notebook.spec.name, standing.state.value
                first = "Push its data" if standing.state is NotebookState.SYNC_FAILED else "Stop it"
                raise WrongStateError(
                    f"Notebook {name!r} is {state}. {first} and wait until it is STOPPED, or delete it with "
                    "force, which gives up what is not saved.",
                    state=state,
                )
            await self._order_deletion(unit, standing, Deletion.NOW)
            await self._audit(unit, actor, Act.NOTEBOOK_DELETE, of=standing.notebook, force=force)
        self._orders.ensure(notebook)

    async def delete_by_hub(self, notebook: UUID) -> None:
        """Delete what the hub has deleted; data that are still being saved are saved first."""
        async with self._means.ledger.writing() as unit:
            await unit.projects.lock_of_notebook(notebook)
            standing = await find_standing(unit, notebook)
            if standing is None:
                return
            if standing.notebook.deletion is Deletion.NO:
                how = Deletion.AFTER_PUSH if standing.state in UNSAVED else Deletion.NOW
                await self._order_deletion(unit, standing, how)
                await self._audit(unit, BY_HUB, Act.NOTEBOOK_DELETE, of=standing.notebook)
        self._orders.ensure(notebook)

    async def command(self, actor: Person, data: object) -> str:
        """Return the command line that makes the same notebook; nothing is stored."""
        request = parse_request(data)
        aliases = frozenset(store.alias for store in await self._datastores.list(actor))
        return equivalent_command(resolve(request, resolution_context(self._means, Door.API, aliases)))

    async def resolve(self, request: ResolveRequest) -> NotebookReference:
        """Turn what a hub user sent to the hub into a stored record and its reference."""
        return await self._changes.resolve(request)

    async def find_by_server(self, user: str, server_name: str) -> NotebookBrief | None:
        """Return where the notebook of a hub's server stands."""
        async with self._means.ledger.reading() as unit:
            record = await find_server_notebook(unit, self._means, user=user, server_name=server_name)
            if record is None:
                return None
            return await brief_notebook(unit, await standing_of(unit, record), self._means.settings)

    async def find_of_user(self, user: str) -> dict[str, NotebookBrief]:
        """Return where the notebooks behind a user's servers of this hub stand."""
        wanted = NotebookFilter(owner=user, hub=self._means.settings.deployment.hub_id)
        async with self._means.ledger.reading() as unit:
            found = await unit.notebooks.list_page(wanted)
            return await brief_notebooks(unit, [Standing(*pair) for pair in found], self._means.settings)

    async def get_for_open(self, actor: Person, notebook: UUID) -> NotebookView:
        """Return a notebook that this person may open in the browser.

        Raises:
            NotFoundError: there is none that this person may know of.
            PermissionDeniedError: this person may see it, not open it.

        """
        async with self._means.ledger.reading() as unit:
            return await self._view(unit, await self._get(unit, notebook, actor, action=Action.OPEN))

    async def _order_stop(self, unit: UnitOfWork, standing: Standing) -> None:
        now = self._means.now()
        if standing.run and standing.run.is_open:
            order = Transition(RunState.STOPPING, Source.API, now)
            await record_transition(unit, standing.run, order, now=now)

    async def _order_deletion(self, unit: UnitOfWork, standing: Standing, deletion: Deletion) -> None:
        await self._order_stop(unit, standing)
        now = self._means.now()
        await unit.notebooks.save(replace(standing.notebook, deletion=deletion, updated_at=now))
        logger.info("notebook_deletion_ordered", notebook=str(standing.notebook.id), kind=deletion.value)

    async def _audit(
        self, unit: UnitOfWork, actor: Person, act: Act, *, of: NotebookRecord, **details: bool
    ) -> None:
        await record_notebook(unit, actor, act, notebook=of, now=self._means.now(), **details)

    async def _locked(self, unit: UnitOfWork, actor: Person, notebook: UUID) -> Standing:
        await unit.projects.lock_of_notebook(notebook)
        return await self._get(unit, notebook, actor, action=Action.OPERATE)

    async def _get(self, unit: UnitOfWork, notebook: UUID, actor: Person, *, action: Action) -> Standing:
        return await get_standing(unit, self._means.settings, notebook, person=actor, action=action)

    async def _view(self, unit: UnitOfWork, standing: Standing) -> NotebookView:
        [view] = await view_notebooks(unit, [standing], self._means)
        return view
