"""Who asks."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """A signed-in person. An admin of the hub sees everybody's notebooks, others only their own."""

    name: str
    admin: bool = False

    def may_see(self, owner: str) -> bool:
        return self.admin or self.name == owner
