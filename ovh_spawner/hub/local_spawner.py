"""Notebooks as processes of this machine: our gateway on the hub's port, the editor behind it."""

import os
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from jupyterhub.spawner import LocalProcessSpawner
from traitlets import List, Unicode, default

from ovh_spawner.contract.local import EditorProcess
from ovh_spawner.contract.runs import OpenedRun
from ovh_spawner.contract.sync import SyncJob, VolumeProgress
from ovh_spawner.domain.states import RunState
from ovh_spawner.hub.accounts import Account, account_of
from ovh_spawner.hub.endings import ending_of
from ovh_spawner.hub.lifecycle import LifecycleMixin
from ovh_spawner.hub.local_process import LocalProcess, end_strays
from ovh_spawner.hub.local_run import LocalRun, make_socket_folder, remove_socket_folder
from ovh_spawner.hub.progress import Step, pull_step
from ovh_spawner.hub.pull import PullPlace, run_pull
from ovh_spawner.hub.readiness import is_ready, wait_until_ready
from ovh_spawner.hub.reports import PullReporter
from ovh_spawner.loopback import free_port

log = structlog.get_logger()

_NOW_GRACE_SECONDS = 2.0
"""What ``stop(now=True)`` leaves a process: enough to close its files."""


class OVHLocalSpawner(LifecycleMixin, LocalProcessSpawner):  # type: ignore[misc]
    """A notebook is one process tree of this machine."""

    datasync_command = List(Unicode(), help="How to start the data sync; its arguments follow.").tag(
        config=True
    )
    gateway_command = List(Unicode(), help="How to start the gateway; its configuration file follows.").tag(
        config=True
    )

    process: LocalProcess | None = None
    gateway_port = 0
    socket_folder = ""
    last_alive: datetime | None = None
    is_stopping = False
    """Kept over the hub's own end: what is gone then was stopped, and has not failed."""

    @default("datasync_command")
    def _default_datasync_command(self) -> list[str]:
        return [sys.executable, "-m", "ovh_spawner.datasync"]

    @default("gateway_command")
    def _default_gateway_command(self) -> list[str]:
        return [sys.executable, "-m", "ovh_spawner.gateway"]

    @default("start_timeout")
    def _default_start_timeout(self) -> int:
        # Pulling a large bucket is part of a start.
        return 3600

    @default("http_timeout")
    def _default_http_timeout(self) -> int:
        # start() returns when the gateway is ready; this is for a hub that restarts on a busy machine.
        return 60

    @property
    def files(self) -> LocalRun:
        """The current run's files; there must be a run."""
        if self.notebook is None or self.run is None:
            raise RuntimeError("There is no run.")
        return LocalRun(self.settings, self.notebook, self.run)

    @property
    def prefix(self) -> str:
        """The notebook's path behind the proxy, as the hub sees it."""
        return str(self.server.base_url)

    async def launch(self, opened: OpenedRun) -> str:
        account = account_of(self.user.name, system_users=self.settings.local.system_users)
        self.files.make_folders(account)
        if opened.pull and opened.pull.volumes:
            await self._pull(opened.run, opened.pull, account)
        editor = self._build_editor(opened, account)
        self.feed.show(Step("editor", 85, f"Starting {editor.name}"))
        self._launch_gateway(opened, editor, account)
        await self._wait_until_ready(editor)
        return f"http://127.0.0.1:{self.gateway_port}"

    async def _pull(self, run: UUID, job: SyncJob, account: Account) -> None:
        reporter = PullReporter(self.service, run)
        latest: list[VolumeProgress] = []

        async def listen(volumes: Sequence[VolumeProgress]) -> None:
            latest[:] = volumes
            self.feed.show(pull_step(job, volumes))
            await reporter.tell(volumes)

        self.feed.show(pull_step(job, []))
        files = self.files
        place = PullPlace(self.datasync_command, files.folder, files.environment(os.environ), account)
        try:
            await run_pull(job, place, listen)
        finally:
            await reporter.tell(latest, finished=True)

    def _build_editor(self, opened: OpenedRun, account: Account) -> EditorProcess:
        self.socket_folder = str(make_socket_folder(account))
        return self.files.build_editor(
            opened,
            self.capabilities,
            prefix=self.prefix,
            account=account,
            socket_folder=Path(self.socket_folder),
            hub_environment=os.environ,
        )

    def _launch_gateway(self, opened: OpenedRun, editor: EditorProcess, account: Account) -> None:
        self.gateway_port = free_port()
        files = self.files
        config = files.write_gateway_config(
            opened, editor, prefix=self.prefix, port=self.gateway_port, account=account
        )
        self.process = LocalProcess.launch(
            [*self.gateway_command, str(config)],
            environment=files.environment(os.environ),
            folder=files.folder,
            log=files.folder / "gateway.log",
            account=account,
        )
        self.pid = self.process.pid
        self.is_launched = True
        # Before anything else is awaited: a hub that dies now must find the process when it comes back.
        self.checkpoint()

    async def _wait_until_ready(self, editor: EditorProcess) -> None:
        if self.process:
            await wait_until_ready(
                self._probe_url(),
                self.process,
                files=self.files,
                editor=editor.name,
                seconds=self.editor_timeout,
            )

    def _probe_url(self) -> str:
        return f"http://127.0.0.1:{self.gateway_port}{self.prefix}api"

    async def poll(self) -> int | None:
        """Return None while the notebook runs or starts; report an end that nobody ordered."""
        if self.is_starting:
            return None
        if self.run is None:
            return 0
        if self.process and self.process.is_alive():
            self.last_alive = self.now()
            # The hub was killed between the launch and the report.
            if not self.is_running_reported and await is_ready(self._probe_url()):
                await self.report_running_late(self.last_alive)
            return None
        return await self._ended_by_itself()

    async def _ended_by_itself(self) -> int:
        files = self.files
        record = files.read_end()
        code = self.process.exit_code if self.process else None
        last_alive = self.last_alive or files.last_sign_of_life() or self.now()
        ending = ending_of(record, launched=self.is_launched, ordered=self.is_stopping, last_alive=last_alive)
        log.warning("notebook_ended", run=str(self.run), state=ending.state.value, exit_code=code)
        await self.end_processes(grace_seconds=_NOW_GRACE_SECONDS)
        await self.report_end(ending.state, ending.at, code=ending.code, message=ending.message)
        if ending.state is RunState.STOPPED:
            return 0
        return code or (record.exit_code if record else 0) or 1

    async def stop(self, now: bool = False) -> None:  # noqa: FBT001, FBT002 - JupyterHub's signature
        """Stop the notebook. The order is recorded first; an absent service does not keep it running."""
        if self.run is None:
            return
        await self.report_stopping(self.now())
        self.is_stopping = True
        self.checkpoint()
        files = self.files
        await self.end_processes(grace_seconds=_NOW_GRACE_SECONDS if now else self.stop_grace_seconds)
        record = files.read_end()
        await self.report_end(RunState.STOPPED, record.at if record else self.now())

    async def end_processes(self, *, grace_seconds: float) -> None:
        # Two polls may find the same end: everything is taken before the first pause.
        run, files, process = self.run, self.files if self.run else None, self.process
        if process:
            await process.end(grace_seconds)
        if run and files:
            if strays := await end_strays(str(run)):
                log.info("strays_ended", run=str(run), count=strays)
            files.forget_secrets()
        remove_socket_folder(self.socket_folder)
        self.process, self.pid, self.socket_folder = None, 0, ""

    async def get_url(self) -> str:
        """Return where the gateway listens. Never raises: the hub would not survive it at its start."""
        if self.gateway_port and self.server:
            return f"http://127.0.0.1:{self.gateway_port}{self.prefix}"
        return str(self.server.url) if self.server else ""

    def get_state(self) -> dict[str, Any]:
        state = super().get_state()
        if self.is_stopping:
            state["stopping"] = True
        if self.process:
            state |= {
                "pid": self.process.pid,
                "created_at": self.process.created_at,
                "port": self.gateway_port,
                "socket_folder": self.socket_folder,
            }
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        super().load_state(state)
        self.is_stopping = state.get("stopping", False)
        if "created_at" in state:
            self.process = LocalProcess(state["pid"], state["created_at"])
            self.gateway_port, self.socket_folder = state["port"], state["socket_folder"]

    def clear_state(self) -> None:
        super().clear_state()
        self.process, self.gateway_port, self.socket_folder, self.last_alive = None, 0, "", None
        self.is_stopping = False
