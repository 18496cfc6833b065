"""Public keys in OpenSSH's one-line form. A text that is none is never repeated: it may be a private key."""

import binascii
from base64 import b64decode
from collections.abc import Sequence

from ovh_spawner.constants import MAX_SSH_KEYS
from ovh_spawner.domain.problems import Findings

_TYPES = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)
_MAX_KEY = 8192
"""A 16384-bit RSA key, the largest that OpenSSH makes, has 2800 characters."""
_FORM = "A key is one line: 'ssh-ed25519 AAAA… comment', the content of a file that ends in .pub."


def resolve_ssh_keys(keys: Sequence[str], *, findings: Findings) -> tuple[str, ...]:
    """Return the keys, each once; what is wrong goes to ``findings``."""
    if len(keys) > MAX_SSH_KEYS:
        findings.add("sshPublicKeys", f"{len(keys)} keys are too many; at most {MAX_SSH_KEYS} are allowed.")
        return ()
    for index, key in enumerate(keys):
        if reason := _problem(key.strip()):
            findings.add(f"sshPublicKeys[{index}]", reason)
    return tuple(dict.fromkeys(key.strip() for key in keys))


def _problem(key: str) -> str:
    if "PRIVATE KEY" in key:
        return "is a private key. Keep it to yourself, and give the public one: the file that ends in .pub."
    if not key.isprintable() or len(key) > _MAX_KEY:
        return f"is no public key: it has several lines or more than {_MAX_KEY} characters. {_FORM}"
    kind, _, rest = key.partition(" ")
    if kind not in _TYPES:
        return f"is no public key of a known type ({', '.join(_TYPES)}). {_FORM}"
    if not _is_blob_of(kind, rest.partition(" ")[0]):
        return f"is damaged: its middle part is no key of the type {kind}. {_FORM}"
    return ""


def _is_blob_of(kind: str, text: str) -> bool:
    """Tell whether the base 64 part starts with the length and name of its own type, and goes on after it."""
    try:
        blob = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    start = len(kind).to_bytes(4, "big") + kind.encode("ascii")
    return blob.startswith(start) and len(blob) > len(start)
