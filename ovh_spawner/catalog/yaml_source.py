"""YAML that remembers where each key stood, so that a mistake can be named by file and line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.scalarfloat import ScalarFloat

from ovh_spawner.errors import ConfigError


@dataclass(frozen=True, slots=True)
class YamlSource:
    """A YAML file, or the block of it that stands at ``base``."""

    name: str
    document: Any = field(repr=False)
    base: tuple[str | int, ...] = ()

    @classmethod
    def read(cls, path: Path) -> "YamlSource":
        """Read a file.

        Raises:
            ConfigError: It cannot be read, is no YAML, or has a key twice.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            raise ConfigError(
                f"Cannot read {path}: {exc}. Name a YAML file that this account can read."
            ) from exc
        return cls.parse(text, str(path))

    @classmethod
    def parse(cls, text: str, name: str) -> "YamlSource":
        """Read a text; ``name`` stands in messages.

        Raises:
            ConfigError: It is no YAML, or has a key twice.
        """
        try:
            return cls(name, YAML(typ="rt", pure=True).load(text))
        except MarkedYAMLError as exc:
            line = f":{exc.problem_mark.line + 1}" if exc.problem_mark else ""
            raise ConfigError(f"{name}{line}: this is no valid YAML: {exc.problem}.") from exc
        except YAMLError as exc:
            raise ConfigError(f"{name}: this is no valid YAML: {exc}.") from exc

    def at(self, *keys: str | int) -> "YamlSource":
        return YamlSource(self.name, self.document, (*self.base, *keys))

    @property
    def data(self) -> Any:
        """The block as plain values: dicts, lists, texts, numbers (exact decimals), dates."""
        node = self.document
        for key in self.base:
            node = node[key]
        return _plain(node)

    def locate(self, path: Sequence[str | int]) -> str | None:
        """Return ``file:line`` of a place in the block; None when there is nothing at its first step.

        What is missing is located at what should hold it.
        """
        node, line, steps = self.document, 1, 0
        for key in (*self.base, *path):
            found = _line(node, key)
            if found is None:
                break
            node, line, steps = node[key], found, steps + 1
        return f"{self.name}:{line}" if steps > len(self.base) or not path else None


def _line(node: Any, key: str | int) -> int | None:
    if isinstance(node, CommentedMap) and key in node:
        return int(node.lc.key(key)[0]) + 1
    if isinstance(node, CommentedSeq) and isinstance(key, int) and key < len(node):
        return int(node.lc.item(key)[0]) + 1
    return None


def _plain(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(item) for item in node]
    return _plain_scalar(node)


def _plain_scalar(node: Any) -> Any:
    if isinstance(node, ScalarFloat):
        # The shortest text that reads as this number is the one that was typed.
        return Decimal(repr(float(node)))
    if isinstance(node, datetime):
        return datetime.fromisoformat(node.isoformat())
    if isinstance(node, bool | date) or node is None:
        return node
    return int(node) if isinstance(node, int) else str(node)
