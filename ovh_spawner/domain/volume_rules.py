"""Volumes: where they may be, what may fill them, and which of them are the same as before."""

import re
from collections.abc import Sequence
from itertools import combinations

from ovh_spawner.constants import MAX_VOLUMES
from ovh_spawner.domain.context import ResolutionContext
from ovh_spawner.domain.git_rules import resolve_git
from ovh_spawner.domain.problems import Findings, not_one_of, show
from ovh_spawner.domain.spec import DataStoreRequest, VolumeRequest
from ovh_spawner.domain.volumes import DataStoreSource, GitSource, Permission, StandaloneSource, Volume

Source = DataStoreSource | GitSource | StandaloneSource

WORKSPACE = "/workspace"
_MIN_PATH, _MAX_PATH = 2, 50
"""The vendor's limits for a mount path."""
_MAX_PREFIX_BYTES = 1024
"""The longest object name that S3 and Swift allow."""
# Places that the container's own system lives in; a volume there would hide it.
_SYSTEM = frozenset({"bin", "boot", "dev", "etc", "lib", "lib64", "proc", "run", "sbin", "sys", "usr"})
_CONTAINER = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_PERMISSIONS = {"R": Permission.RO, "RO": Permission.RO, "RW": Permission.RW, "RWD": Permission.RWD}
_NOT_OFFERED = ("private_swift", "public_swift", "target_data_store", "target_private_swift")


def resolve_volumes(
    requests: Sequence[VolumeRequest],
    context: ResolutionContext,
    *,
    findings: Findings,
    current: Sequence[Volume] = (),
) -> tuple[Volume, ...]:
    """Return the volumes; what is wrong goes to ``findings``, and the result is then not to be used.

    The platform's own volumes, which our answers contain, are left out.
    """
    wanted = [(i, r) for i, r in enumerate(requests) if not (r.data_store and r.data_store.internal)]
    if len(wanted) > MAX_VOLUMES:
        findings.add("volumes", f"{len(wanted)} volumes are too many; at most {MAX_VOLUMES} are allowed.")
        return ()
    paths: dict[str, str] = {}
    volumes = []
    for index, request in wanted:
        field = f"volumes[{index}]"
        path = _mount_path(request.mount_path, f"{field}.mountPath", context, findings=findings)
        permission = _permission(request.permission, f"{field}.permission", findings)
        source = _source(request, field, context, findings=findings)
        if path:
            paths[field] = path
        if path and permission and source:
            volumes.append(_keep(path, permission, source, current=current, context=context))
    _check_collisions(paths, findings)
    return tuple(volumes)


def _keep(
    path: str,
    permission: Permission,
    source: Source,
    *,
    current: Sequence[Volume],
    context: ResolutionContext,
) -> Volume:
    """Give the volume its old id when it had one, and the credentials that our answers do not show."""
    for old in current:
        if old.mount_path == path and _identity(old.source) == _identity(source):
            if isinstance(source, GitSource) and not source.password.get_secret_value():
                source = old.source.model_copy(update={"full": source.full})
            return Volume(id=old.id, mount_path=path, permission=permission, source=source)
    return Volume(id=context.new_id(), mount_path=path, permission=permission, source=source)


def _identity(source: Source) -> dict[str, str]:
    return source.model_dump(exclude={"username", "password", "full"})


def _mount_path(text: str, field: str, context: ResolutionContext, *, findings: Findings) -> str:
    path = text.removesuffix("/") if len(text) > 1 else text
    if reason := _path_problem(path, context):
        findings.add(field, f"{show(text)} is not allowed: {reason}")
        return ""
    return path


def _path_problem(path: str, context: ResolutionContext) -> str:
    if not path.startswith("/"):
        return "a mount path starts with '/', for example /workspace/data."
    if not _MIN_PATH <= len(path) <= _MAX_PATH:
        return f"a mount path has {_MIN_PATH} to {_MAX_PATH} characters."
    if not path.isprintable() or any(c.isspace() or c in ":\\" for c in path):
        return "a mount path has no white space, colon, backslash or control character."
    parts = path.split("/")[1:]
    if any(part in {"", ".", ".."} for part in parts):
        return "a mount path has no '//', no '.' and no '..' in it."
    return _place_problem(path, parts[0], context)


