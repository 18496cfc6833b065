"""Whether a notebook may be opened to everybody who knows its address."""

from typing import Literal

from pydantic import Field

from ovh_spawner.settings_part import Part


class AccessSettings(Part):
    """Access to running notebooks."""

    open_notebooks: Literal["by-origin", "allowed", "refused"] = Field(
        default="by-origin",
        description="Open notebooks (unsecureHttp), in which everybody works without signing in. by-origin: allowed "
        "where each person has a host of their own (deployment.subdomains). On one shared host whoever works in an "
        "open notebook can reach what everybody else's browser may.",
    )
