"""How a stored spec changes: by an update of our API, or by options that came through the hub."""

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import structlog

from ovh_spawner.contract.runs import NotebookReference, ResolveRequest
from ovh_spawner.domain.access import Action, Person, Role
from ovh_spawner.domain.projects import Project
from ovh_spawner.domain.resolution import parse_request, parse_update, resolve, update
from ovh_spawner.domain.spec import NotebookSpec, SpecUpdateRequest
from ovh_spawner.domain.states import STARTABLE, Door, NotebookState, PushState
from ovh_spawner.errors import InvalidSpecError, NotFoundError
from ovh_spawner.service.db.ledger import UnitOfWork
from ovh_spawner.service.db.records import NotebookRecord, RunRecord
from ovh_spawner.service.operations.audit import Act, record_notebook
from ovh_spawner.service.operations.datastores import DataStoreOperations
from ovh_spawner.service.operations.means import Means
from ovh_spawner.service.operations.notebook_records import find_server_notebook, new_notebook
from ovh_spawner.service.operations.owners_rights import (
    refuse_new_ways_in,
    refuse_owners_stores,
    usable_aliases,
)
from ovh_spawner.service.operations.people import People
from ovh_spawner.service.operations.projects import choose_project
from ovh_spawner.service.operations.run_books import pushed_volumes
from ovh_spawner.service.operations.specs import default_request, resolution_context
from ovh_spawner.service.operations.standing import (
    Standing,
    check_access,
    get_standing,
    refusal,
    standing_of,
)
from ovh_spawner.service.operations.store_checks import refuse_bad_buckets
from ovh_spawner.service.operations.token_scopes import (
    labels_in_scope,
    refuse_out_of_scope,
    refuse_token_user,
)

logger = structlog.get_logger()

ANY_TIME = {"labels", "name", "ssh_public_keys", "unsecure_http"}
"""Parts of a spec that a running notebook does not use. Keys and access are asked for again and again: what is taken
back must not wait for the next start."""

CHANGEABLE = STARTABLE | {NotebookState.SYNC_FAILED}
"""SYNC_FAILED too: taking the volume out that cannot be saved is one way to get on."""

REFERENCE_KEYS = {"notebook", "revision"}


