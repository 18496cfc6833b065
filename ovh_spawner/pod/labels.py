"""Labels of our objects: what selectors, cost reports (OpenCost) and queues (Kueue) go by.

Only ids, and words of the operator's own (catalog, settings). Nothing that a user typed, and nobody's name: that is in
KubeSpawner's labels alone.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from uuid import UUID

PREFIX = "ovh-spawner/"
NOTEBOOK = f"{PREFIX}notebook"
RUN = f"{PREFIX}run"
SYNC = f"{PREFIX}sync"
PROJECT = f"{PREFIX}project"
EDITOR = f"{PREFIX}editor"
FRAMEWORK = f"{PREFIX}framework"
FLAVOR = f"{PREFIX}flavor"
HUB = f"{PREFIX}hub"
COMPONENT = f"{PREFIX}component"
PART_OF = "app.kubernetes.io/part-of"
PRODUCT = "ovh-spawner"
QUEUE = "kueue.x-k8s.io/queue-name"

_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?", re.ASCII)
_MAX_VALUE = 63
_MARK = 8
"""Characters of a hash: enough to tell apart what a shortened word no longer does."""


class Component(StrEnum):
    """Which part of a notebook's life an object serves."""

    NOTEBOOK = "notebook"
    SYNC = "sync"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whom an object belongs to. What is not known, or does not apply, is left out of the labels."""

    notebook: UUID
    project: str
    hub: str
    run: UUID | None = None
    sync: UUID | None = None
    editor: str = ""
    framework: str = ""
    flavor: str = ""


def labels_of(subject: Subject, component: Component) -> dict[str, str]:
    """Return the labels of an object."""
    found = {
        PART_OF: PRODUCT,
        COMPONENT: component.value,
        NOTEBOOK: str(subject.notebook),
        RUN: str(subject.run or ""),
        SYNC: str(subject.sync or ""),
        PROJECT: subject.project,
        HUB: subject.hub,
        EDITOR: subject.editor,
        FRAMEWORK: subject.framework,
        FLAVOR: subject.flavor,
    }
    return {name: label_value(value) for name, value in found.items() if value}


def label_value(text: str) -> str:
    """Return the text as it is where a label can hold it, else shortened, with a mark that tells it apart."""
    if _VALUE.fullmatch(text):
        return text
    mark = sha256(text.encode()).hexdigest()[:_MARK]
    kept = re.sub(r"[^A-Za-z0-9_.-]", "-", text)[: _MAX_VALUE - _MARK - 1].strip("-_.")
    return f"{kept}-{mark}" if kept else mark


def selector(**pairs: str) -> str:
    """Return a label selector for the API: ``selector(component="sync")``; keys are ours, without the prefix."""
    parts = [f"{PREFIX}{name}={value}" for name, value in sorted(pairs.items())]
    return ",".join([f"{PART_OF}={PRODUCT}", *parts])
