"""A spec in two columns: readable without its secrets, and the secrets sealed."""

import json
from typing import Any

from ovh_spawner.domain.spec import NotebookSpec
from ovh_spawner.domain.volumes import GitSource
from ovh_spawner.service.secrets import Vault


def split_spec(spec: NotebookSpec, vault: Vault) -> tuple[dict[str, Any], str]:
    """Return the spec with stars for its secrets, and the sealed secrets (empty: there are none)."""
    environment = {name: value.get_secret_value() for name, value in spec.environment.items()}
    passwords = {
        str(volume.id): volume.source.password.get_secret_value()
        for volume in spec.volumes
        if isinstance(volume.source, GitSource) and volume.source.password.get_secret_value()
    }
    secrets = {"environment": environment, "passwords": passwords}
    sealed = vault.seal(json.dumps(secrets)) if environment or passwords else ""
    return spec.model_dump(mode="json"), sealed


def join_spec(public: dict[str, Any], sealed: str, vault: Vault) -> NotebookSpec:
    """Return the spec with its secrets."""
    if not sealed:
        return NotebookSpec.model_validate(public)
    secrets = json.loads(vault.open(sealed))
    volumes = [_with_password(volume, secrets["passwords"]) for volume in public["volumes"]]
    return NotebookSpec.model_validate({**public, "environment": secrets["environment"], "volumes": volumes})


def _with_password(volume: dict[str, Any], passwords: dict[str, str]) -> dict[str, Any]:
    password = passwords.get(volume["id"])
    return volume if password is None else {**volume, "source": {**volume["source"], "password": password}}
