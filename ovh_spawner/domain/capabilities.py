"""What can be asked for here: editors, frameworks, flavors. The catalog makes them, rules read them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from ovh_spawner.domain.flavors import Flavor, FlavorType

_PLACEHOLDER = re.compile(r"\{[a-z]+\}")


@dataclass(frozen=True, slots=True)
class Editor:
    """What opens in the browser."""

    id: str
    name: str
    description: str
    doc_url: str
    logo_url: str
    versions: tuple[str, ...]
    command: tuple[str, ...]
    """Starts it; {python} {socket} {prefix} {workspace} {editor} {config} are filled in."""
    probe_path: str
    strip_prefix: bool
    environment: tuple[tuple[str, str], ...] = ()
    unavailable: str = ""

    def filled(self, words: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
        """Return command and variables with ``words`` in the places of their keys: ``{"{socket}": …}``."""
        command = [_fill(part, words) for part in self.command]
        return command, {name: _fill(value, words) for name, value in self.environment}


def _fill(text: str, words: Mapping[str, str]) -> str:
    # Not str.format, and one pass: a brace in a prefix or a path is no placeholder.
    return _PLACEHOLDER.sub(lambda found: words.get(found[0], found[0]), text)


@dataclass(frozen=True, slots=True)
class Framework:
    """A software stack; the first version is the default."""

    id: str
    name: str
    description: str
    doc_url: str
    logo_url: str
    versions: tuple[str, ...]
    saved_paths: tuple[str, ...]
    incompatible_editors: frozenset[str] = frozenset()
    unavailable: str = ""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """All that this deployment offers."""

    region: str
    currency: str
    editors: tuple[Editor, ...]
    frameworks: tuple[Framework, ...]
    flavors: tuple[Flavor, ...]

    def editor(self, editor_id: str) -> Editor | None:
        return next((e for e in self.editors if e.id == editor_id), None)

    def framework(self, framework_id: str) -> Framework | None:
        return next((f for f in self.frameworks if f.id == framework_id), None)

    def flavor(self, flavor_id: str) -> Flavor | None:
        return next((f for f in self.flavors if f.id == flavor_id), None)

    def default_flavor(self, kind: FlavorType) -> Flavor | None:
        return next((f for f in self.flavors if f.type is kind and f.default), None)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return itself: it never changes, and traitlets copies what each of a thousand spawners is set to."""
        return self
