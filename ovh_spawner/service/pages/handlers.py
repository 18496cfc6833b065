"""What every page shares: sign-in at the hub, templates, security headers, errors as pages."""

from http import HTTPStatus
from typing import Any, ClassVar

from jinja2 import Environment, PackageLoader, StrictUndefined
from jupyterhub.services.auth import HubOAuth, HubOAuthCallbackHandler, HubOAuthenticated
from tornado.web import HTTPError

from ovh_spawner.domain.access import Person
from ovh_spawner.errors import HubError, PermissionDeniedError
from ovh_spawner.service.api import errors
from ovh_spawner.service.api.auth import HubSignIn
from ovh_spawner.service.api.handlers import BaseHandler
from ovh_spawner.service.api.origins import note_origin
from ovh_spawner.service.api.service import Service

TEMPLATES = Environment(
    loader=PackageLoader("ovh_spawner.service.pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
)

_CONTENT_POLICY = (
    # Styles and logo are the hub's, on the same host; its stylesheet holds icons as data: addresses.
    "default-src 'none'; style-src 'self'; img-src 'self' data:; font-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'self'"
)


class PageHandler(HubOAuthenticated, BaseHandler):  # type: ignore[misc]  # JupyterHub has no types
    """A page for a signed-in person; others are sent to the hub's sign-in and come back."""

    actor: Person
    methods: ClassVar[frozenset[str]] = frozenset({"GET"})

    def initialize(self, **given: Any) -> None:
        super().initialize()
        self.service: Service = given["service"]
        self.sign_in: HubSignIn = given["sign_in"]

    @property
    def hub_auth(self) -> HubOAuth:
        return self.sign_in.oauth

    def set_default_headers(self) -> None:
        super().set_default_headers()
        self.set_header("Content-Security-Policy", _CONTENT_POLICY)

    async def prepare(self) -> None:
        if self.request.method not in self.methods:
            raise HTTPError(405)
        try:
            model = await self.hub_auth.get_user(self, sync=False)
        except HTTPError as exc:
            raise HubError("JupyterHub could not be asked who you are; try again in a moment.") from exc
        if model is None and self.request.method != "GET":
            # Signed out meanwhile, or without the form's XSRF token: from another site, or from long ago.
            raise PermissionDeniedError(
                "This form is not valid (any more). Open the page again, then send it."
            )
        if model is None:
            self.redirect(self.get_login_url())
            return
        note_origin(
            self.request,
            proxies=self.service.settings.service.proxies,
            credential="sign-in",
            number=self.request_id,
        )
        self.actor = await self.sign_in.person_from_model(model)

    def get_current_user(self) -> None:
        """Tell tornado nothing: ``prepare`` has signed the person in, without blocking the event loop."""

    def page(self, template: str, *, status: int = 200, **facts: Any) -> None:
        """Answer with a template."""
        settings = self.service.settings
        text = TEMPLATES.get_template(template).render(
            hub=f"{settings.deployment.base_path.rstrip('/')}/hub/",
            prefix=settings.service_prefix,
            actor=getattr(self, "actor", None),
            **facts,
        )
        self.set_status(status)
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(text)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, HTTPError(status_code), None))[1]
        self.report(error)
        body = errors.body_of(error, request_id=self.request_id)
        self.page("error.html", status=errors.status_of(error), message=body.message)


class SignedInHandler(HubOAuthCallbackHandler, PageHandler):  # type: ignore[misc]  # JupyterHub has no types
    """Where the hub sends the browser back to after sign-in."""

    async def prepare(self) -> None:
        """Nobody is signed in yet."""

    async def get(self) -> None:
        try:
            await HubOAuthCallbackHandler.get(self)
        except HTTPError as exc:
            if exc.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise HubError("Signing in at JupyterHub did not work; try again.") from exc
            raise PermissionDeniedError(
                "Signing in did not work: it took too long, or began in another window. Open the page again."
            ) from exc
