"""The page of application tokens: make, renew, delete. Each change is a form with JupyterHub's XSRF token."""

from datetime import date
from http import HTTPStatus
from typing import Any, ClassVar

from ovh_spawner.domain.access import Role
from ovh_spawner.domain.tokens import PREFIX
from ovh_spawner.errors import InvalidSpecError, RefusedError
from ovh_spawner.service.api import errors
from ovh_spawner.service.api.handlers import path_id
from ovh_spawner.service.operations.tokens import IssuedToken
from ovh_spawner.service.pages.handlers import PageHandler

_FIELDS = ("name", "role", "labels", "end", "project")
_SHOWN = 500
"""Tokens on the page; the API has the others."""


class TokensPage(PageHandler):
    """``/services/ai/tokens``."""

    methods: ClassVar[frozenset[str]] = frozenset({"GET", "POST"})

    async def get(self) -> None:
        await self._show()

    async def post(self) -> None:
        orders = {"create": self._create, "renew": self._renew, "delete": self._delete}
        order = orders.get(self._field("action"))
        try:
            if order is None:
                raise InvalidSpecError.one("", "This form is not complete; open the page again.")
            issued = await order()
        except RefusedError as exc:
            await self._show(problem=exc.message, status=errors.status_of(exc))
            return
        if issued is None:
            self.redirect(f"{self.service.settings.service_prefix}tokens", status=HTTPStatus.SEE_OTHER)
            return
        await self._show(issued=issued)

    async def _create(self) -> IssuedToken:
        asked: dict[str, Any] = {
            "name": self._field("name"),
            "role": self._field("role"),
            "labelSelector": self._field("labels") or None,
        }
        if end := self._field("end"):
            asked["expiresAt"] = _end_of_day(end)
        project = self._field("project") or None
        return await self.service.operations.tokens.create(self.actor, asked, project=project)

    async def _renew(self) -> IssuedToken:
        token = path_id(self._field("token"), "token")
        return await self.service.operations.tokens.renew(self.actor, token)

    async def _delete(self) -> None:
        await self.service.operations.tokens.delete(self.actor, path_id(self._field("token"), "token"))

    def _field(self, name: str) -> str:
        return str(self.get_body_argument(name, ""))

    async def _show(
        self, *, issued: IssuedToken | None = None, problem: str = "", status: int = HTTPStatus.OK
    ) -> None:
        found = await self.service.operations.tokens.list(self.actor, size=_SHOWN)
        roles = self.actor.roles
        self.page(
            "tokens.html",
            status=status,
            tokens=found.items,
            total=found.total,
            projects=sorted(name for name in roles if self.actor.has_role(name, Role.OPERATOR)),
            issued=issued,
            problem=problem,
            # What was typed comes back with a refusal only: pressed again, it would make a second token.
            given={name: self._field(name) if problem else "" for name in _FIELDS},
            prefix_of_values=PREFIX,
            now=self.service.now(),
            longest=self.service.settings.tokens.max_days,
            xsrf=self.xsrf_token.decode("ascii"),
        )


def _end_of_day(text: str) -> str:
    try:
        return f"{date.fromisoformat(text).isoformat()}T23:59:59Z"
    except ValueError as exc:
        raise InvalidSpecError.one("end", "This is no date; write it like 2027-01-31.") from exc
