"""What a notebook's pod is made from."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from ovh_spawner.domain.capabilities import Capabilities
from ovh_spawner.domain.spec import NotebookSpec
from ovh_spawner.pod.labels import Subject
from ovh_spawner.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class PodRequest:
    """All that a pod is made from. Values of variables, tokens and keys are in Secrets, never here."""

    notebook: UUID
    run: UUID
    project: str
    hub: str
    """Id of the hub that starts it."""
    prefix: str
    """The notebook's path behind the proxy, with slashes: /user/x/nb-y/."""
    spec: NotebookSpec
    capabilities: Capabilities
    settings: Settings
    has_pull: bool
    """True: there is data to bring before the editor starts."""
    platform_variables: Mapping[str, str]
    """What every notebook is told of itself (NOTEBOOK_ID, NOTEBOOK_HOST)."""

    @property
    def subject(self) -> Subject:
        return Subject(
            notebook=self.notebook,
            project=self.project,
            hub=self.hub,
            run=self.run,
            editor=self.spec.editor,
            framework=self.spec.framework,
            flavor=self.spec.flavor,
        )
