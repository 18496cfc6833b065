"""Data stores: what the operator offers to everyone, and what a person adds for themselves.

A person's own stores are theirs alone, in the project that they added them to: one project does not mean one set of
keys. A notebook uses those of its owner, whoever of the project starts it.
"""

import json
from collections import Counter
from typing import Annotated, Any, Literal
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from ovh_spawner.contract.sync import Reach, SyncState, SyncVolume
from ovh_spawner.contract.sync import Source as SyncSource
from ovh_spawner.domain.access import Person, Role
from ovh_spawner.domain.problems import problems_from
from ovh_spawner.domain.secret import Secret
from ovh_spawner.domain.volumes import Permission
from ovh_spawner.errors import InvalidSpecError, NotFoundError, Problem
from ovh_spawner.service.db.ledger import UnitOfWork
from ovh_spawner.service.db.records import DataStoreRecord
from ovh_spawner.service.operations import audit
from ovh_spawner.service.operations.means import Means
from ovh_spawner.service.operations.projects import choose_project, usual_project
from ovh_spawner.service.operations.sync_jobs import customer_reach, customer_source, platform_source
from ovh_spawner.service.operations.token_scopes import refuse_scoped
from ovh_spawner.service.operations.views import DataStoreView, StoreCheck
from ovh_spawner.settings import FolderStoreSettings, S3StoreSettings, SwiftStoreSettings

CHECKS_OF_ONE = 2
"""Connection tests of one person at a time: nobody makes the others wait with stores that do not answer."""

CHECKED_CONTAINER = "ovh-spawner-connection-check"
"""Asked for by the connection test. It need not be there: that the store says so proves the credentials."""

Word = Annotated[str, Field(max_length=255)]
Key = Annotated[Secret, Field(min_length=1, max_length=4096)]

ALIAS = r"^[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?$"

REACHED = frozenset({SyncState.DONE, SyncState.NOT_FOUND, SyncState.FORBIDDEN})
"""Answers that a store gives only to valid credentials; a narrow key may be forbidden to look at a strange
bucket."""


class _Request(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_alias=True, validate_by_name=False, extra="forbid", strict=True
    )


class S3Credentials(_Request):
    """Keys of an S3 data store."""

    access_key: Key
    secret_key: Key
    region: Word = Field(default="us-east-1", min_length=1)


class SwiftCredentials(_Request):
    """Sign-in of a Swift data store."""

    user: Word = Field(min_length=1)
    key: Key
    tenant: Word = ""
    region: Word = ""
    domain: Word = ""
    tenant_domain: Word = ""
    auth_version: Literal[1, 2, 3] = 3


class Credentials(_Request):
    """Exactly the part that the type of the data store names."""

    s3: S3Credentials | None = None
    swift: SwiftCredentials | None = None
    git: dict[str, Any] | None = Field(default=None, repr=False)


class DataStoreRequest(_Request):
    """A data store that a person adds; the vendor's shape, with Swift beside S3."""

    alias: str = Field(pattern=ALIAS)
    type: Literal["s3", "swift", "git"]
    endpoint: str = Field(pattern=r"^https?://[^\s/?#@]+(/[^\s?#@]*)?$", max_length=2048)
    credentials: Credentials
    owner: Literal["customer"] = "customer"
    prefix: str | None = None


