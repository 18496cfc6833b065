"""``/v1/token``: application tokens. A value is in the answer to creation and renewal, nowhere else."""

from typing import Any
from uuid import UUID

from pydantic import Field

from ovh_spawner.contract import api_v1_access as wire
from ovh_spawner.domain.access import Role
from ovh_spawner.domain.tokens import TokenRequest
from ovh_spawner.service.api.handlers import path_id
from ovh_spawner.service.api.paging import PageParameters, page_metadata
from ovh_spawner.service.api.parameters import Parameters
from ovh_spawner.service.api.routes import Call, NoParameters, Routes
from ovh_spawner.service.operations.tokens import TokenView

ROUTES = Routes("token")

VENDOR_ROLES = {
    Role.READ: "ai_training_read",
    Role.OPERATOR: "ai_training_operator",
    Role.ADMINISTRATOR: "administrator",
}
"""The vendor's web names of roles."""


class TokenListParameters(PageParameters):
    """Which tokens."""

    project: str | None = Field(default=None, max_length=255, description="Only this project's.")


class NewTokenParameters(Parameters):
    """Where the token acts."""

    project: str | None = Field(
        default=None, max_length=255, description="Needed by who is an operator of several projects."
    )


def _token(call: Call[Any]) -> UUID:
    return path_id(call.path["token"], "token")


def _answer(view: TokenView, value: str | None = None) -> wire.Token:
    return wire.Token(
        id=view.id,
        created_at=view.created_at,
        updated_at=view.issued_at,
        spec=wire.TokenSpecAnswer(
            name=view.name,
            role=VENDOR_ROLES[view.role],
            label_selector=view.selector,
            region=view.region,
            project=view.project,
            owner=view.owner,
            expires_at=view.expires_at,
        ),
        status=wire.TokenStatus(value=value, version=view.version, last_used_at=view.last_used_at),
    )


@ROUTES.route("GET", "/v1/token", answer=wire.TokenList, query=TokenListParameters)
async def list_tokens(call: Call[TokenListParameters]) -> wire.TokenList:
    """List your tokens; an administrator's list holds all of the project."""
    asked = call.query
    found = await call.service.operations.tokens.list(
        call.actor, project=asked.project, page=asked.page, size=asked.size
    )
    return wire.TokenList(
        items=[_answer(view) for view in found.items], metadata=page_metadata(call, "v1/token", found)
    )


@ROUTES.route(
    "POST", "/v1/token", answer=wire.Token, body=TokenRequest, query=NewTokenParameters, errors=(404,)
)
async def create_token(call: Call[NewTokenParameters]) -> wire.Token:
    """Make a token; its value is in this answer only."""
    made = await call.service.operations.tokens.create(call.actor, call.body, project=call.query.project)
    return _answer(made.view, made.value)


@ROUTES.route("GET", "/v1/token/{token}", answer=wire.Token, errors=(404,))
async def get_token(call: Call[NoParameters]) -> wire.Token:
    """Get a token, without its value."""
    return _answer(await call.service.operations.tokens.get(call.actor, _token(call)))


@ROUTES.route("POST", "/v1/token/{token}/renew", answer=wire.Token, errors=(404,))
async def renew_token(call: Call[NoParameters]) -> wire.Token:
    """Give a token a new value; the old one ends at once."""
    renewed = await call.service.operations.tokens.renew(call.actor, _token(call))
    return _answer(renewed.view, renewed.value)


@ROUTES.route("DELETE", "/v1/token/{token}", errors=(404,))
async def delete_token(call: Call[NoParameters]) -> None:
    """Delete a token; who is inside a notebook with it is put out."""
    await call.service.operations.tokens.delete(call.actor, _token(call))
