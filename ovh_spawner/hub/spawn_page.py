"""The spawn page: one notebook, one address, ``/hub/spawn/<user>/<server>``.

JupyterHub's own page starts on GET what has no form, and shows the default server's form again after a bad
post. This one never starts anything on GET, and gives back everything that was typed.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from jupyterhub.handlers.pages import SpawnHandler
from jupyterhub.scopes import needs_scope
from jupyterhub.utils import url_escape_path, url_path_join
from tornado import web

from ovh_spawner.contract.notebooks import SpawnPage
from ovh_spawner.contract.runs import NotebookReference, ResolveRequest
from ovh_spawner.domain.names import new_server_name
from ovh_spawner.domain.states import Door
from ovh_spawner.errors import InvalidSpecError, OVHSpawnerError, Problem
from ovh_spawner.hub import compat, refusals, spawn_view
from ovh_spawner.hub.form import FormValues, values_for_page, values_from_post
from ovh_spawner.hub.form_problems import by_field, place_problems
from ovh_spawner.hub.form_request import build_request, find_duplicates
from ovh_spawner.hub.service_client import ServiceClient

_NAME_BYTES = 8


@dataclass(frozen=True, slots=True)
class Visit:
    """One notebook's page as one request sees it."""

    user: Any
    """The notebook's owner, who need not be the visitor."""
    server_name: str
    page: SpawnPage
    values: FormValues


class SpawnPageHandler(SpawnHandler):  # type: ignore[misc]
    """GET shows the form, POST starts the notebook."""

    @needs_scope("servers")  # type: ignore[untyped-decorator]
    async def _get(self, user_name: str, server_name: str, display_name: str = "") -> None:  # noqa: ARG002 - hub 6
        user = self._owner(user_name)
        if not server_name:
            # Notebooks are named servers: a new one gets its name here, and with it the address of its page.
            new = new_server_name(secrets.token_bytes(_NAME_BYTES))
            self.redirect(url_path_join(self.hub.base_url, "spawn", user.escaped_name, new))
            return
        await compat.check_server_name(self, user, server_name)
        if where := self._where_it_runs(user, server_name):
            self.redirect(where)
            return
        page = await self._page(user, server_name)
        await self._show(Visit(user, server_name, page, values_for_page(page)))

    @needs_scope("servers")  # type: ignore[untyped-decorator]
    async def _post(self, user_name: str, server_name: str, display_name: str = "") -> None:  # noqa: ARG002 - hub 6
        user = self._owner(user_name)
        if not server_name:
            raise web.HTTPError(
                400, "A notebook is a named server. Start one through the page 'New notebook'."
            )
        await compat.check_server_name(self, user, server_name)
        if where := self._where_it_runs(user, server_name):
            self.redirect(where)
            return
        typed = {
            key: [text.decode("utf-8", "replace") for text in texts]
            for key, texts in self.request.body_arguments.items()
        }
        page = await self._page(user, server_name, typed.get("project", [""])[-1])
        if typed.keys() & {"add", "remove", "choose"}:
            values = values_from_post(typed, page, keep_empty=True)
            values = values.with_row(typed.get("add", [""])[-1]).without_row(typed.get("remove", [""])[-1])
            await self._show(Visit(user, server_name, page, values))
            return
        await self._start(Visit(user, server_name, page, values_from_post(typed, page)))

    async def _start(self, visit: Visit) -> None:
        """Store what was asked for and start it; whatever is refused comes back on the form."""
        if duplicates := find_duplicates(visit.values):
            await self._show(visit, problems=duplicates, status=400)
            return
        try:
            reference = await self._resolve(visit)
            await compat.spawn_and_redirect(
                self,
                spawner=compat.obtain_spawner(visit.user, visit.server_name, visit.server_name),
                options=reference.model_dump(mode="json"),
                pending_url=self._get_pending_url(visit.user, visit.server_name),
            )
        except InvalidSpecError as error:
            await self._show(visit, problems=error.problems, status=400)
        except OVHSpawnerError as error:
            await self._show_refusal(visit, refusals.refusal(error))
        except web.HTTPError as error:
            await self._show_refusal(visit, error)

    async def _resolve(self, visit: Visit) -> NotebookReference:
        # Somebody else's notebook is started as it is: its variables are its owner's.
        as_it_is = visit.page.notebook is not None and not self._is_owner(visit.user)
        return await self._service(visit.user).resolve(
            ResolveRequest(
                user=visit.user.name,
                server_name=visit.server_name,
                options=None if as_it_is else build_request(visit.values, visit.page),
                door=Door.FORM,
            )
        )

    async def _show_refusal(self, visit: Visit, error: web.HTTPError) -> None:
        # Asked again: the refused start has made the notebook, or somebody else has taken the last GPU.
        fresh = replace(
            visit, page=await self._page(visit.user, visit.server_name, visit.values.fields["project"])
        )
        problem = Problem("", refusals.sentence_of(error))
        await self._show(fresh, problems=[problem], status=error.status_code)

    async def _show(self, visit: Visit, *, problems: Sequence[Problem] = (), status: int = 200) -> None:
        user, page = visit.user, visit.page
        placed = place_problems(problems, visit.values)
        notebook = spawn_view.view_notebook(page.notebook)
        self.set_status(status)
        # The page holds what only its owner may read.
        self.set_header("Cache-Control", "no-store")
        server = url_escape_path(visit.server_name)
        html = await self.render_template(
            "spawn.html",
            for_user=user,
            action=url_path_join(self.hub.base_url, "spawn", user.escaped_name, server),
            save_action=url_path_join(self.hub.base_url, "save", user.escaped_name, server),
            page=page,
            values=visit.values,
            notebook=notebook,
            shows_form=page.notebook is None or self._is_owner(user),
            may_start=not page.refusal and (notebook is None or notebook.may_start),
            flavors=spawn_view.view_flavors(page),
            quota=spawn_view.quota_sentence(page),
            problems=placed,
            errors=by_field(placed),
            # page.html would ask the default server for its form.
            no_spawner_check=True,
        )
        self.finish(html)

    async def _page(self, user: Any, server_name: str, project: str = "") -> SpawnPage:
        try:
            return await self._service(user).get_spawn_page(user.name, server_name, project)
        except OVHSpawnerError as error:
            raise refusals.refusal(error) from error

    def _owner(self, user_name: str) -> Any:
        user = self.current_user if user_name == self.current_user.name else self.find_user(user_name)
        if user is None:
            raise web.HTTPError(404, f"There is no user {user_name!r}.")
        return user

    def _is_owner(self, user: Any) -> bool:
        return bool(self.current_user.name == user.name)

    def _where_it_runs(self, user: Any, server_name: str) -> str | None:
        """Return where a notebook that runs, starts or stops is to be seen."""
        if server_name not in user.orm_spawners:
            return None
        spawner = user.spawners[server_name]
        if spawner.ready:
            return str(self.get_next_url(user, default=user.server_url(server_name)))
        return str(self._get_pending_url(user, server_name)) if spawner.active else None

    def _service(self, user: Any) -> ServiceClient:
        """Return the client of the user's spawners; a spawner of its own would need a row in the hub."""
        client: ServiceClient = user.spawner.service
        return client