class NotebookChanges:
    """Changes of specs."""

    def __init__(self, means: Means, datastores: DataStoreOperations, people: People) -> None:
        self._means = means
        self._datastores = datastores
        self._people = people

    async def update(self, actor: Person, notebook: UUID, data: object) -> None:
        """Change what the request names.

        Raises:
            InvalidSpecError: naming everything that is wrong; nothing was changed.
            WrongStateError: the notebook runs, and more than labels and name were to change.
            PermissionDeniedError: it is somebody else's, and this part of it is theirs to give.

        """
        request = parse_update(data)
        if request.labels is not None:
            request = request.model_copy(update={"labels": labels_in_scope(actor, request.labels)})
        async with self._means.ledger.reading() as unit:
            standing = await self._get(unit, notebook, actor)
        record, settings = standing.notebook, self._means.settings
        known = await self._datastores.aliases(record.owner, record.project)
        aliases = usable_aliases(actor, record, known=known, settings=settings)
        context = resolution_context(self._means, Door.API, aliases, notebook=notebook)
        changed = update(record.spec, request, context)
        refuse_owners_stores(actor, record, after=changed, settings=settings)
        await refuse_bad_buckets(self._means, changed, record, before=record.spec)
        await self._store(actor, notebook, lambda spec: update(spec, request, context), request=request)

    async def set_label(self, actor: Person, notebook: UUID, *, name: str, value: str | None) -> None:
        """Set one label; None removes it."""
        context = resolution_context(self._means, Door.API, frozenset(), notebook=notebook)
        # Checked as a request of its own, then set on what is stored by then.
        request = parse_update({"labels": {name: value}})

        def change(spec: NotebookSpec) -> NotebookSpec:
            together = parse_update({"labels": {**spec.labels, name: value}})
            return update(spec, together, context)

        await self._store(actor, notebook, change, request=request)

    async def resolve(self, request: ResolveRequest) -> NotebookReference:
        """Return the reference of what a hub user asked for.

        Raises:
            NotFoundError: the options refer to a notebook of another server.
            InvalidSpecError: naming everything that is wrong; nothing was stored.
            WrongStateError: the options change a notebook that runs or is being saved.
            PermissionDeniedError: the user may not make or start notebooks in the project.

        """
        refuse_token_user(request.user)
        request, asked = _without_project(request)
        options = request.options or {}
        person = await self._people.member(request.user)
        async with self._means.ledger.reading() as unit:
            record = await find_server_notebook(
                unit, self._means, user=request.user, server_name=request.server_name
            )
            standing = await standing_of(unit, record) if record else None
            if record:
                await check_access(unit, self._means.settings, record, person=person, action=Action.OPERATE)
                _refuse_move(record, asked)
                project = record.project
            elif set(options) == REFERENCE_KEYS:
                raise NotFoundError("notebook", str(options["notebook"])[:64])
            else:
                project = (await self._choose(unit, person, asked)).name
        if options and set(options) == REFERENCE_KEYS:
            return _checked_reference(record, options["notebook"])
        if record and standing and not options:
            return NotebookReference(notebook=record.id, revision=record.revision)
        return await self._resolve_spec(request, standing, project)

    async def _choose(self, unit: UnitOfWork, person: Person, asked: str | None) -> Project:
        return await choose_project(unit, self._means.settings, person, asked=asked, needed=Role.OPERATOR)

    async def _get(self, unit: UnitOfWork, notebook: UUID, actor: Person) -> Standing:
        return await get_standing(unit, self._means.settings, notebook, person=actor, action=Action.OPERATE)

    async def _resolve_spec(
        self, request: ResolveRequest, standing: Standing | None, project: str
    ) -> NotebookReference:
        current = standing.notebook if standing else None
        asked = parse_request(request.options or default_request(self._means.capabilities()))
        aliases = await self._datastores.aliases(request.user, project)
        context = resolution_context(
            self._means, request.door, aliases, notebook=current.id if current else None
        )
        spec = resolve(asked, context, current.spec if current else None)
        draft = current or new_notebook(
            self._means, spec, project=project, owner=request.user, server_name=request.server_name
        )
        await refuse_bad_buckets(self._means, spec, draft, before=current.spec if current else None)
        async with self._means.ledger.writing() as unit:
            await unit.projects.lock(project, self._means.now())
            found = await find_server_notebook(
                unit, self._means, user=request.user, server_name=request.server_name
            )
            if found is None:
                await unit.notebooks.add(draft)
                await self._audit(unit, request.user, Act.NOTEBOOK_CREATE, of=draft)
                logger.info(
                    "notebook_created", notebook=str(draft.id), owner=draft.owner, door=request.door.value
                )
                return NotebookReference(notebook=draft.id, revision=draft.revision)
            changed = await self._save(unit, await standing_of(unit, found), spec)
            if changed.revision != found.revision:
                await self._audit(unit, request.user, Act.NOTEBOOK_CHANGE, of=changed)
        return NotebookReference(notebook=changed.id, revision=changed.revision)

    async def _store(
        self,
        actor: Person,
        notebook: UUID,
        change: Callable[[NotebookSpec], NotebookSpec],
        *,
        request: SpecUpdateRequest,
    ) -> None:
        async with self._means.ledger.writing() as unit:
            await unit.projects.lock_of_notebook(notebook)
            standing = await self._get(unit, notebook, actor)
            spec = change(standing.notebook.spec)
            refuse_out_of_scope(actor, spec, notebook)
            refuse_owners_stores(actor, standing.notebook, after=spec, settings=self._means.settings)
            await refuse_new_ways_in(unit, self._means.settings, standing.notebook, person=actor, after=spec)
            wanted = {name for name in request.model_fields_set if getattr(request, name) is not None}
            if wanted <= ANY_TIME and standing.state is not NotebookState.DELETING:
                record = standing.notebook
                await unit.notebooks.save(
                    replace(record, spec=spec, revision=record.revision + 1, updated_at=self._means.now())
                )
            else:
                await self._save(unit, standing, spec)
            changed = ", ".join(sorted(wanted))
            await self._audit(unit, actor, Act.NOTEBOOK_CHANGE, of=standing.notebook, changed=changed)

    async def _audit(
        self, unit: UnitOfWork, who: Person | str, act: Act, *, of: NotebookRecord, **details: str
    ) -> None:
        await record_notebook(unit, who, act, notebook=of, now=self._means.now(), **details)

    async def _save(self, unit: UnitOfWork, standing: Standing, spec: NotebookSpec) -> NotebookRecord:
        record = standing.notebook
        if spec == record.spec:
            return record
        if standing.state not in CHANGEABLE:
            raise await refusal(unit, standing)
        changed = replace(record, spec=spec, revision=record.revision + 1, updated_at=self._means.now())
        await unit.notebooks.save(changed)
        if standing.run and standing.run.push is PushState.FAILED:
            await unit.runs.save(_owing(standing.run, record.spec, spec))
        return changed


def _owing(run: RunRecord, before: NotebookSpec, after: NotebookSpec) -> RunRecord:
    """Return the run that owes what is still to be saved when volumes have changed.

    A mount path that was unsaved stays unsaved, whatever it is saved to now; one that is gone is given up.
    """
    paths = {volume.mount_path for volume in before.volumes if volume.id in run.unsaved}
    pushed = set(pushed_volumes(after))
    unsaved = tuple(v.id for v in after.volumes if v.id in pushed and v.mount_path in paths)
    return replace(run, unsaved=unsaved, push=PushState.FAILED if unsaved else PushState.DONE)


def _without_project(request: ResolveRequest) -> tuple[ResolveRequest, str | None]:
    """Take the project out of the options: it is no part of a spec."""
    options = dict(request.options or {})
    asked = options.pop("project", None)
    if asked is not None and not isinstance(asked, str):
        raise InvalidSpecError.one("project", "A project is named by a text.")
    return request.model_copy(update={"options": options or None}), asked or None


def _refuse_move(record: NotebookRecord, asked: str | None) -> None:
    if asked and asked != record.project:
        raise InvalidSpecError.one(
            "project", f"A notebook stays in its project; this one is in {record.project!r}."
        )


def _checked_reference(record: NotebookRecord | None, notebook: object) -> NotebookReference:
    if record is None or str(notebook) != str(record.id):
        raise NotFoundError("notebook", str(notebook)[:64])
    # The newest revision, whatever an older start of this server had: a change is meant to be used.
    return NotebookReference(notebook=record.id, revision=record.revision)
