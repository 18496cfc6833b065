"""What a rule may know beside the request: what this deployment offers, by which door the request came."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from ovh_spawner.domain.capabilities import Capabilities
from ovh_spawner.domain.spec import NotebookSpec
from ovh_spawner.domain.states import Door
from ovh_spawner.errors import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolutionContext:
    """The surroundings of one request."""

    capabilities: Capabilities
    store_aliases: frozenset[str]
    """Data stores that the person may use."""
    mode: Literal["local", "kubernetes"]
    new_id: Callable[[], UUID]
    generate_name: Callable[[str], str]
    """From an editor's id to a name for a notebook that was given none."""
    door: Door
    git_file_urls: bool = False
    """True: repositories may be folders of this machine (tests, never a deployment)."""
    allows_open_access: bool = True
    """False: no notebook may be opened to everybody."""
    platform_check: Callable[[NotebookSpec], Sequence[Problem]] = lambda _: ()
    """What the place where notebooks run cannot do; asked when all rules are kept."""
    notebook_id: UUID | None = None
    """The notebook that is changed: its own platform labels may be sent back."""
