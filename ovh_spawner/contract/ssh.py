"""What the SSH endpoint asks the service, and how it comes through a notebook's gateway."""

import hashlib
import hmac
from base64 import b64decode, b64encode
from uuid import UUID

from pydantic import Field

from ovh_spawner.contract.base import Message, Secret

TUNNEL_PATH = "_ovh/ssh"
"""Below a notebook's prefix: a websocket whose binary frames are the bytes of one SSH connection."""


class SshQuestion(Message):
    """``POST /internal/v1/ssh/authorize``: may this key enter this notebook (still)?

    Asked for each key that a client offers, and every few seconds for each that is connected. The keys of a
    notebook never leave the service.
    """

    notebook: UUID
    key: str = Field(max_length=16_384, description="Type and base 64, as in OpenSSH's one-line form.")


class SshEntry(SshQuestion):
    """``POST /internal/v1/ssh/entered``: whoever has this key was let in, for the audit log."""

    address: str = Field(default="", max_length=100, description="Where the client connected from.")


class SshAnswer(Message):
    """What the endpoint may do. Without a key of the notebook it learns nothing, not even that there is one."""

    allowed: bool = False
    run: UUID | None = Field(default=None, description="The run that is connected to; None: none runs.")
    address: str = Field(default="", description="Host and port of the run's gateway.")
    prefix: str = Field(default="", description="Path of the notebook at its gateway, with slashes.")
    token: Secret | None = Field(default=None, description="Opens the tunnel of this run.")
    message: str = Field(
        default="", description="Why there is nothing to connect to, for whoever has the key."
    )


def beside_editor(command: list[str], *, python: str, listener: str, socket: str) -> list[str]:
    """Return the command that leaves an SSH server behind and becomes the editor."""
    # -I: nothing that a person set or installed for Python steers our program.
    return [python, "-I", listener, socket, *command]


def tunnel_token(cookie_key: str, run: UUID) -> str:
    """Return what opens the tunnel of a run: service and gateway derive it, nobody stores it."""
    return hmac.new(cookie_key.encode(), b"ovh-spawner ssh tunnel " + run.bytes, hashlib.sha256).hexdigest()


def fingerprint(key: str) -> str:
    """Return a key's fingerprint as OpenSSH shows it."""
    blob = b64decode(key.split()[1])
    return f"SHA256:{b64encode(hashlib.sha256(blob).digest()).decode().rstrip('=')}"


def key_text(line: str) -> str:
    """Return type and base 64 of a key in OpenSSH's one-line form, without its comment."""
    return " ".join(line.split()[:2])
