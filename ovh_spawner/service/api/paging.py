"""What all listings share: pages with a link to the next one, and times as filters."""

import re
from datetime import UTC, datetime
from typing import Any

from pydantic import Field

from ovh_spawner.contract.api_v1 import Links, PageMetadata
from ovh_spawner.service.api.parameters import Parameters
from ovh_spawner.service.api.routes import Call
from ovh_spawner.service.operations.views import Page

MAX_PAGE = 1_000_000
"""Page times size stays far below what a database takes as an offset."""

_EPOCH = re.compile(r"\d{1,11}", re.ASCII)


class PageParameters(Parameters):
    """Which page."""

    page: int = Field(default=1, ge=1, le=MAX_PAGE, description="Page, from 1.")
    size: int = Field(default=50, ge=1, le=500, description="Entries on a page.")


def instant(value: object) -> object:
    """Read seconds since 1970 (the vendor's client) or RFC 3339 (its web API)."""
    text = str(value)
    try:
        if _EPOCH.fullmatch(text):
            return datetime.fromtimestamp(int(text), tz=UTC)
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError) as exc:
        message = "give seconds since 1970, or a time such as 2026-11-22T09:00:00Z"
        raise ValueError(message) from exc
    if found.tzinfo is None:
        message = "the time needs a zone; write Z at the end for UTC"
        raise ValueError(message)
    return found.astimezone(UTC)


def page_metadata(call: Call[Any], path: str, found: Page[Any]) -> PageMetadata:
    """Return where this page stands, with the address of the next one under the same filters."""
    following = None
    if found.page < found.page_count:
        asked: Parameters = call.query.model_copy(update={"page": found.page + 1})
        following = f"{call.service.settings.service_prefix}{path}?{asked.to_query()}"
    return PageMetadata(
        current_page=found.page,
        page_count=found.page_count,
        total=found.total,
        links=Links(next=following),
    )
