"""What a token with a label selector makes stays within its reach: it cannot hide notebooks from its own scope."""

from collections.abc import Mapping
from uuid import UUID

from ovh_spawner.domain.access import Person
from ovh_spawner.domain.labels import is_platform_label, platform_labels
from ovh_spawner.domain.spec import NotebookSpec
from ovh_spawner.domain.token_users import is_token_user
from ovh_spawner.domain.tokens import selector_text
from ovh_spawner.errors import PermissionDeniedError

NO_SERVERS = (
    "You are signed in with an application token, which has no servers of its own. Make notebooks with "
    "'POST /services/ai/v1/notebook' and the token: they belong to whoever made the token."
)


def refuse_token_user(user: str) -> None:
    """Refuse what would belong to a hub user who is an application token.

    Raises:
        PermissionDeniedError: it is one.

    """
    if is_token_user(user):
        raise PermissionDeniedError(NO_SERVERS)


def labels_in_scope(person: Person, labels: Mapping[str, str | None] | None) -> dict[str, str | None]:
    """Add the labels that the person's token is limited to; what the request says of them stands."""
    pairs = person.token.selector.pairs if person.token else ()
    own = {name: value for name, value in pairs if not is_platform_label(name)}
    return {**own, **(labels or {})}


def refuse_out_of_scope(person: Person, spec: NotebookSpec, notebook: UUID) -> None:
    """Refuse a spec that the person's token would not reach.

    Raises:
        PermissionDeniedError: it would not.

    """
    if person.token is None:
        return
    selector = person.token.selector
    if not selector.matches({**spec.labels, **platform_labels(notebook)}):
        raise PermissionDeniedError(
            f"This token reaches notebooks with {selector_text(selector.pairs)} only, and this one would not have "
            "that. Leave these labels out, or use another token."
        )


def refuse_scoped(person: Person, what: str) -> None:
    """Refuse what is about a whole project to a token that is for some of its notebooks.

    Raises:
        PermissionDeniedError: it is such a token.

    """
    if person.token is not None and person.token.selector.pairs:
        raise PermissionDeniedError(
            f"This token is for notebooks with {selector_text(person.token.selector.pairs)} only, not for {what}."
        )
