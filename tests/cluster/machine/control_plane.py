"""etcd, API server, controller manager and scheduler, each a process that a test may end and start again."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from ovh_spawner.loopback import free_port
from tests.cluster.machine import programs
from tests.cluster.machine.api import Api
from tests.cluster.machine.certificates import Authority, Pair
from tests.cluster.machine.daemons import Daemon, wait_until

# A lost node is noticed within seconds, so that tests of it need no minutes.
NODE_GRACE_SECONDS = 14
SERVICE_ADDRESSES = "10.96.0.0/24"


@dataclass
class ControlPlane:
    """The four processes; ``address`` is the bridge's, so that pods reach the API server too."""

    state: Path
    address: str
    has_audit: bool = False
    """Write down each request of a service account, to be counted."""
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        self.logs = self.state / "logs"
        self.authority = Authority(self.state / "certificates")
        self._account_key = self.authority.account_key()
        self.kubeconfig = self._kubeconfig("admin", "admin", organization="system:masters")
        self.etcd = self._etcd()
        self.apiserver = self._apiserver()
        self.controller_manager = self._controller_manager()
        self.scheduler = self._scheduler()

    @property
    def server(self) -> str:
        return f"https://{self.address}:{self.port}"

    @property
    def daemons(self) -> list[Daemon]:
        return [self.etcd, self.apiserver, self.controller_manager, self.scheduler]

    def start(self) -> None:
        self.etcd.start()
        self.apiserver.start()
        self.wait_until_ready()
        self.controller_manager.start()
        self.scheduler.start()

    def wait_until_ready(self) -> None:
        with Api(self.kubeconfig) as api:
            wait_until(self.apiserver, api.is_ready, what="the API server to be ready")

    def stop(self) -> None:
        for daemon in reversed(self.daemons):
            daemon.stop()

    def _kubeconfig(self, file_name: str, common: str, *, organization: str = "") -> Path:
        return self.authority.kubeconfig(file_name, common, server=self.server, organization=organization)

    def _daemon(self, name: str, flags: dict[str, object]) -> Daemon:
        command = [programs.place(name), *(f"--{flag}={value}" for flag, value in flags.items())]
        return Daemon(name, command, self.logs)

    def _etcd(self) -> Daemon:
        self._etcd_url = f"http://127.0.0.1:{free_port()}"
        peer = f"http://127.0.0.1:{free_port()}"
        flags = {
            "data-dir": self.state / "etcd",
            "listen-client-urls": self._etcd_url,
            "advertise-client-urls": self._etcd_url,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"default={peer}",
            "unsafe-no-fsync": "true",
            "log-level": "warn",
        }
        return self._daemon("etcd", flags)

    def _apiserver(self) -> Daemon:
        hosts = (self.address, "127.0.0.1", "localhost", "kubernetes.default.svc", "10.96.0.1")
        serving = self.authority.issue("apiserver", "kube-apiserver", hosts=hosts)
        to_kubelet = self.authority.issue("apiserver-kubelet", "apiserver", organization="system:masters")
        return self._daemon("kube-apiserver", self._apiserver_flags(serving, to_kubelet))

    def _apiserver_flags(self, serving: Pair, to_kubelet: Pair) -> dict[str, object]:
        return {
            "etcd-servers": self._etcd_url,
            "bind-address": self.address,
            "advertise-address": self.address,
            "secure-port": self.port,
            "tls-cert-file": serving.certificate,
            "tls-private-key-file": serving.key,
            "client-ca-file": self.authority.certificate,
            "authorization-mode": "Node,RBAC",
            "enable-admission-plugins": "NodeRestriction,ResourceQuota,LimitRanger,PodSecurity",
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-account-key-file": self._account_key.certificate,
            "service-account-signing-key-file": self._account_key.key,
            "service-cluster-ip-range": SERVICE_ADDRESSES,
            "endpoint-reconciler-type": "none",
            "kubelet-client-certificate": to_kubelet.certificate,
            "kubelet-client-key": to_kubelet.key,
            "kubelet-certificate-authority": self.authority.certificate,
            "kubelet-preferred-address-types": "InternalIP",
            "default-not-ready-toleration-seconds": 5,
            "default-unreachable-toleration-seconds": 5,
            **(self._audit_flags() if self.has_audit else {}),
        }

    @property
    def audit_log(self) -> Path:
        return self.logs / "audit.log"

    def _audit_flags(self) -> dict[str, object]:
        policy = {
            "apiVersion": "audit.k8s.io/v1",
            "kind": "Policy",
            "omitStages": ["RequestReceived", "ResponseStarted"],
            "rules": [{"level": "Metadata", "userGroups": ["system:serviceaccounts"]}, {"level": "None"}],
        }
        path = self.state / "audit.json"
        path.write_text(json.dumps(policy))
        return {"audit-policy-file": path, "audit-log-path": self.audit_log, "audit-log-maxsize": 1000}

    def _controller_manager(self) -> Daemon:
        config = self._kubeconfig("controller-manager", "system:kube-controller-manager")
        flags = {
            "kubeconfig": config,
            "authentication-kubeconfig": config,
            "authorization-kubeconfig": config,
            "service-account-private-key-file": self._account_key.key,
            "root-ca-file": self.authority.certificate,
            "use-service-account-credentials": "true",
            "leader-elect": "false",
            "bind-address": "127.0.0.1",
            "secure-port": free_port(),
            "node-monitor-period": "1s",
            "node-monitor-grace-period": f"{NODE_GRACE_SECONDS}s",
            "pvclaimbinder-sync-period": "1s",
        }
        return self._daemon("kube-controller-manager", flags)

    def _scheduler(self) -> Daemon:
        config = self._kubeconfig("scheduler", "system:kube-scheduler")
        settings = {
            "apiVersion": "kubescheduler.config.k8s.io/v1",
            "kind": "KubeSchedulerConfiguration",
            "leaderElection": {"leaderElect": False},
            "clientConnection": {"kubeconfig": str(config), "qps": 300, "burst": 600},
        }
        path = self.state / "scheduler.json"
        path.write_text(json.dumps(settings))
        flags = {
            "config": path,
            "authentication-kubeconfig": config,
            "authorization-kubeconfig": config,
            "bind-address": "127.0.0.1",
            "secure-port": free_port(),
        }
        return self._daemon("kube-scheduler", flags)
