"""The local SSH endpoint's host key: made once, so that clients that know it are never told that it has changed."""

import os
from pathlib import Path


def keep_host_key(path: Path) -> None:
    """Make the key where there is none, and the public one beside it, as ssh-keygen does."""
    if path.exists():
        return
    # Not every installation of the command line has it: check-network runs without.
    from cryptography.hazmat.primitives import serialization as to  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(to.Encoding.OpenSSH, to.PublicFormat.OpenSSH)
    path.with_suffix(".pub").write_bytes(public + b"\n")
    draft = path.with_suffix(".new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(key.private_bytes(to.Encoding.PEM, to.PrivateFormat.OpenSSH, to.NoEncryption()))
    draft.rename(path)
