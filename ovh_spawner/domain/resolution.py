"""From what somebody typed to a complete, checked spec; every problem of a request is reported together."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, SecretStr, ValidationError

from ovh_spawner.domain.context import ResolutionContext
from ovh_spawner.domain.environment_rules import resolve_environment
from ovh_spawner.domain.labels import check_labels, platform_labels
from ovh_spawner.domain.problems import Findings, limit_problems, problems_from, problems_in_texts, show
from ovh_spawner.domain.resource_rules import resolve_resources
from ovh_spawner.domain.software_rules import resolve_software, resolve_version
from ovh_spawner.domain.spec import EnvVar, NotebookSpec, SpecRequest, SpecUpdateRequest
from ovh_spawner.domain.ssh_keys import resolve_ssh_keys
from ovh_spawner.domain.states import Door
from ovh_spawner.domain.volume_rules import resolve_volumes
from ovh_spawner.errors import InvalidSpecError

__all__ = ["ResolutionContext", "parse_request", "parse_update", "resolve", "update"]

R = TypeVar("R", bound=BaseModel)

MAX_NAME = 64
"""Fits one line of every listing; the vendor names no limit."""


def parse_request(data: object) -> SpecRequest:
    """Read the request for a new notebook.

    Raises:
        InvalidSpecError: A key is unknown or missing, or a value has the wrong type.
    """
    return _parse(SpecRequest, data)


def parse_update(data: object) -> SpecUpdateRequest:
    """Read the request for a change.

    Raises:
        InvalidSpecError: A key is unknown, or a value has the wrong type.
    """
    return _parse(SpecUpdateRequest, data)


def _parse(model: type[R], data: object) -> R:
    problems = problems_in_texts(data)
    try:
        request = model.model_validate(data)
    except ValidationError as exc:
        # Without its cause: pydantic's text repeats what was typed, secrets too.
        raise InvalidSpecError([*problems, *problems_from(exc, model=model)]) from None
    if problems:
        raise InvalidSpecError(limit_problems(problems))
    return request


def resolve(
    request: SpecRequest, context: ResolutionContext, current: NotebookSpec | None = None
) -> NotebookSpec:
    """Return the complete spec, with defaults filled in.

    ``current`` is what the notebook was before: it keeps its name when none is given, the ids of its volumes,
    and, through the hub's door, which takes no secrets, its environment.

    Raises:
        InvalidSpecError: Rules are broken; every one of them is listed.
    """
    findings = Findings()
    version = resolve_software(request.env, context.capabilities, findings=findings)
    flavor, count = resolve_resources(request.resources, context.capabilities, findings=findings)
    spec = NotebookSpec(
        name=_name(request.name, findings)
        or (current.name if current else context.generate_name(request.env.editor_id)),
        editor=request.env.editor_id,
        framework=request.env.framework_id,
        framework_version=version,
        flavor=flavor,
        count=count,
        volumes=resolve_volumes(
            request.volumes or (), context, findings=findings, current=current.volumes if current else ()
        ),
        environment=_environment(request.env_vars or (), context, findings, current=current),
        labels=_labels(request.labels or {}, context, findings),
        ssh_public_keys=resolve_ssh_keys(request.ssh_public_keys or (), findings=findings),
        timeout_auto_restart=bool(request.timeout_auto_restart),
        open_access=_open_access(request.unsecure_http, context, findings, current=current),
    )
    findings.raise_if_any()
    return _checked(spec, context)


def update(spec: NotebookSpec, request: SpecUpdateRequest, context: ResolutionContext) -> NotebookSpec:
    """Return the spec with what the request changes; null and absent keys leave their parts as they are.

    Raises:
        InvalidSpecError: Rules are broken; every one of them is listed.
    """
    findings = Findings()
    changes: dict[str, Any] = {}
    if request.name is not None:
        changes["name"] = _name(request.name, findings)
    if request.framework_version is not None:
        changes["framework_version"] = _version(request.framework_version, spec, context, findings=findings)
    if request.resources is not None:
        changes["flavor"], changes["count"] = resolve_resources(
            request.resources,
            context.capabilities,
            findings=findings,
            current=context.capabilities.flavor(spec.flavor),
        )
    if request.volumes is not None:
        changes["volumes"] = resolve_volumes(
            request.volumes, context, findings=findings, current=spec.volumes
        )
    changes |= _inner_changes(spec, request, context, findings=findings)
    findings.raise_if_any()
    changed = spec.model_copy(update=changes)
    # Another label is no reason to refuse what stood there before.
    return _checked(changed, context) if changes.keys() & {"volumes", "environment"} else changed


def _checked(spec: NotebookSpec, context: ResolutionContext) -> NotebookSpec:
    findings = Findings()
    findings.extend(context.platform_check(spec))
    findings.raise_if_any()
    return spec


def _inner_changes(
    spec: NotebookSpec, request: SpecUpdateRequest, context: ResolutionContext, *, findings: Findings
) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if request.env_vars is not None:
        changes["environment"] = _environment(request.env_vars, context, findings, current=spec)
    if request.labels is not None:
        changes["labels"] = _labels(request.labels, context, findings)
    if request.ssh_public_keys is not None:
        changes["ssh_public_keys"] = resolve_ssh_keys(request.ssh_public_keys, findings=findings)
    if request.timeout_auto_restart is not None:
        changes["timeout_auto_restart"] = request.timeout_auto_restart
    if request.unsecure_http is not None:
        changes["open_access"] = _open_access(request.unsecure_http, context, findings, current=spec)
    return changes


def _open_access(
    asked: bool | None,  # noqa: FBT001 - as it came in the request
    context: ResolutionContext,
    findings: Findings,
    *,
    current: NotebookSpec | None,
) -> bool:
    # One that was opened before the operator forbade it may be saved as it is: it lets nobody in.
    if asked and not context.allows_open_access and not (current and current.open_access):
        findings.add(
            "unsecureHttp",
            "open notebooks are switched off here, because everybody could work in them without signing in. "
            "Leave it out or send false, and give an application token to those who have no account.",
        )
    return bool(asked)


def _name(text: str | None, findings: Findings) -> str:
    name = (text or "").strip()
    if text is not None and not (1 <= len(name) <= MAX_NAME and name.isprintable()):
        findings.add(
            "name",
            f"{show(text)} is not allowed. A name has 1 to {MAX_NAME} characters, none of them a control "
            "character.",
        )
    return name


def _version(version: str, spec: NotebookSpec, context: ResolutionContext, *, findings: Findings) -> str:
    framework = context.capabilities.framework(spec.framework)
    if framework is None:
        if version != spec.framework_version:
            findings.add(
                "frameworkVersion", f"cannot change: framework {spec.framework!r} is no longer offered here."
            )
        return version
    return resolve_version(
        version, framework, "frameworkVersion", findings=findings, current=spec.framework_version
    )


def _environment(
    variables: Sequence[EnvVar],
    context: ResolutionContext,
    findings: Findings,
    *,
    current: NotebookSpec | None,
) -> dict[str, SecretStr]:
    if current and context.door is Door.HUB and not variables:
        return dict(current.environment)
    found = resolve_environment(variables, context, findings=findings)
    return {name: SecretStr(value) for name, value in found.items()}


def _labels(
    labels: Mapping[str, str | None], context: ResolutionContext, findings: Findings
) -> dict[str, str]:
    """Drop the platform's own labels when they say what is so: clients send our answers back."""
    own = platform_labels(context.notebook_id) if context.notebook_id else {}
    wanted = {name: value for name, value in labels.items() if value is not None and own.get(name) != value}
    findings.extend(check_labels(wanted))
    return wanted