def _place_problem(path: str, top: str, context: ResolutionContext) -> str:
    if path == WORKSPACE:
        return "it is the notebook's own home. Choose a folder in it, for example /workspace/data."
    if context.mode == "local" and top != "workspace":
        return "in local mode a volume is a folder of the notebook's home: /workspace/<folder>."
    if top in _SYSTEM:
        return f"/{top} belongs to the system. Choose a folder in /workspace, for example /workspace/data."
    return ""


def _check_collisions(paths: dict[str, str], findings: Findings) -> None:
    for (_, first), (field, second) in combinations(paths.items(), 2):
        if first == second:
            reason = "another volume is there already."
        elif _holds(first, second) or _holds(second, first):
            reason = f"it and {show(first)} lie one inside the other."
        else:
            continue
        findings.add(
            f"{field}.mountPath", f"{show(second)} is not allowed: {reason} Choose separate folders."
        )


def _holds(outer: str, inner: str) -> bool:
    return inner.startswith(f"{outer}/")


def _permission(text: str, field: str, findings: Findings) -> Permission | None:
    found = _PERMISSIONS.get(text.upper())
    if found is None:
        findings.add(field, f"{show(text)} is not allowed. Allowed: RO (or R), RW, RWD.")
    return found


def _source(
    request: VolumeRequest, field: str, context: ResolutionContext, *, findings: Findings
) -> Source | None:
    offered = _check_offered(request, field, findings)
    sources = {
        "dataStore": request.data_store,
        "publicGit": request.public_git,
        "standalone": request.standalone,
    }
    given = [name for name, value in sources.items() if value is not None]
    if len(given) != 1:
        if given or offered:
            said = f"has {' and '.join(given)}" if given else "has no source"
            findings.add(field, f"{said}. Give exactly one of dataStore, publicGit and standalone.")
        return None
    if request.data_store is not None:
        return _data_store(request.data_store, f"{field}.dataStore", context, findings=findings)
    if request.public_git is not None:
        return resolve_git(request.public_git, f"{field}.publicGit", context, findings=findings)
    return StandaloneSource()


def _check_offered(request: VolumeRequest, field: str, findings: Findings) -> bool:
    before = len(findings.problems)
    for name in _NOT_OFFERED:
        if getattr(request, name) is not None:
            key = VolumeRequest.model_fields[name].alias
            findings.add(f"{field}.{key}", "is not offered here. Use dataStore, publicGit or standalone.")
    if request.cache:
        findings.add(
            f"{field}.cache", "true is not offered here. Leave it out: each notebook has its own copy."
        )
    return len(findings.problems) == before


def _data_store(
    request: DataStoreRequest, field: str, context: ResolutionContext, *, findings: Findings
) -> DataStoreSource | None:
    before = len(findings.problems)
    if request.alias not in context.store_aliases:
        known = sorted(context.store_aliases)
        rest = "" if known else " Add one with 'POST /services/ai/v1/datastore'."
        findings.add(f"{field}.alias", f"Data store {not_one_of(request.alias, known)}{rest}")
    if not _CONTAINER.fullmatch(request.container) or ".." in request.container:
        findings.add(
            f"{field}.container",
            f"{show(request.container)} is no bucket's name. Allowed: 3 to 63 lower-case letters, digits, "
            "'-' and '.', a letter or digit first and last.",
        )
    if request.archive is not None:
        findings.add(f"{field}.archive", "is not offered here. Leave it out.")
    prefix = request.prefix or ""
    if reason := _prefix_problem(prefix):
        findings.add(f"{field}.prefix", f"{show(prefix)} is not allowed: {reason}")
    if len(findings.problems) > before:
        return None
    return DataStoreSource(alias=request.alias, container=request.container, prefix=prefix)


def _prefix_problem(prefix: str) -> str:
    if prefix.startswith("/"):
        return "the names of objects do not start with '/'."
    if not prefix.isprintable():
        return "it contains a control character."
    if len(prefix.encode()) > _MAX_PREFIX_BYTES:
        return f"it is longer than {_MAX_PREFIX_BYTES} bytes."
    if any(part in {"", ".", ".."} for part in prefix.removesuffix("/").split("/")) and prefix:
        return "it has no '//', no '.' and no '..' in it."
    return ""
