"""The spawn form's values: what stands in its fields, from a browser's post, a spec or nothing. Pure.

Fields have flat names: ``editor``, ``count``, and for rows ``volume-0-store``, ``git-1-url``. Whatever a
person typed is kept as typed; ``form_request`` makes the API's shape of it, ``form_problems`` brings the
answers back.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ovh_spawner.constants import MAX_LABELS, PLATFORM_LABEL_PREFIX
from ovh_spawner.contract.notebooks import FlavorChoice, SpawnPage

Row = dict[str, str]

FIELDS = ("project", "name", "editor", "framework", "flavor", "count", "access")
ROW_FIELDS: dict[str, tuple[str, ...]] = {
    "volume": ("store", "bucket", "prefix", "path", "permission"),
    "git": ("url", "ref", "history", "path"),
    "env": ("name", "value"),
    "label": ("name", "value"),
    "ssh": ("key",),
}
_DEFAULTED = {"store", "permission", "history"}
"""Fields that always hold something because they are selections: they alone do not make a row filled."""

ALL_HISTORY = "all"
"""The other choice, nothing, fetches old versions of files when they are asked for."""

MAX_ROWS = MAX_LABELS
"""More rows than the longest list may have would only be refused later; bounds what we render."""

_ROW_FIELD = re.compile(r"(volume|git|env|label|ssh)-(\d{1,4})-([a-z]+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class FormValues:
    """What stands in the form."""

    fields: Mapping[str, str]
    rows: Mapping[str, Sequence[Row]]
    carried: Mapping[str, Any] = field(default_factory=dict)
    """Parts of the notebook's spec that the form does not show and must not lose."""

    def with_row(self, kind: str) -> "FormValues":
        """Return the values with an empty row more, as the button does where scripts are off."""
        if kind not in ROW_FIELDS or len(self.rows[kind]) >= MAX_ROWS:
            return self
        return replace(self, rows={**self.rows, kind: [*self.rows[kind], _empty_row(kind)]})

    def without_row(self, address: str) -> "FormValues":
        """Return the values without a row named like ``volume-1``."""
        kind, _, number = address.partition("-")
        if kind not in ROW_FIELDS or not number.isdecimal():
            return self
        kept = [row for n, row in enumerate(self.rows[kind]) if n != int(number)]
        return replace(self, rows={**self.rows, kind: kept})


def values_from_post(
    arguments: Mapping[str, Sequence[str]], page: SpawnPage, *, keep_empty: bool = False
) -> FormValues:
    """Read a browser's post. Numbers of rows may have gaps; empty rows are dropped unless asked for."""
    found: dict[str, dict[int, Row]] = {kind: {} for kind in ROW_FIELDS}
    for key, texts in arguments.items():
        match = _ROW_FIELD.fullmatch(key)
        if match and match[3] in ROW_FIELDS[match[1]] and texts:
            rows = found[match[1]]
            rows.setdefault(int(match[2]), _empty_row(match[1]))[match[3]] = texts[-1]
    return FormValues(
        fields={name: (arguments.get(name) or [""])[-1] for name in FIELDS},
        rows={kind: _ordered(kind, rows, keep_empty=keep_empty) for kind, rows in found.items()},
        carried=_carried(page.spec or {}, page),
    )


def values_for_page(page: SpawnPage) -> FormValues:
    """Return what the form shows at first: the notebook's spec, or the defaults."""
    return _values_from_spec(page.spec, page) if page.spec else _default_values(page)


def _default_values(page: SpawnPage) -> FormValues:
    editor = next((e.id for e in page.editors if not e.unavailable), "")
    framework = next(
        (f"{f.id}/{f.versions[0]}" for f in page.frameworks if not f.unavailable and f.versions), ""
    )
    flavor = default_flavor(page)
    return FormValues(
        fields={
            "project": page.project,
            "name": "",
            "editor": editor,
            "framework": framework,
            "flavor": flavor.id if flavor else "",
            "count": "1",
            "access": "restricted",
        },
        rows={kind: [] for kind in ROW_FIELDS},
    )


def default_flavor(page: SpawnPage) -> FlavorChoice | None:
    """Return the flavor chosen at first: a GPU while there are any free, else what can be had."""
    usable = [f for f in page.flavors if not f.unavailable]
    room = page.gpus_used < page.gpu_quota
    ranked = sorted(usable, key=lambda f: (f.gpu > 0 and not room, f.gpu == 0, not f.default))
    return ranked[0] if ranked else None


def _values_from_spec(spec: Mapping[str, Any], page: SpawnPage) -> FormValues:
    env = spec.get("env") or {}
    resources = spec.get("resources") or {}
    flavor = resources.get("flavor") or ""
    known = next((f for f in page.flavors if f.id == flavor), None)
    count = resources.get("flavorCount") or resources.get("gpu" if known and known.gpu else "cpu") or 1
    volumes = spec.get("volumes") or []
    return FormValues(
        fields={
            "project": page.project,
            "name": spec.get("name") or "",
            "editor": env.get("editorId") or "",
            "framework": f"{env.get('frameworkId') or ''}/{env.get('frameworkVersion') or ''}",
            "flavor": flavor,
            "count": str(count),
            "access": "open" if spec.get("unsecureHttp") else "restricted",
        },
        rows={
            "volume": [_volume_row(v) for v in volumes if v.get("dataStore")],
            "git": [_git_row(v) for v in volumes if v.get("publicGit")],
            "env": [{"name": e["name"], "value": e.get("value") or ""} for e in spec.get("envVars") or []],
            "label": [
                {"name": name, "value": value or ""}
                for name, value in (spec.get("labels") or {}).items()
                if not name.startswith(PLATFORM_LABEL_PREFIX)
            ],
            "ssh": [{"key": key} for key in spec.get("sshPublicKeys") or [] if page.has_ssh],
        },
        carried=_carried(spec, page),
    )


def _volume_row(volume: Mapping[str, Any]) -> Row:
    store = volume["dataStore"]
    return {
        "store": store.get("alias") or "",
        "bucket": store.get("container") or "",
        "prefix": store.get("prefix") or "",
        "path": volume.get("mountPath") or "",
        "permission": volume.get("permission") or "R",
    }


def _git_row(volume: Mapping[str, Any]) -> Row:
    source = volume["publicGit"]
    return {
        "url": source.get("url") or "",
        "ref": source.get("ref") or "",
        "history": ALL_HISTORY if source.get("full") else "",
        "path": volume.get("mountPath") or "",
    }


def _carried(spec: Mapping[str, Any], page: SpawnPage) -> dict[str, Any]:
    unseen = ("timeoutAutoRestart",) if page.has_ssh else ("sshPublicKeys", "timeoutAutoRestart")
    carried = {key: spec[key] for key in unseen if spec.get(key)}
    others = [v for v in spec.get("volumes") or [] if not v.get("dataStore") and not v.get("publicGit")]
    return {**carried, **({"volumes": others} if others else {})}


def _ordered(kind: str, rows: Mapping[int, Row], *, keep_empty: bool) -> list[Row]:
    ordered = [rows[n] for n in sorted(rows)][:MAX_ROWS]
    own = [name for name in ROW_FIELDS[kind] if name not in _DEFAULTED]
    return [row for row in ordered if keep_empty or any(row[name].strip() for name in own)]


def _empty_row(kind: str) -> Row:
    return dict.fromkeys(ROW_FIELDS[kind], "")
