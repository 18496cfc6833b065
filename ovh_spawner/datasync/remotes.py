"""How rclone reaches a volume's source: the lines of its configuration file and the path behind the colon.

Only options named here exist: nothing that a user typed can become one. The file is 0600 in a 0700 folder; no
credential is ever an argument or an environment variable.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from ovh_spawner.contract.sync import FolderSource, S3Source, SwiftSource, SyncState
from ovh_spawner.datasync.failures import VolumeFailedError, Words

StoreSource = S3Source | SwiftSource | FolderSource

SECTION = "store"

KEYSTONE_V3 = 3
DEFAULT_DOMAIN = "Default"


@dataclass(frozen=True, slots=True)
class Remote:
    """One source as rclone knows it."""

    options: dict[str, str]
    container: str
    """Path of the bucket or container, after ``store:``."""
    path: str
    """The same with the prefix: what is synced."""
    identity: str
    """Tells two sources apart, without secrets."""
    words: Words
    location: str = ""
    """Where a new S3 bucket is to be: the region, when that can be said."""


def remote_of(source: StoreSource) -> Remote:
    """Return how to reach a source; raises VolumeFailedError for names that could lead elsewhere."""
    words = Words(
        place=f"{source.container}@{source.alias}",
        owner=f"data store {source.alias!r}",
        secrets=_secrets(source),
    )
    prefix = source.prefix.strip("/")
    parts = [source.container, *prefix.split("/")] if prefix else [source.container]
    if any(part in {"", ".", ".."} for part in parts) or "/" in source.container:
        raise VolumeFailedError(
            SyncState.FAILED,
            f"{words.place}: a container is one name, and a prefix has no empty, '.' or '..' part. "
            "Correct the volume, then sync again.",
        )
    match source:
        case S3Source():
            options, root = _s3(source), ""
        case SwiftSource():
            options, root = _swift(source), ""
        case FolderSource():
            options, root = {"type": "local"}, _folder_root(source, words)
    return Remote(
        options=options,
        container=root + source.container,
        path=root + "/".join(parts),
        identity="|".join((source.type, _endpoint(source), *parts)),
        words=words,
        location=source.region if isinstance(source, S3Source) and source.region != "us-east-1" else "",
    )


def write_config(remote: Remote, path: Path) -> None:
    """Write rclone's configuration file, 0600."""
    lines = [f"[{SECTION}]"]
    lines += [f"{name} = {_quoted(value, remote.words)}" for name, value in remote.options.items() if value]
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write("\n".join(lines) + "\n")


def _s3(source: S3Source) -> dict[str, str]:
    return {
        "type": "s3",
        # No guesses about a vendor: any server that speaks S3, with the bucket in the path, where no DNS is
        # needed.
        "provider": "Other",
        "force_path_style": "true",
        "env_auth": "false",
        "endpoint": source.endpoint,
        "region": source.region,
        "access_key_id": source.access_key.get_secret_value(),
        "secret_access_key": source.secret_key.get_secret_value(),
        # Names with control characters break the XML of a listing unless they come encoded.
        "list_url_encode": "true",
        "list_version": "2",
        # Whether the bucket is there is known from the listing; asking again costs a call per command and a
        # right that a narrow key may lack.
        "no_check_bucket": "true",
        # Parts of one large file at once, and their size: at most 4 x 16 MiB of memory per file under way.
        "upload_concurrency": "4",
        "chunk_size": "16Mi",
    }


def _swift(source: SwiftSource) -> dict[str, str]:
    # Keystone takes no name of a user without a domain; a cloud begins with this one.
    domain = source.domain or (DEFAULT_DOMAIN if source.auth_version == KEYSTONE_V3 else "")
    return {
        "type": "swift",
        "env_auth": "false",
        "auth": source.auth_url,
        "user": source.user,
        "key": source.key.get_secret_value(),
        "tenant": source.tenant,
        "region": source.region,
        "domain": domain,
        "tenant_domain": (source.tenant_domain or domain) if source.tenant else "",
        "auth_version": str(source.auth_version),
    }


def _folder_root(source: FolderSource, words: Words) -> str:
    """Return the store's folder with a slash, unless a link in it leads the container out of it."""
    root = os.path.realpath(source.root)
    inside = os.path.realpath(f"{root}/{source.container}/{source.prefix}")
    if os.path.commonpath([root, inside]) != root:
        raise VolumeFailedError(
            SyncState.FORBIDDEN,
            f"{words.place}: it leads out of the folder of {words.owner}. Choose a folder inside.",
        )
    return f"{root}/"


def _endpoint(source: StoreSource) -> str:
    match source:
        case S3Source():
            return source.endpoint
        case SwiftSource():
            domain = source.tenant_domain or source.domain
            return f"{source.auth_url} {source.tenant} {source.region}" + (f" {domain}" if domain else "")
        case FolderSource():
            return source.root


def _secrets(source: StoreSource) -> list[str]:
    match source:
        case S3Source():
            return [source.access_key.get_secret_value(), source.secret_key.get_secret_value()]
        case SwiftSource():
            return [source.key.get_secret_value()]
        case FolderSource():
            return []


def _quoted(value: str, words: Words) -> str:
    """Return a value as rclone's configuration file takes it, which has quotes but no escapes."""
    plain = value == value.strip() and value[0] not in "`\"'"
    if not value.isprintable() or "%(" in value or (not plain and "`" in value):
        raise VolumeFailedError(
            SyncState.INVALID_CREDENTIALS,
            f"{words.place}: a value of {words.owner} holds characters that cannot be used "
            "(control characters or '%('). Correct it, then sync again.",
        )
    return value if plain else f"`{value}`"
