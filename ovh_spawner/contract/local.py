"""Files that the processes of a local notebook share.

The folder of a notebook holds:

``workspace/``      the notebook's home; deleted with the notebook only
``sync/``           the data sync's state (manifests, lock) and one folder per job
``runs/<run id>/``  ``gateway.json`` (this run's :class:`GatewayConfig`, 0600), ``process.json``,
                    ``end.json``, ``editor.log``
"""

from pathlib import Path
from uuid import UUID

from pydantic import Field

from ovh_spawner.contract.base import Message, Secret, UtcDatetime


class EditorProcess(Message):
    """How the gateway starts the editor behind it, or where it finds one that is a container of its own."""

    command: list[str] = Field(default_factory=list, description="Empty: a container of its own.")
    folder: str = Field(default="", description="Working folder.")
    environment: dict[str, str] = Field(
        default_factory=dict, repr=False, description="The editor's whole environment."
    )
    socket: str = Field(default="", description="Unix socket that the editor listens on, when it does.")
    port: int = Field(default=0, description="Loopback port that the editor listens on, when it does.")
    ssh_socket: str = Field(
        default="", description="Unix socket of the notebook's SSH server, when it has one."
    )
    strip_prefix: bool = Field(description="True: the editor serves at / and the gateway removes the prefix.")
    probe_path: str = Field(
        description="Path under the editor's root that answers below 500 when it is ready."
    )
    name: str = Field(description="For people: JupyterLab.")


class GatewayConfig(Message):
    """What the gateway is told by the spawner, in a file with mode 0600."""

    notebook: UUID
    run: UUID
    prefix: str = Field(description="Path of the notebook behind the proxy, with slashes: /user/x/nb-y/.")
    host: str = "127.0.0.1"
    port: int
    service_url: str = Field(description="The service's own address, for internal calls.")
    service_prefix: str = Field(
        description="Public path of the service: /services/ai/. With its host where notebooks have hosts of their own."
    )
    gateway_token: Secret
    cookie_key: Secret
    run_folder: str = Field(default="", description="Where it leaves its records; a container has its own.")
    editor: EditorProcess
    heartbeat_seconds: float = Field(default=30.0, description="How often the gateway proves that it lives.")
    policy_seconds: float = Field(
        default=4.0,
        description="How long an access policy is used unasked. The service's own answer may be 5 seconds old; "
        "together they stay below the 10 seconds in which a lost right ends open connections.",
    )
    stop_seconds: float = Field(default=20.0, description="What a stop leaves the editor to end by itself.")
    editor_gone_seconds: float = Field(
        default=20.0,
        description="How long an editor in a container of its own may refuse connections before it has ended.",
    )


class ProcessRecord(Message):
    """``process.json``: written by the gateway when it starts."""

    pid: int
    created_at: float = Field(description="The process's start time as psutil tells it, against reused ids.")
    address: str = Field(default="", description="Host and port that it listens on, when it does.")


class EndRecord(Message):
    """``end.json``: written by the gateway when the editor has ended."""

    at: UtcDatetime
    exit_code: int
    ordered: bool = Field(description="True: the end followed a signal to the gateway, so it is a stop.")


class NotebookFolder:
    """The paths of one local notebook."""

    def __init__(self, root: Path | str, notebook: UUID) -> None:
        self.path = Path(root) / str(notebook)

    @property
    def workspace(self) -> Path:
        return self.path / "workspace"

    @property
    def sync(self) -> Path:
        return self.path / "sync"

    def run(self, run: UUID) -> Path:
        return self.path / "runs" / str(run)


RUN_VARIABLE = "OVH_SPAWNER_RUN"
"""Environment variable that marks every process of a run, so that strays can be found."""

SYNC_VARIABLE = "OVH_SPAWNER_SYNC"
"""Environment variable that marks every process of a data sync, for the same reason."""
