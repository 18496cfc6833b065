"""Labels: ``name=value`` on a notebook, and the selector that filters by them. Rules as Kubernetes has."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from ovh_spawner.constants import MAX_LABELS, PLATFORM_LABEL_PREFIX
from ovh_spawner.domain.problems import show
from ovh_spawner.errors import InvalidSpecError, Problem

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?", re.ASCII)
_DOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?", re.ASCII)
_RULE = "1 to 63 letters, digits, '-', '_' and '.', a letter or digit first and last"
_ID = f"{PLATFORM_LABEL_PREFIX}id"


def platform_labels(notebook_id: UUID) -> dict[str, str]:
    """Return the labels that the platform sets on every notebook."""
    return {
        _ID: str(notebook_id),
        f"{PLATFORM_LABEL_PREFIX}type": "notebook",
    }


def is_platform_label(name: str) -> bool:
    """Tell whether the platform alone sets this label."""
    return name.startswith(PLATFORM_LABEL_PREFIX)


def check_labels(labels: Mapping[str, str | None]) -> list[Problem]:
    """Return what is wrong with labels that somebody wants to set; None as a value means absent."""
    problems = [
        problem for name, value in labels.items() if value is not None for problem in _check(name, value)
    ]
    wanted = sum(value is not None for value in labels.values())
    if wanted > MAX_LABELS:
        problems.append(Problem("labels", f"{wanted} labels are too many; at most {MAX_LABELS} are allowed."))
    return problems


def _check(name: str, value: str) -> list[Problem]:
    field = f"labels.{name}" if _is_name(name) else "labels"
    if is_platform_label(name):
        return [
            Problem(
                field,
                f"{show(name)} is reserved: labels that start with {PLATFORM_LABEL_PREFIX!r} are set by the "
                "platform. Choose another name.",
            )
        ]
    problems = []
    if not _is_name(name):
        problems.append(
            Problem(
                field, f"{show(name)} is no label name. Allowed: {_RULE}; a domain and '/' may come before."
            )
        )
    if value and not _NAME.fullmatch(value):
        problems.append(Problem(field, f"{show(value)} is no label value. Allowed: nothing, or {_RULE}."))
    return problems


def _is_name(text: str) -> bool:
    domain, slash, name = text.rpartition("/")
    return _NAME.fullmatch(name) is not None and (not slash or _DOMAIN.fullmatch(domain) is not None)


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """Pairs that must all be among a notebook's labels; none of them selects every notebook."""

    pairs: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str) -> "LabelSelector":
        """Read ``name=value,name=value``.

        Raises:
            InvalidSpecError: A part has no '=', or breaks the rules for labels.
        """
        parts = [part.strip() for part in text.split(",")] if text.strip() else []
        return cls(tuple(_read_pair(part) for part in parts))

    def matches(self, labels: Mapping[str, str]) -> bool:
        return all(labels.get(name) == value for name, value in self.pairs)

    def split(self) -> "tuple[LabelSelector, LabelSelector]":
        """Return the selector by users' labels, and the one by the platform's, which are stored nowhere."""
        own = tuple(pair for pair in self.pairs if not is_platform_label(pair[0]))
        return LabelSelector(own), LabelSelector(tuple(pair for pair in self.pairs if pair not in own))

    def named_notebook(self) -> UUID | None:
        """Return the notebook whose platform labels these may be, if they name one."""
        try:
            return next((UUID(value) for name, value in self.pairs if name == _ID), None)
        except ValueError:
            return None


def _read_pair(part: str) -> tuple[str, str]:
    name, equals, value = part.partition("=")
    if not equals or not _is_name(name) or (value and not _NAME.fullmatch(value)):
        raise InvalidSpecError.one(
            "labelSelector",
            f"{show(part)} is no pair. Write name=value, several of them with commas between; names and "
            f"values have {_RULE}.",
        )
    return name, value
