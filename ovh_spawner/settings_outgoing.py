"""Where data comes from that people name: which addresses are reached, and how repositories are cloned."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from ovh_spawner.domain.addresses import place_problem
from ovh_spawner.settings_part import Part


def _place(entry: str) -> str:
    if problem := place_problem(entry):
        raise ValueError(problem)
    return entry


class OutgoingSettings(Part):
    """Where the platform connects to because a person named it: their own data stores and git repositories.

    Each connection is looked at, also those that a name server, a redirect or a sign-in leads to. The operator's
    own `dataStores` are not concerned.
    """

    private_addresses: Literal["by-mode", "refused", "allowed"] = Field(
        default="by-mode",
        description="Addresses that are not of the public internet (loopback, the inner network, the cluster, "
        "a cloud's metadata). `by-mode`: refused on Kubernetes, allowed in local mode.",
    )
    allowed: list[Annotated[str, AfterValidator(_place)]] = Field(
        default_factory=list,
        description="What is reached nevertheless: host names, `*.domain` and networks such as `10.1.0.0/16`.",
    )


class GitSettings(Part):
    """How git repositories are cloned."""

    full_clones: bool = Field(
        default=False,
        description="Bring the whole history of every repository. Otherwise a public one comes with all commits and "
        "the contents of its files as they are now; git fetches older contents when they are looked at. One that "
        "needs credentials is always brought in full, as they are not kept in the notebook.",
    )
    clone_seconds: float = Field(
        default=3600.0, gt=0, description="How long one clone may take in all, however slow its server is."
    )