class DataStoreOperations:
    """Use cases of data stores."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._checking: Counter[str] = Counter()

    async def list(self, actor: Person, project: str | None = None) -> tuple[DataStoreView, ...]:
        """Return what this person may use, without credentials."""
        async with self._means.ledger.reading() as unit:
            chosen = await usual_project(unit, self._means.settings, actor, asked=project)
            name = chosen.name if chosen else ""
            own = await unit.data_stores.list(project=name, owner=actor.name)
        platform = (self._platform_view(alias) for alias in sorted(self._means.settings.data_stores))
        return (*platform, *(_view(record) for record in own))

    async def get(self, actor: Person, alias: str, project: str | None = None) -> DataStoreView:
        if alias in self._means.settings.data_stores:
            return self._platform_view(alias)
        return _view(await self._get(actor, alias, project))

    async def add(
        self, actor: Person, data: object, *, project: str | None = None, skip_check: bool = False
    ) -> DataStoreView:
        """Keep a data store with its credentials, sealed.

        Raises:
            InvalidSpecError: the request is malformed, the alias taken, or the credentials are refused.

        """
        refuse_scoped(actor, "its data stores")
        chosen = await self._choose(actor, project)
        request = _parse(data)
        if request.alias in self._means.settings.data_stores:
            raise InvalidSpecError.one(
                "alias", f"{request.alias!r} is a data store of the platform; choose another alias."
            )
        record = self._record(request, actor, chosen)
        if not skip_check:
            source = customer_source(record, container=CHECKED_CONTAINER)
            found = await self._try(actor, source, customer_reach(self._means.settings))
            if found.state is not SyncState.DONE:
                raise InvalidSpecError.one(
                    "credentials" if found.state is SyncState.INVALID_CREDENTIALS else "endpoint",
                    f"{found.message} The data store was not added.",
                )
        async with self._means.ledger.writing() as unit:
            await unit.projects.lock(record.project, record.created_at)
            if not await unit.data_stores.add(record):
                raise InvalidSpecError.one(
                    "alias", f"You have a data store {request.alias!r} already; remove it first."
                )
            await self._audit(unit, actor, audit.Act.STORE_ADD, alias=record.alias, project=chosen)
        return _view(record)

    async def check(self, actor: Person, alias: str, project: str | None = None) -> StoreCheck:
        """Try to reach the data store with its credentials."""
        if alias in self._means.settings.data_stores:
            source, reach = platform_source(self._means, alias, container=CHECKED_CONTAINER), Reach()
        else:
            source = customer_source(await self._get(actor, alias, project), container=CHECKED_CONTAINER)
            reach = customer_reach(self._means.settings)
        return await self._try(actor, source, reach)

    async def remove(self, actor: Person, alias: str, project: str | None = None) -> None:
        """Forget a data store. Notebooks that use it cannot sync with it any more."""
        if alias in self._means.settings.data_stores:
            raise InvalidSpecError.one("alias", f"{alias!r} is a data store of the platform; it stays.")
        refuse_scoped(actor, "its data stores")
        chosen = await self._choose(actor, project)
        async with self._means.ledger.writing() as unit:
            if not await unit.data_stores.remove(project=chosen, owner=actor.name, alias=alias):
                raise NotFoundError("data store", alias)
            await self._audit(unit, actor, audit.Act.STORE_REMOVE, alias=alias, project=chosen)

    async def _audit(
        self, unit: UnitOfWork, actor: Person, act: audit.Act, *, alias: str, project: str
    ) -> None:
        await audit.record(unit, actor, act, project=project, target=alias, now=self._means.now())

    async def aliases(self, owner: str, project: str) -> frozenset[str]:
        """Return the names that the volumes of this person's notebooks in the project may use."""
        async with self._means.ledger.reading() as unit:
            own = await unit.data_stores.list(project=project, owner=owner)
        return frozenset(self._means.settings.data_stores) | {record.alias for record in own}

    async def _choose(self, actor: Person, project: str | None) -> str:
        """Return the project whose stores the person changes."""
        async with self._means.ledger.reading() as unit:
            settings = self._means.settings
            return (await choose_project(unit, settings, actor, asked=project, needed=Role.OPERATOR)).name

    async def _get(self, actor: Person, alias: str, project: str | None) -> DataStoreRecord:
        async with self._means.ledger.reading() as unit:
            chosen = await usual_project(unit, self._means.settings, actor, asked=project)
            name = chosen.name if chosen else ""
            found = await unit.data_stores.find(project=name, owner=actor.name, alias=alias)
        if found is None:
            raise NotFoundError("data store", alias)
        return found

    async def _try(self, actor: Person, source: SyncSource, reach: Reach) -> StoreCheck:
        if self._checking[actor.name] >= CHECKS_OF_ONE:
            raise InvalidSpecError.one(
                "", f"{CHECKS_OF_ONE} of your data stores are being checked already; try again in a moment."
            )
        self._checking[actor.name] += 1
        try:
            return await self._ask(source, reach)
        finally:
            self._checking[actor.name] -= 1

    async def _ask(self, source: SyncSource, reach: Reach) -> StoreCheck:
        volume = SyncVolume(
            id=uuid4(),
            mount_path="connection",
            path="",
            permission=Permission.RO,
            source=source,
            reach=reach,
        )
        report = await self._means.runner.check([volume], seconds=3 * self._means.patience.check)
        if report is None:
            return StoreCheck(SyncState.TRANSIENT_ERROR, "The data store does not answer in time.")
        [found] = report.volumes
        if found.state in REACHED:
            return StoreCheck(SyncState.DONE)
        # The bucket that was asked for is ours; the person is told of the store.
        said = found.message.removeprefix(f"{found.info}: ")
        return StoreCheck(found.state, said[:1].upper() + said[1:])

    def _record(self, request: DataStoreRequest, actor: Person, project: str) -> DataStoreRecord:
        chosen = request.credentials.s3 or request.credentials.swift
        if chosen is None:
            raise InvalidSpecError.one("credentials", f"The credentials need the part {request.type!r}.")
        values = chosen.model_dump(context={"reveal": True})
        return DataStoreRecord(
            id=uuid4(),
            project=project,
            owner=actor.name,
            alias=request.alias,
            type=request.type,
            endpoint=request.endpoint,
            region=values.pop("region"),
            credentials=json.dumps(values),
            created_at=self._means.now(),
        )

    def _platform_view(self, alias: str) -> DataStoreView:
        store = self._means.settings.data_stores[alias]
        match store:
            case S3StoreSettings():
                endpoint, region = store.endpoint, store.region
            case SwiftStoreSettings():
                endpoint, region = store.auth_url, store.region
            case FolderStoreSettings():
                # Where the operator keeps it is nobody's business.
                endpoint, region = "", ""
        return DataStoreView(alias, store.type, "ovhcloud", endpoint, region)


def _parse(data: object) -> DataStoreRequest:
    try:
        request = DataStoreRequest.model_validate(data)
    except ValidationError as exc:
        raise InvalidSpecError(problems_from(exc, model=DataStoreRequest)) from None
    problems = []
    if request.type == "git":
        problems.append(
            Problem(
                "type", "Data stores of type 'git' are not offered yet; give the repository as publicGit."
            )
        )
    if request.prefix:
        problems.append(Problem("prefix", "A data store has no prefix here; give the volume one."))
    given = {name for name in ("s3", "swift", "git") if getattr(request.credentials, name) is not None}
    if given != {request.type}:
        problems.append(
            Problem(
                "credentials",
                f"A data store of type {request.type!r} needs exactly the part {request.type!r}.",
            )
        )
    if problems:
        raise InvalidSpecError(problems)
    return request


def _view(record: DataStoreRecord) -> DataStoreView:
    return DataStoreView(
        record.alias, record.type, "customer", record.endpoint, record.region, record.created_at
    )
