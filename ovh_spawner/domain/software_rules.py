"""Editor, framework and version: known, available here, and able to work together."""

from ovh_spawner.domain.capabilities import Capabilities, Editor, Framework
from ovh_spawner.domain.problems import Findings, not_one_of
from ovh_spawner.domain.spec import EnvironmentRequest


def resolve_software(request: EnvironmentRequest, capabilities: Capabilities, *, findings: Findings) -> str:
    """Return the framework's version; what is wrong goes to ``findings`` (then do not use the result)."""
    editor = _editor(request.editor_id, capabilities, findings)
    framework = _framework(request.framework_id, capabilities, findings)
    if editor and framework and editor.id in framework.incompatible_editors:
        fitting = [e.id for e in capabilities.editors if e.id not in framework.incompatible_editors]
        findings.add(
            "env.editorId",
            f"{editor.id!r} does not work with {framework.id!r}. "
            f"Allowed with it: {', '.join(fitting) or 'nothing'}.",
        )
    if framework is None:
        return ""
    return resolve_version(request.framework_version, framework, "env.frameworkVersion", findings=findings)


def resolve_version(
    version: str | None, framework: Framework, field: str, *, findings: Findings, current: str | None = None
) -> str:
    """Return the version, the first one when none is named; a notebook keeps one that is gone here."""
    if version is None:
        return framework.versions[0]
    if version not in framework.versions and version != current:
        findings.add(field, f"Version {not_one_of(version, framework.versions)}")
    return version


def _editor(editor_id: str, capabilities: Capabilities, findings: Findings) -> Editor | None:
    editor = capabilities.editor(editor_id)
    if editor is None:
        known = [e.id for e in capabilities.editors if not e.unavailable]
        findings.add("env.editorId", f"Editor {not_one_of(editor_id, known)}")
    elif editor.unavailable:
        findings.add("env.editorId", f"Editor {editor.id!r} cannot be used here: {editor.unavailable}")
    return editor


def _framework(framework_id: str, capabilities: Capabilities, findings: Findings) -> Framework | None:
    framework = capabilities.framework(framework_id)
    if framework is None:
        known = [f.id for f in capabilities.frameworks if not f.unavailable]
        findings.add("env.frameworkId", f"Framework {not_one_of(framework_id, known)}")
    elif framework.unavailable:
        findings.add(
            "env.frameworkId", f"Framework {framework.id!r} cannot be used here: {framework.unavailable}"
        )
    return framework
