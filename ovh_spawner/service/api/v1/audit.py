"""``/v1/audit``: who did what, for administrators; as pages, as CSV and as JSON lines."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator, Field

from ovh_spawner.contract import api_v1_access as wire
from ovh_spawner.contract.base import dump_private
from ovh_spawner.service.api.harmless_csv import harmless
from ovh_spawner.service.api.paging import PageParameters, instant, page_metadata
from ovh_spawner.service.api.parameters import Parameters
from ovh_spawner.service.api.routes import Call, Routes, Text
from ovh_spawner.service.db.records import AuditRecord
from ovh_spawner.service.operations.audit import Act, AuditQuery

ROUTES = Routes("audit")

_COLUMNS = (
    "id",
    "at",
    "actor",
    "credential",
    "address",
    "request",
    "action",
    "project",
    "target",
    "name",
    "details",
)


class _Filters(Parameters):
    """Which entries."""

    project: str | None = Field(default=None, max_length=255, description="Only this project's.")
    user: str | None = Field(default=None, max_length=255, description="Only what this person did.")
    action: Act | None = Field(default=None, description="Only this action.")
    target: str | None = Field(
        default=None, max_length=255, description="Only what was done to this notebook, token, project, …"
    )
    after: Annotated[datetime | None, BeforeValidator(instant)] = Field(
        default=None, description="From this time on: seconds since 1970, or RFC 3339."
    )
    before: Annotated[datetime | None, BeforeValidator(instant)] = Field(
        default=None, description="Before this time: seconds since 1970, or RFC 3339."
    )


class AuditParameters(_Filters, PageParameters):
    """Which entries, and which page of them."""


class ExportParameters(_Filters):
    """Which entries; an export is one file."""


def _query(asked: _Filters, *, page: int = 1, size: int = 1) -> AuditQuery:
    return AuditQuery(
        project=asked.project,
        actor=asked.user,
        action=asked.action.value if asked.action else None,
        target=asked.target,
        after=asked.after,
        before=asked.before,
        page=page,
        size=size,
    )


def _entry(found: AuditRecord) -> wire.AuditEntry:
    return wire.AuditEntry(
        id=found.id,
        at=found.at,
        actor=found.actor,
        credential=found.credential,
        address=found.address,
        request=found.request,
        action=found.action,
        project=found.project,
        target=found.target,
        name=found.name,
        details=dict(found.details),
    )


@ROUTES.route("GET", "/v1/audit", answer=wire.AuditList, query=AuditParameters)
async def list_audit(call: Call[AuditParameters]) -> wire.AuditList:
    """List who did what, newest first; for administrators."""
    asked = _query(call.query, page=call.query.page, size=call.query.size)
    found = await call.service.operations.audit.list(call.actor, asked)
    return wire.AuditList(
        items=[_entry(each) for each in found.items], metadata=page_metadata(call, "v1/audit", found)
    )


@ROUTES.route("GET", "/v1/audit.csv", answer=Text, query=ExportParameters)
async def export_audit_csv(call: Call[ExportParameters]) -> Text:
    """Export who did what as CSV, newest first."""
    found = await call.service.operations.audit.export(call.actor, _query(call.query))
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\r\n")
    table.writerow(_COLUMNS)
    table.writerows(list(_cells(_entry(each))) for each in found)
    return Text(written.getvalue(), "text/csv; charset=utf-8", filename="audit.csv")


@ROUTES.route("GET", "/v1/audit.jsonl", answer=Text, query=ExportParameters)
async def export_audit_json(call: Call[ExportParameters]) -> Text:
    """Export who did what as lines of JSON, newest first."""
    found = await call.service.operations.audit.export(call.actor, _query(call.query))
    lines = "".join(f"{dump_private(_entry(each))}\n" for each in found)
    return Text(lines, "application/jsonl; charset=utf-8", filename="audit.jsonl")


def _cells(entry: wire.AuditEntry) -> Iterator[str]:
    shown = entry.model_dump(mode="json", by_alias=True)
    for column in _COLUMNS:
        value = shown.get(column)
        if column == "details":
            yield json.dumps(value, sort_keys=True)
        else:
            yield harmless("" if value is None else str(value))
