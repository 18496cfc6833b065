"""A volume in one line, as the vendor's command line writes it.

``<container>@<alias>[/<prefix>]:<mount path>[:<permission>]``
``<repository's address>[#<ref>]:<mount path>[:<permission>]`` (``#<ref>`` is ours)
``standalone:<mount path>[:<permission>]``

The permission is RO when it is left out, and may be written small.
"""

import re

from ovh_spawner.domain.problems import show
from ovh_spawner.domain.spec import VolumeRequest
from ovh_spawner.domain.volumes import DataStoreSource, GitSource, Volume
from ovh_spawner.errors import InvalidSpecError

_PLACE = r":(?P<mount>/[^:]*)(?::(?P<permission>[A-Za-z]+))?(?P<cache>:cache)?"
_GIT = re.compile(
    rf"(?P<url>[A-Za-z][A-Za-z0-9+.-]*://[^#]+?)(?:#(?P<ref>.+?))?{_PLACE}", re.ASCII | re.DOTALL
)
_STANDALONE = re.compile(rf"standalone{_PLACE}", re.ASCII | re.DOTALL)
# Greedy: a prefix may contain colons, a mount path may not.
_DATA_STORE = re.compile(
    rf"(?P<container>[^@/:]+)@(?P<alias>[^@/:]+)(?:/(?P<prefix>.*))?{_PLACE}", re.ASCII | re.DOTALL
)
_FORMS = (
    "Write bucket@DATASTORE/prefix:/workspace/folder:RW, "
    "https://host/repository.git:/workspace/folder:RO or standalone:/workspace/folder:RW."
)


def parse_volume(text: str) -> VolumeRequest:
    """Read a volume's line. What is in it is checked where every request is.

    Raises:
        InvalidSpecError: The line has none of the three forms.
    """
    for pattern in (_GIT, _STANDALONE, _DATA_STORE):
        if text.isprintable() and (found := pattern.fullmatch(text)):
            return _request(found.groupdict())
    raise InvalidSpecError.one("volume", f"{show(text)} is no volume. {_FORMS}")


def _request(parts: dict[str, str | None]) -> VolumeRequest:
    source: dict[str, object]
    if "url" in parts:
        source = {"publicGit": {"url": parts["url"], "ref": parts["ref"]}}
    elif "container" in parts:
        source = {"dataStore": {key: parts[key] or None for key in ("alias", "container", "prefix")}}
    else:
        source = {"standalone": {}}
    permission, cache = parts["permission"] or "RO", True if parts["cache"] else None
    data = {"mountPath": parts["mount"], "permission": permission, "cache": cache, **source}
    return VolumeRequest.model_validate(data)


def format_volume(volume: Volume) -> str:
    """Return a volume's line; credentials of a repository stay out of it."""
    return f"{_source_text(volume)}:{volume.mount_path}:{volume.permission.name}"


def _source_text(volume: Volume) -> str:
    match volume.source:
        case DataStoreSource(alias=alias, container=container, prefix=prefix):
            return f"{container}@{alias}/{prefix}"
        case GitSource(url=url, ref=ref):
            return f"{url}#{ref}" if ref else url
        case _:
            return "standalone"
