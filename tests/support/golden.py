"""Expected texts in files under ``tests/golden``. ``UPDATE_GOLDEN=1`` rewrites them; the diff is reviewed."""

import os
from pathlib import Path

GOLDEN = Path(__file__).parent.parent / "golden"


def assert_golden(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.is_file(), f"{path} does not exist; run with UPDATE_GOLDEN=1 and review it"
    assert text == path.read_text(encoding="utf-8"), (
        f"{name} has changed; run with UPDATE_GOLDEN=1 and review the diff"
    )
