"""The files of one run of a local notebook, and the environments of its processes."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from pydantic import SecretStr, ValidationError

import ovh_spawner
from ovh_spawner.catalog.local import framework_python, vscode_launcher
from ovh_spawner.contract.base import dump_private
from ovh_spawner.contract.local import RUN_VARIABLE, EditorProcess, EndRecord, GatewayConfig, NotebookFolder
from ovh_spawner.contract.runs import OpenedRun
from ovh_spawner.domain.capabilities import Capabilities
from ovh_spawner.errors import LaunchError
from ovh_spawner.hub.accounts import Account
from ovh_spawner.hub.editor import EditorPlace, build_editor
from ovh_spawner.hub.pull import write_private
from ovh_spawner.settings import Settings

_KEPT_VARIABLES = (
    "PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE", "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
)  # fmt: skip
"""What our own programs need of the hub's environment; above all not its tokens and passwords."""

_PACKAGE_ROOT = Path(ovh_spawner.__file__).parents[1]

SOCKET_FOLDER_MARK = "ovh-nb-"
"""Beginning of the names of the short folders that hold editors' sockets."""


class LocalRun:
    """Where one run keeps its files."""

    def __init__(self, settings: Settings, notebook: UUID, run: UUID) -> None:
        self._settings = settings
        self._run = run
        self.notebook_folder = NotebookFolder(settings.notebooks_folder(), notebook)
        self.folder = self.notebook_folder.run(run)

    def make_folders(self, account: Account) -> None:
        """Make what is missing, owned by the account.

        Raises:
            LaunchError: The disk refuses.
        """
        # With accounts of their own, people pass through the first folder and enter their notebooks' only.
        notebooks = self.notebook_folder.path.parent
        wanted = [
            self.notebook_folder.path,
            self.notebook_folder.workspace,
            self.notebook_folder.sync,
            self.folder.parent,
            self.folder,
        ]
        try:
            notebooks.mkdir(0o711 if account.uid is not None else 0o700, parents=True, exist_ok=True)
            for folder in wanted:
                if not folder.is_dir():
                    folder.mkdir(0o700)
                    account.give(folder)
        except OSError as exc:
            raise LaunchError(
                f"The notebook's folder could not be made on this machine ({exc.strerror}). Tell the operator."
            ) from exc

    def environment(self, hub_environment: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of our own programs beside the notebook."""
        kept = {name: hub_environment[name] for name in _KEPT_VARIABLES if name in hub_environment}
        # git and rclone look for settings in HOME and are not to find a person's.
        # They are this hub's own version of the package, wherever it was imported from.
        paths = [str(_PACKAGE_ROOT), *filter(None, [hub_environment.get("PYTHONPATH")])]
        return {
            "LANG": "C.UTF-8",
            **kept,
            "HOME": str(self.folder),
            "PYTHONPATH": os.pathsep.join(paths),
            RUN_VARIABLE: str(self._run),
        }

    def build_editor(
        self,
        opened: OpenedRun,
        capabilities: Capabilities,
        *,
        prefix: str,
        account: Account,
        socket_folder: Path,
        hub_environment: Mapping[str, str],
    ) -> EditorProcess:
        """Return how the run's editor is started.

        Raises:
            LaunchError: The catalog does not have it any more.
        """
        editor = capabilities.editor(opened.spec.editor)
        if editor is None:
            raise LaunchError(
                f"The editor {opened.spec.editor!r} is not offered here any more. "
                "Choose another one and start again."
            )
        place = EditorPlace(
            run=str(self._run),
            prefix=prefix,
            workspace=self.notebook_folder.workspace,
            socket_folder=socket_folder,
            framework_folder=framework_python(self._settings, opened.spec.framework).parents[1],
            program=vscode_launcher(self._settings),
            user=account.name,
            shell=account.shell,
            has_ssh=self._settings.ssh.enabled,
        )
        return build_editor(editor, place, opened.environment, hub_environment=hub_environment)

    def write_gateway_config(
        self, opened: OpenedRun, editor: EditorProcess, *, prefix: str, port: int, account: Account
    ) -> Path:
        """Write what the gateway is told, and return the file."""
        service = self._settings.service
        config = GatewayConfig(
            notebook=opened.notebook,
            run=opened.run,
            prefix=prefix,
            port=port,
            service_url=service.url,
            service_prefix=self._settings.service_address,
            gateway_token=SecretStr(opened.gateway_token),
            cookie_key=SecretStr(opened.cookie_key),
            run_folder=str(self.folder),
            editor=editor,
            heartbeat_seconds=service.heartbeat_seconds,
        )
        path = self.folder / "gateway.json"
        write_private(path, dump_private(config), account)
        return path

    def read_end(self) -> EndRecord | None:
        """Return what the gateway wrote when the editor ended, if it did."""
        try:
            return EndRecord.model_validate_json((self.folder / "end.json").read_bytes())
        except (OSError, ValidationError):
            return None

    def has_listener(self) -> bool:
        """Tell whether the run's own gateway has its port: it writes this file once it listens."""
        return (self.folder / "process.json").exists()

    def last_sign_of_life(self) -> datetime | None:
        """Return when the run's processes last wrote anything: a proof that they still ran then."""
        try:
            times = [entry.stat().st_mtime for entry in self.folder.iterdir()]
        except OSError:
            return None
        return datetime.fromtimestamp(max(times), UTC) if times else None

    def forget_secrets(self) -> None:
        """Remove the files that hold tokens and variables; logs and records stay."""
        for name in ("gateway.json", "pull.json"):
            (self.folder / name).unlink(missing_ok=True)


def make_socket_folder(account: Account) -> Path:
    """Make a folder with a short path that only the account can enter."""
    base = os.environ.get("XDG_RUNTIME_DIR", "") if account.uid is None else ""
    folder = Path(tempfile.mkdtemp(prefix=SOCKET_FOLDER_MARK, dir=base if os.path.isdir(base) else "/tmp"))  # noqa: S108, PTH112
    account.give(folder)
    return folder


def remove_socket_folder(folder: str) -> None:
    """Remove a folder made by :func:`make_socket_folder`; any other path is left alone."""
    if folder and Path(folder).name.startswith(SOCKET_FOLDER_MARK):
        shutil.rmtree(folder, ignore_errors=True)
