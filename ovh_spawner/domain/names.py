"""Names: the one people read, and the one the hub uses for a server.

JupyterHub 6 accepts a server name of 1 to 30 characters: lower-case letters, digits and single hyphens, a
letter first, no hyphen last. A UUID does not fit (36 characters), so that a server gets a short id.
"""

import re
from base64 import b32encode
from collections.abc import Sequence
from typing import Protocol

_SERVER_NAME = re.compile(r"[a-z](?:-?[a-z0-9])*", re.ASCII)
_SERVER_NAME_LENGTH = 30
_ID_LENGTH = 12
"""60 bits: with a million servers of one person, a chance of one in two million that two are the same."""
_ID_BYTES = 8

ADJECTIVES = (
    "admiring", "agile", "amazing", "brave", "bright", "calm", "charming", "cheerful", "clever", "cool",
    "curious", "daring", "dazzling", "eager", "elegant", "epic", "fair", "fearless", "focused", "friendly",
    "gallant", "generous", "gentle", "gifted", "glad", "graceful", "happy", "hopeful", "inspiring", "jolly",
    "joyful", "keen", "kind", "lively", "loving", "lucid", "magical", "merry", "modest", "nifty",
    "nimble", "noble", "optimistic", "patient", "peaceful", "playful", "polite", "proud", "quick", "quiet",
    "radiant", "relaxed", "serene", "sharp", "silent", "smart", "stoic", "sunny", "swift", "tender",
    "thoughtful", "tidy", "trusting", "upbeat", "vibrant", "vigilant", "vivid", "warm", "wise", "witty",
    "wonderful", "zealous", "zen",
)  # fmt: skip


class Chooser(Protocol):
    """A source of chance: the module ``secrets``, or a ``random.Random`` with a seed."""

    def choice(self, seq: Sequence[str], /) -> str: ...


def generate_name(editor_id: str, random: Chooser) -> str:
    """Return a name for a notebook that was given none: jupyterlab-inspiring."""
    return f"{editor_id}-{random.choice(ADJECTIVES)}"


def new_server_name(random_bytes: bytes) -> str:
    """Return a hub server name made of at least eight random bytes: nb- and twelve base-32 characters."""
    if len(random_bytes) < _ID_BYTES:
        raise ValueError("A server name needs at least 8 random bytes.")
    return f"nb-{b32encode(random_bytes).decode('ascii').lower()[:_ID_LENGTH]}"


def is_server_name(text: str) -> bool:
    """Tell whether JupyterHub 6 accepts ``text`` as the name of a server."""
    return len(text) <= _SERVER_NAME_LENGTH and _SERVER_NAME.fullmatch(text) is not None
