"""Rules that every Dockerfile keeps, those of the GPU frameworks too, which not every machine can build."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

IMAGES = Path(__file__).parents[2] / "images"
FILES = sorted(IMAGES.rglob("Dockerfile"))
UNPRIVILEGED = "${USER_ID}:${USER_ID}"
KNOWN = {"ARG", "CMD", "COPY", "ENV", "FROM", "LABEL", "RUN", "USER", "WORKDIR"}


@dataclass(frozen=True)
class Instruction:
    word: str
    rest: str


def _read(path: Path) -> list[Instruction]:
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    whole = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [Instruction(*line.split(" ", 1)) for line in whole.splitlines()]


def _name(path: Path) -> str:
    return str(path.relative_to(IMAGES).parent)


every_dockerfile = pytest.mark.parametrize("path", FILES, ids=_name)


def test_there_are_dockerfiles_for_all_eight_frameworks():
    assert len([path for path in FILES if path.parents[1].name == "frameworks"]) == 8


@every_dockerfile
def test_nothing_runs_as_root(path):
    users = [each.rest for each in _read(path) if each.word == "USER"]

    assert users[-1] == UNPRIVILEGED
    assert set(users) <= {"root", UNPRIVILEGED}


@every_dockerfile
def test_only_plain_instructions_are_used(path):
    # No ADD (it fetches URLs and unpacks), no ENTRYPOINT (the pod has the whole command), no VOLUME, no EXPOSE.
    assert {each.word for each in _read(path)} <= KNOWN


@every_dockerfile
def test_every_image_stands_on_one_of_ours(path):
    instructions = _read(path)
    declared = {each.rest.split("=")[0] for each in instructions if each.word == "ARG"}
    parents = [each.rest.split(" AS ")[0] for each in instructions if each.word == "FROM"]

    assert parents
    assert all(re.fullmatch(r"\$\{[A-Z]+\}", parent) and parent[2:-1] in declared for parent in parents)


@every_dockerfile
def test_every_argument_that_is_used_is_declared_after_from(path):
    instructions = _read(path)
    last = max(i for i, each in enumerate(instructions) if each.word == "FROM")
    declared = {each.rest for each in instructions[last:] if each.word == "ARG"}
    used = {name for each in instructions[last + 1 :] for name in re.findall(r"\$\{([A-Z_]+)\}", each.rest)}

    assert used - declared == set()


@every_dockerfile
def test_installers_ask_nothing_and_leave_nothing_behind(path):
    for each in _read(path):
        if each.word != "RUN":
            continue
        for command in re.findall(r"apt-get install[^&]*", each.rest):
            assert "--no-install-recommends" in command
            assert " -y " in command
            assert "rm -rf /var/lib/apt/lists/*" in each.rest
        for command in re.findall(r"pip install[^&]*", each.rest):
            assert "--no-cache-dir" in command
            assert "-r /tmp/" in command or "wheel" in command
            assert "rm -rf /tmp/" in each.rest or "requirements.txt" in command


@every_dockerfile
def test_nothing_is_fetched_by_address(path):
    text = path.read_text()

    assert "://" not in text
    assert not re.search(r"\b(curl|wget)\s+-", text)


@every_dockerfile
def test_a_file_says_what_it_is_for(path):
    first = path.read_text().splitlines()[0]

    assert first.startswith("# ")
    assert first.endswith(".")


def test_requirements_of_ours_name_one_version_each():
    loose = [
        f"{path.parent.name}: {line}"
        for path in IMAGES.rglob("requirements*.txt")
        for line in path.read_text().splitlines()
        if line and not line.startswith("#") and "==" not in line and not line.startswith("ovh-spawner[")
    ]

    assert loose == []
