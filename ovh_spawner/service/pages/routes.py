"""The pages' paths."""

import re
from typing import Any

from tornado.routing import URLSpec

from ovh_spawner.service.api.auth import HubSignIn
from ovh_spawner.service.api.service import Service
from ovh_spawner.service.pages.handlers import SignedInHandler
from ovh_spawner.service.pages.notebooks import FrontPage, OpenPage
from ovh_spawner.service.pages.projects import ProjectPage, ProjectsPage
from ovh_spawner.service.pages.tokens import TokensPage
from ovh_spawner.service.pages.usage import UsageCsvPage, UsagePage


def page_rules(service: Service, sign_in: HubSignIn) -> list[URLSpec]:
    """Return the rules of all pages."""
    prefix = re.escape(service.settings.service_prefix)
    given: dict[str, Any] = {"service": service, "sign_in": sign_in}
    return [
        URLSpec(f"{prefix.rstrip('/')}/?", FrontPage, given),
        URLSpec(f"{prefix}usage", UsagePage, given),
        URLSpec(f"{prefix}usage\\.csv", UsageCsvPage, given),
        URLSpec(f"{prefix}projects", ProjectsPage, given),
        URLSpec(f"{prefix}projects/(?P<name>[^/]+)", ProjectPage, given),
        URLSpec(f"{prefix}tokens", TokensPage, given),
        URLSpec(f"{prefix}open/(?P<notebook>[^/]+)", OpenPage, given),
        URLSpec(f"{prefix}oauth_callback", SignedInHandler, given),
    ]
