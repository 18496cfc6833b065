"""``/v1/notebook``: create, list, get, change, start, stop, delete."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field

from ovh_spawner.contract import api_v1
from ovh_spawner.domain.spec import SpecRequest, SpecUpdateRequest
from ovh_spawner.domain.states import NotebookState
from ovh_spawner.service.api.handlers import path_id
from ovh_spawner.service.api.json_body import read_message
from ovh_spawner.service.api.paging import MAX_PAGE, instant, page_metadata
from ovh_spawner.service.api.parameters import Parameters, as_list
from ovh_spawner.service.api.routes import Call, NoParameters, Routes
from ovh_spawner.service.api.v1.notebook_json import to_notebook
from ovh_spawner.service.operations.views import ListQuery, NotebookView

ROUTES = Routes("notebook")

SortField = Literal["createdAt", "updatedAt", "name", "user", "state", "id"]


class ListParameters(Parameters):
    """Filters, order and paging of the list."""

    page: int = Field(default=1, ge=1, le=MAX_PAGE, description="Page, from 1.")
    size: int = Field(default=50, ge=1, le=500, description="Notebooks on a page.")
    order: Literal["asc", "desc"] = Field(default="desc", description="Direction of the sort.")
    sort: SortField = Field(default="createdAt", description="Field to sort by.")
    updated_after: Annotated[datetime | None, BeforeValidator(instant)] = Field(
        default=None, description="Only what changed after: seconds since 1970, or RFC 3339."
    )
    updated_before: Annotated[datetime | None, BeforeValidator(instant)] = Field(
        default=None, description="Only what changed before: seconds since 1970, or RFC 3339."
    )
    with_spark: bool = Field(default=False, description="Accepted for the vendor's clients; there are none.")
    status_state: Annotated[list[NotebookState], BeforeValidator(as_list)] = Field(
        default_factory=list, description="Only these states; may be repeated."
    )
    project: str = Field(default="", max_length=255, description="Only this project's.")
    user_name: str = Field(default="", max_length=255, description="Only this person's.")
    label_selector: str = Field(
        default="", max_length=4096, description="name=value[,name=value]; all must match."
    )


class CreateParameters(Parameters):
    """Where to create."""

    project: str | None = Field(
        default=None, max_length=255, description="Needed by who may create notebooks in several projects."
    )


class DeleteParameters(Parameters):
    """How to delete."""

    force: bool = Field(
        default=False, description="True: end it first when it runs; what is unsaved is lost."
    )


def _answer(
    call: Call[NoParameters] | Call[ListParameters] | Call[CreateParameters], view: NotebookView
) -> api_v1.Notebook:
    settings = call.service.settings
    return to_notebook(
        view,
        call.actor,
        capabilities=call.service.operations.capabilities.capabilities(),
        info_url=f"{settings.deployment.public_url.rstrip('/')}{settings.service_prefix}",
    )


def _notebook(call: Call[NoParameters] | Call[DeleteParameters]) -> UUID:
    return path_id(call.path["notebook"], "notebook")


@ROUTES.route("GET", "/v1/notebook", answer=api_v1.NotebookList, query=ListParameters, errors=(400, 404))
async def list_notebooks(call: Call[ListParameters]) -> api_v1.NotebookList:
    """List notebooks."""
    asked = call.query
    query = ListQuery(
        states=frozenset(asked.status_state),
        user=asked.user_name,
        project=asked.project,
        label_selector=asked.label_selector,
        updated_after=asked.updated_after,
        updated_before=asked.updated_before,
        sort=asked.sort,
        order=asked.order,
        page=asked.page,
        size=asked.size,
    )
    found = await call.service.operations.notebooks.list(call.actor, query)
    return api_v1.NotebookList(
        items=[_answer(call, view) for view in found.items],
        metadata=page_metadata(call, "v1/notebook", found),
    )


@ROUTES.route(
    "POST",
    "/v1/notebook",
    answer=api_v1.Notebook,
    body=SpecRequest,
    query=CreateParameters,
    errors=(400, 404),
)
async def create_notebook(call: Call[CreateParameters]) -> api_v1.Notebook:
    """Create a notebook and start it."""
    made = await call.service.operations.notebooks.create(call.actor, call.body, project=call.query.project)
    return _answer(call, made)


@ROUTES.route(
    "POST",
    "/v1/notebook/command",
    answer=api_v1.Command,
    body=SpecRequest,
    errors=(400,),
)
async def notebook_command(call: Call[NoParameters]) -> api_v1.Command:
    """Say which command line asks for this notebook."""
    return api_v1.Command(command=await call.service.operations.notebooks.command(call.actor, call.body))


@ROUTES.route("GET", "/v1/notebook/{notebook}", answer=api_v1.Notebook, errors=(404,))
async def get_notebook(call: Call[NoParameters]) -> api_v1.Notebook:
    """Get a notebook."""
    return _answer(call, await call.service.operations.notebooks.get(call.actor, _notebook(call)))


@ROUTES.route(
    "PUT",
    "/v1/notebook/{notebook}",
    body=SpecUpdateRequest,
    errors=(400, 404),
)
async def update_notebook(call: Call[NoParameters]) -> None:
    """Change a notebook; only labels while it runs."""
    await call.service.operations.notebooks.update(call.actor, _notebook(call), call.body)


@ROUTES.route(
    "DELETE",
    "/v1/notebook/{notebook}",
    query=DeleteParameters,
    errors=(400, 404),
)
async def delete_notebook(call: Call[DeleteParameters]) -> None:
    """Delete a notebook and its files for good."""
    await call.service.operations.notebooks.delete(call.actor, _notebook(call), force=call.query.force)


@ROUTES.route(
    "PUT",
    "/v1/notebook/{notebook}/label",
    body=api_v1.LabelUpdate,
    errors=(400, 404),
)
async def set_label(call: Call[NoParameters]) -> None:
    """Set one label, or remove it."""
    label = read_message(api_v1.LabelUpdate, call.body)
    await call.service.operations.notebooks.set_label(
        call.actor, _notebook(call), name=label.name, value=label.value
    )


@ROUTES.route("PUT", "/v1/notebook/{notebook}/start", errors=(400, 404))
async def start_notebook(call: Call[NoParameters]) -> None:
    """Start a notebook."""
    await call.service.operations.notebooks.start(call.actor, _notebook(call))


@ROUTES.route("PUT", "/v1/notebook/{notebook}/stop", errors=(400, 404))
async def stop_notebook(call: Call[NoParameters]) -> None:
    """Stop a notebook and save its data."""
    await call.service.operations.notebooks.stop(call.actor, _notebook(call))
