"""The docs are true: generated pages are fresh, links lead somewhere, error codes and commands exist."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
PAGES = sorted([*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").rglob("*.md")])


def test_the_generated_pages_are_fresh():
    answer = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(CHECKOUT)))
def test_links_inside_the_repository_lead_somewhere(page):
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    dead = [
        t
        for t in targets
        if "://" not in t and not t.startswith("mailto:") and not (page.parent / t).exists()
    ]

    assert dead == []


def test_commands_in_the_readme_are_targets_of_the_makefile():
    targets = set(re.findall(r"^([a-z0-9-]+):", (CHECKOUT / "Makefile").read_text(), flags=re.MULTILINE))
    named = set()
    for page in PAGES:
        commands = " ".join(re.findall(r"`[^`]+`|^\$ .*$", page.read_text(), flags=re.MULTILINE))
        named |= set(re.findall(r"\bmake ([a-z][a-z0-9-]+)\b", commands))

    assert named - targets == set()


def test_the_tests_that_the_docs_name_exist():
    named = {name for page in PAGES for name in re.findall(r"(tests/[\w/]+\.py)::(\w+)", page.read_text())}
    missing = [
        f"{path}::{test}"
        for path, test in sorted(named)
        if not (CHECKOUT / path).exists() or f"def {test}(" not in (CHECKOUT / path).read_text()
    ]

    assert missing == []
