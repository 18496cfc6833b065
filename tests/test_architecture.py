"""The layout's rules: sizes, docstrings, names, imports."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
PACKAGE = CHECKOUT / "ovh_spawner"
FILES = sorted(PACKAGE.rglob("*.py"))
LONGEST_FILE = 300
LONGEST_FUNCTION = 50
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}


def _name(path: Path) -> str:
    return str(path.relative_to(CHECKOUT))


def _functions(path: Path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the function without its docstring."""
    lines = function.end_lineno - function.lineno + 1
    first = function.body[0]
    if (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    ):
        lines -= first.end_lineno - first.lineno + 1
    return lines


def test_no_file_is_longer_than_300_lines():
    long = {_name(f): n for f in FILES if (n := len(f.read_text().splitlines())) > LONGEST_FILE}

    assert long == {}


def test_no_function_is_longer_than_50_lines():
    long = {
        f"{_name(path)}:{function.name}": _length(function)
        for path in FILES
        for function in _functions(path)
        if _length(function) > LONGEST_FUNCTION
    }

    assert long == {}


def test_functions_take_at_most_three_positional_parameters():
    greedy = []
    for path in FILES:
        for function in _functions(path):
            names = [
                a.arg for a in function.args.posonlyargs + function.args.args if a.arg not in {"self", "cls"}
            ]
            if len(names) > 3 and not function.decorator_list:
                greedy.append(f"{_name(path)}:{function.name}({', '.join(names)})")

    assert greedy == []


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_every_module_says_why_it_exists(path):
    assert ast.get_docstring(ast.parse(path.read_text())), f"{_name(path)} has no docstring"


def test_every_room_says_what_lives_there():
    rooms = {f.parent for f in FILES}
    silent = [_name(room) for room in rooms if not (room / "__init__.py").exists()]

    assert silent == []


def test_no_room_is_a_drawer_for_everything():
    drawers = [_name(f) for f in FILES if f.stem in FORBIDDEN_NAMES or f.parent.name in FORBIDDEN_NAMES]

    assert drawers == []


def test_the_import_contracts_hold():
    lint = Path(sys.executable).with_name("lint-imports")
    answer = subprocess.run([lint, "--no-cache"], cwd=CHECKOUT, capture_output=True, text=True, check=False)

    assert answer.returncode == 0, answer.stdout + answer.stderr
