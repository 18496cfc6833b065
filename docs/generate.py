"""Write the reference pages from the code, so that they cannot drift: python docs/generate.py [--check]."""

import ast
import inspect
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import click
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from ovh_spawner import errors
from ovh_spawner.cli.main import cli
from ovh_spawner.domain.states import NotebookState, RunState
from ovh_spawner.pod.codes import CODES
from ovh_spawner.settings import Settings, StoreSettings
from ovh_spawner.settings_projects import MembersSettings, PriceEntry, ProjectEntry

DOCS = Path(__file__).parent
PACKAGE = DOCS.parent / "ovh_spawner"
NOTE = "<!-- Written by docs/generate.py from the code. -->\n\n"


_HEADINGS: dict[type[BaseModel], str] = {
    ProjectEntry: "A project in `projects`",
    MembersSettings: "The members of one role in a project",
    PriceEntry: "A price in a list of `priceLists`, under its flavor",
}


def configuration() -> str:
    """Every key of the settings file."""
    lines = [
        NOTE + "# Configuration",
        "",
        "After this page you know every key of the settings file.",
        "It is YAML; unknown keys stop the start and name the nearest valid one. Secrets never stand in it.",
    ]
    for name, block in Settings.model_fields.items():
        if model := _model(block.annotation):
            lines += _block(model, block.alias or name, depth=2)
        else:
            lines += ["", f"## {block.alias or name}", "", block.description or ""]
    for model in (ProjectEntry, MembersSettings, PriceEntry):
        lines += ["", f"### {_HEADINGS[model]}", "", inspect.getdoc(model) or "", "", *_keys(model)]
    for store in get_args(get_args(StoreSettings)[0]):
        lines += ["", f"### A data store of type `{_literal(store)}`", "", inspect.getdoc(store) or "", ""]
        lines += _keys(store)
    return "\n".join(lines) + "\n"


def _block(model: type[BaseModel], path: str, *, depth: int) -> list[str]:
    """A block's keys, then the blocks in it."""
    lines = ["", f"{'#' * depth} {path}", "", inspect.getdoc(model) or "", ""]
    inner = {name: found for name, field in model.model_fields.items() if (found := _model(field.annotation))}
    if model.model_fields.keys() - inner.keys():
        lines += _keys(model, without=inner)
    for name, below in inner.items():
        lines += _block(below, f"{path}.{model.model_fields[name].alias or name}", depth=depth + 1)
    return lines


def _model(annotation: Any) -> type[BaseModel] | None:
    """The block that stands there, when it is one, or one or nothing."""
    choices = [each for each in (get_args(annotation) or (annotation,)) if each is not type(None)]
    if len(choices) == 1 and isinstance(choices[0], type) and issubclass(choices[0], BaseModel):
        return choices[0] if get_origin(annotation) in (None, Union, UnionType) else None
    return None


def _literal(model: type[BaseModel]) -> str:
    return str(get_args(model.model_fields["type"].annotation)[0])


def _keys(model: type[BaseModel], without: Collection[str] = ()) -> list[str]:
    rows = ["| key | default | meaning |", "|---|---|---|"]
    for name, field in model.model_fields.items():
        if name in without:
            continue
        default = (
            "required"
            if field.default is PydanticUndefined and not field.default_factory
            else _default(field)
        )
        rows.append(f"| `{field.alias or name}` | {default} | {field.description or ''} |")
    return rows


def _default(field: Any) -> str:
    value = field.default_factory() if field.default_factory else field.default
    return f"`{value}`" if value not in ("", None, [], {}, ()) else "none"


def command_line() -> str:
    """The help of every command."""
    lines = [NOTE + "# Command line", "", "After this page you know every command and option.", ""]
    for path, command in _commands(cli, "ovh-spawner"):
        context = click.Context(command, info_name=path)
        lines += [f"## {path}", "", "```text", command.get_help(context), "```", ""]
    return "\n".join(lines)


def _commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, below in sorted(command.commands.items()):
            yield from _commands(below, f"{path} {name}")


def error_codes() -> str:
    """Every code that an error body can carry."""
    lines = [
        NOTE + "# Errors",
        "",
        'After this page you know what every error means. A body is `{"message": "…", "code": "…"}`, and',
        '`"problems": [{"field": "…", "message": "…"}]` where fields are wrong.',
        "",
        "| code | meaning |",
        "|---|---|",
    ]
    found = _below(errors.OVHSpawnerError)
    lines += [f"| `{error.code}` | {(inspect.getdoc(error) or '').splitlines()[0]} |" for error in found]
    lines += [
        "",
        "A start that failed, or a run that ended by itself, on a cluster has one of these as well:",
        "",
        "| code | meaning |",
        "|---|---|",
    ]
    lines += [f"| `{code}` | {meaning} |" for code, meaning in CODES.items()]
    return "\n".join(lines) + "\n"


def _below(parent: type[errors.OVHSpawnerError]) -> Iterator[type[errors.OVHSpawnerError]]:
    for child in parent.__subclasses__():
        yield child
        yield from _below(child)


_STATES = {
    NotebookState.STARTING: "Data is pulled, the editor starts. Holds its GPUs; not billed.",
    NotebookState.RUNNING: "Reachable at its address. Holds its GPUs; billed.",
    NotebookState.STOPPING: "Told to stop: hardware is freed, changes are pushed. Not billed.",
    NotebookState.STOPPED: "Everything is saved. Can be started, changed, deleted.",
    NotebookState.FAILED: "The start or the notebook's process failed; `status.info` says why. Can be started again.",
    NotebookState.ERROR: "The platform failed; `status.info` says why. Can be started again.",
    NotebookState.SYNC_FAILED: "The last push failed. The files are still there; **Save now** on the home page "
    "(or a push) unlocks it.",
    NotebookState.RESTARTING: "A stop followed by a start.",
    NotebookState.DELETING: "Being removed, with its files.",
}


def states() -> str:
    """The nine states."""
    lines = [NOTE + "# States", "", "After this page you know what each state means.", ""]
    lines += ["| state | meaning |", "|---|---|"]
    lines += [f"| {state.value} | {_STATES[state]} |" for state in NotebookState]
    run_states = ", ".join(state.value for state in RunState)
    lines += [
        "",
        f"A **run** reaches some of {run_states}; how its push went is recorded apart from its end.",
    ]
    return "\n".join(lines) + "\n"


def layout() -> str:
    """What lives in which room, from the rooms' own words."""
    lines = [
        NOTE + "# Layout",
        "",
        "After this page you know where a line of code belongs. Each room says it itself, in its `__init__`.",
    ]
    for room in sorted(path.parent for path in PACKAGE.rglob("__init__.py")):
        text = ast.get_docstring(ast.parse((room / "__init__.py").read_text())) or ""
        name = str(room.relative_to(PACKAGE.parent))
        lines += ["", f"## `{name}/`", "", text]
    return "\n".join(lines) + "\n"


PAGES = {
    "reference/configuration.md": configuration,
    "reference/cli.md": command_line,
    "reference/errors.md": error_codes,
    "reference/states.md": states,
    "dev/layout.md": layout,
}


def main() -> int:
    """Write the pages; with --check only tell which ones are stale."""
    stale = [name for name, write in PAGES.items() if _read(DOCS / name) != write()]
    if "--check" in sys.argv:
        sys.stdout.writelines(f"{name} is stale: run python docs/generate.py\n" for name in stale)
        return 1 if stale else 0
    for name in stale:
        (DOCS / name).parent.mkdir(parents=True, exist_ok=True)
        (DOCS / name).write_text(PAGES[name]())
    return 0


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main())
