"""What the spawn page shows, as words: hardware per unit, prices, quota, the notebook's state. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from ovh_spawner.contract.notebooks import FlavorChoice, NotebookBrief, SpawnPage
from ovh_spawner.contract.sync import VolumeProgress
from ovh_spawner.domain.states import RUNNING_LIKE, NotebookState
from ovh_spawner.hub.progress import amount

_GIB = 1024**3


@dataclass(frozen=True, slots=True)
class FlavorView:
    """One flavor's line."""

    choice: FlavorChoice
    unit: str
    """What one unit is: GPU or vCPU."""
    hardware: str
    price: str


@dataclass(frozen=True, slots=True)
class NotebookView:
    """Where the notebook stands, and whether it can be started now."""

    name: str
    may_start: bool
    may_save: bool
    """Its changes are not saved, and nobody is at it."""
    sentence: str


def view_flavors(page: SpawnPage) -> list[FlavorView]:
    """Return the flavors in words."""
    return [_view_flavor(flavor, page.currency) for flavor in page.flavors]


def _view_flavor(flavor: FlavorChoice, currency: str) -> FlavorView:
    parts = [f"{flavor.cpu} vCPU", f"{_gib(flavor.memory)} memory", f"{_gib(flavor.ephemeral_storage)} disk"]
    if flavor.gpu:
        card = f" {flavor.gpu_model}" if flavor.gpu_model else ""
        simulated = " (simulated)" if flavor.simulated else ""
        parts.insert(0, f"{flavor.gpu} GPU{card}{simulated}")
    return FlavorView(
        choice=flavor,
        unit="GPU" if flavor.gpu else "vCPU",
        hardware=", ".join(parts),
        price=f"{price(flavor.price_per_hour)} {currency} per hour",
    )


def price(exact: str) -> str:
    """Return a price without needless zeros, but with cents: 1.75, 0.0325, 2.00."""
    try:
        exponent = Decimal(exact).normalize().as_tuple().exponent
        return f"{Decimal(exact):.{max(2, -int(exponent))}f}"
    except (InvalidOperation, ValueError):
        return exact


def _gib(size: int) -> str:
    whole, rest = divmod(size, _GIB)
    return f"{size / _GIB:.1f} GiB" if rest else f"{whole} GiB"


def quota_sentence(page: SpawnPage) -> str:
    """Return what is left of the project's GPUs."""
    left = max(0, page.gpu_quota - page.gpus_used)
    return f"{left} of the project's {page.gpu_quota} GPUs {'is' if left == 1 else 'are'} free."


def view_notebook(brief: NotebookBrief | None) -> NotebookView | None:
    """Return where an existing notebook stands."""
    if brief is None:
        return None
    return NotebookView(
        brief.name,
        may_start=_may_start(brief.state),
        may_save=brief.state is NotebookState.SYNC_FAILED and not brief.is_syncing,
        sentence=_sentence(brief),
    )


def _may_start(state: NotebookState) -> bool:
    # The service has the last word; what is over or unknown may be tried.
    return state in {NotebookState.STOPPED, NotebookState.FAILED, NotebookState.ERROR}


def _sentence(brief: NotebookBrief) -> str:
    match brief.state:
        case NotebookState.STOPPED:
            # The form speaks for itself.
            return ""
        case NotebookState.STOPPING | NotebookState.SYNC_FAILED if _is_saving(brief):
            return f"Its changes are being saved{moved(brief.syncing)}. It can be started when that is done."
        case NotebookState.SYNC_FAILED:
            return f"It can be started when its changes are saved. {brief.message}".strip()
        case NotebookState.DELETING:
            return "It is being deleted."
        case state if state in RUNNING_LIKE:
            return "It was running until a moment ago, and its end is being recorded. Try again in a minute."
        case _:
            return brief.message


def _is_saving(brief: NotebookBrief) -> bool:
    return brief.is_syncing or brief.state is NotebookState.STOPPING


def moved(syncing: Sequence[VolumeProgress]) -> str:
    """Return how far a data sync is, to follow what it does: ``: 1.2 of 3.4 GB``; nothing while that is unknown."""
    total = sum(volume.total_bytes for volume in syncing)
    if not total:
        return ""
    return f": {amount(min(total, sum(v.transferred_bytes for v in syncing)), total)}"
