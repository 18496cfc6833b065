"""Limits of application tokens."""

from datetime import timedelta

from pydantic import Field

from ovh_spawner.settings_part import Part


class TokenSettings(Part):
    """Application tokens, which programs sign in with."""

    max_days: int | None = Field(
        default=None,
        ge=1,
        le=36500,
        description="Longest life of a token; also of those that were made before. None: a token lives until it is "
        "deleted, as the vendor's do.",
    )

    @property
    def longest(self) -> timedelta | None:
        return None if self.max_days is None else timedelta(days=self.max_days)
