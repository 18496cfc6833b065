"""The settings' blocks for projects: who works in which, with which quota, at which prices."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from ovh_spawner.domain.projects import NAME_RULE, is_project_name
from ovh_spawner.settings_part import Part


def _read_instant(value: Any) -> Any:
    """Take a date as its first instant in UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError("a date is written 2026-01-31, or 2026-01-31T12:00:00Z") from None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return value


Instant = Annotated[datetime, BeforeValidator(_read_instant)]


class PriceEntry(Part):
    """A price of one unit, from an instant on."""

    valid_from: Instant
    per_hour: Decimal = Field(ge=0, allow_inf_nan=False)


def _one_price_at_a_time(prices: tuple[PriceEntry, ...]) -> tuple[PriceEntry, ...]:
    if len({price.valid_from for price in prices}) < len(prices):
        raise ValueError("two prices hold from the same instant")
    return prices


Prices = Annotated[tuple[PriceEntry, ...], Field(min_length=1), AfterValidator(_one_price_at_a_time)]


def _project_name(text: str) -> str:
    if not is_project_name(text):
        raise ValueError(f"a project's name has {NAME_RULE}")
    return text


def _group_pattern(text: str) -> str:
    if text and text.count("{project}") != 1:
        raise ValueError("the pattern says where in a group's name the project stands: ai-{project}-{role}")
    if text.count("{role}") > 1:
        raise ValueError("the pattern has {role} twice")
    return text


ProjectName = Annotated[str, AfterValidator(_project_name)]


class ProjectSettings(Part):
    """What holds for every project that says nothing else, and for the one of an installation without projects."""

    gpu_quota: int = Field(default=4, ge=0, description="GPUs that a project may hold at a time.")
    group_pattern: Annotated[str, AfterValidator(_group_pattern)] = Field(
        default="",
        description="How groups name projects and roles, such as `ai-{project}-{role}`: whoever is in "
        "`ai-physics-operators` is an operator of `physics`. Roles are read, operator and administrator, also "
        "as readers, operators and administrators or admins; without `{role}` members are operators.",
    )


class MembersSettings(Part):
    """Members of one role."""

    users: list[str] = Field(default_factory=list, description="Names as the hub has them.")
    groups: list[str] = Field(
        default_factory=list, description="Names of groups; `*` in them stands for anything."
    )


class ProjectEntry(Part):
    """One project. Its name is its id: lower case, for good."""

    title: str = Field(default="", max_length=100, description="For people; none: the name.")
    gpu_quota: int | None = Field(
        default=None, ge=0, description="GPUs that it may hold at a time; none: `project.gpuQuota`."
    )
    sharing: Literal["members", "owner"] = Field(
        default="members",
        description="`members`: they see and open each other's notebooks. `owner`: each only their own; "
        "administrators see and operate all.",
    )
    price_list: str = Field(default="", description="One of `priceLists`; none: the catalog's prices.")
    labels: dict[str, str] = Field(default_factory=dict, description="For the operator's own reports.")
    administrators: MembersSettings = Field(
        default=MembersSettings(), description="Look after members, tokens and the audit log as well."
    )
    operators: MembersSettings = Field(
        default=MembersSettings(), description="Create, start, stop, change, delete and open notebooks."
    )
    readers: MembersSettings = Field(default=MembersSettings(), description="Open running notebooks.")


PriceList = dict[str, Prices]
"""Prices by flavor."""
