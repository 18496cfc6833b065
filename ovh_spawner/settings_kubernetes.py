"""The settings' block for Kubernetes: where notebooks run as pods, from which images, with which network."""

import re
from decimal import Decimal
from ipaddress import ip_network
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from ovh_spawner.settings_part import Part

_QUANTITY = re.compile(r"([1-9][0-9]*|[0-9]+\.[0-9]{1,3})(m|Ki|Mi|Gi|Ti)?", re.ASCII)


def _read_quantity(value: object) -> object:
    """Take numbers, too: YAML makes one of "cpu: 1"."""
    text = str(value) if isinstance(value, int | float | Decimal) and not isinstance(value, bool) else value
    if isinstance(text, str) and not _QUANTITY.fullmatch(text):
        raise ValueError(
            "an amount is written as Kubernetes has it: 250m or 1 of CPUs, 128Mi or 2Gi of memory and disk"
        )
    return text


def _is_network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError:
        raise ValueError(
            "must be a network such as 10.0.0.0/8, or an address, without bits set beside it"
        ) from None


Network = Annotated[str, AfterValidator(_is_network)]
Quantity = Annotated[str, BeforeValidator(_read_quantity)]


class ImageSettings(Part):
    """Where a cluster pulls our images from; the catalog says which frameworks and editors there are."""

    repository: str = Field(
        default="localhost/ovh-spawner",
        description="What stands before each image's own name; an image is `<repository>/<editor>-<framework>:"
        "<version>-<tag>`.",
    )
    tag: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9_.-]{0,40}$",
        description="Tag of this build of the images; none: the version of ovh-spawner.",
    )
    pull_policy: Literal["IfNotPresent", "Always", "Never"] = Field(
        default="IfNotPresent", description="When a node pulls an image."
    )
    pull_secrets: list[str] = Field(
        default_factory=list, description="Names of the Secrets that open the repository."
    )


class StorageSettings(Part):
    """The claim that each notebook keeps its files on."""

    class_name: str = Field(default="", description="Storage class; none: the cluster's default.")
    size: Quantity = Field(default="50Gi", description="Room for a notebook's files.")
    access_mode: Literal["ReadWriteOnce", "ReadWriteOncePod", "ReadWriteMany"] = Field(
        default="ReadWriteOnce", description="How the claim may be mounted."
    )


class ContainerSettings(Part):
    """What one container of ours is given. Request and limit are the same, so that pods are Guaranteed."""

    cpu: Quantity
    memory: Quantity
    ephemeral_storage: Quantity


class GatewaySettings(ContainerSettings):
    """What the gateway in each notebook's pod is given, beside what its flavor says."""

    cpu: Quantity = Field(default="250m", description="CPUs; each connection's data passes through it.")
    memory: Quantity = Field(default="256Mi", description="Memory.")
    ephemeral_storage: Quantity = Field(default="128Mi", description="Disk of the node, for its log.")


class DataSyncSettings(ContainerSettings):
    """What the Job that pushes a notebook's data is given; the pull has the notebook's own resources."""

    cpu: Quantity = Field(default="1", description="CPUs: check sums take most of them.")
    memory: Quantity = Field(default="1Gi", description="Memory: a million files need about this much.")
    ephemeral_storage: Quantity = Field(default="1Gi", description="Disk of the node, for its log and lists.")


class TolerationSettings(Part):
    """A taint of nodes that is put up with, as Kubernetes writes it."""

    key: str = ""
    operator: Literal["Equal", "Exists"] = "Equal"
    value: str = ""
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] = ""
    toleration_seconds: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _taken_by_the_api(self) -> Self:
        if self.operator == "Exists" and self.value:
            raise ValueError("the operator Exists goes without a value")
        if self.operator == "Equal" and not self.key:
            raise ValueError("a toleration without a key tolerates everything, and has the operator Exists")
        if self.toleration_seconds is not None and self.effect != "NoExecute":
            raise ValueError("tolerationSeconds goes with the effect NoExecute only")
        return self


class PlacementSettings(Part):
    """Which nodes notebooks run on; for every notebook, beside what its flavor says in the catalog."""

    node_selector: dict[str, str] = Field(default_factory=dict, description="Labels that a node must have.")
    tolerations: list[TolerationSettings] = Field(
        default_factory=list, description="Taints that are put up with."
    )
    runtime_class: str = Field(default="", description="RuntimeClass of the pods.")
    priority_class: str = Field(default="", description="PriorityClass of the pods.")


class NetworkSettings(Part):
    """Whom notebooks may reach, and who may reach them."""

    enabled: bool = Field(
        default=True,
        description="Make a NetworkPolicy for each run and each data sync. Without them, take the policy "
        "`ovh-spawner-notebooks` out of deploy/ as well: it denies them everything.",
    )
    allowed: list[Network] = Field(
        default_factory=list, description="Private networks that notebooks may reach all the same."
    )
    denied: list[Network] = Field(
        default_factory=list,
        description="Public networks that notebooks may not reach, such as the API server's address.",
    )
    dns_servers: list[Network] = Field(
        default_factory=lambda: ["169.254.20.10/32"],
        description="Name servers outside of the dnsNamespace, such as a cache on each node.",
    )
    dns_namespace: str = Field(default="kube-system", description="Where the cluster's name server runs.")
    platform_namespace: str = Field(
        default="", description="Where hub, proxy and service run; none: in the notebooks' namespace."
    )
    hub_labels: dict[str, str] = Field(
        default_factory=lambda: {"component": "hub"}, description="Labels of JupyterHub's pod."
    )
    proxy_labels: dict[str, str] = Field(
        default_factory=lambda: {"component": "proxy"}, description="Labels of the proxy's pods."
    )
    service_labels: dict[str, str] = Field(
        default_factory=lambda: {"app.kubernetes.io/name": "ovh-spawner", "component": "service"},
        description="Labels of the hub service's pods.",
    )
    ssh_labels: dict[str, str] = Field(
        default_factory=lambda: {"app.kubernetes.io/name": "ovh-spawner", "component": "ssh"},
        description="Labels of the SSH endpoint's pods.",
    )
    hub_port: int = Field(default=8081, ge=1, le=65535, description="Port of the hub's pod.")
    proxy_port: int = Field(
        default=8000, ge=1, le=65535, description="Port of the proxy's pod, for browsers."
    )


class KubernetesSettings(Part):
    """Notebooks as pods. Flavors say in the catalog which nodes they need."""

    namespace: str = Field(
        default="",
        description="Namespace of the notebooks; none: the one that hub and service run in. One of their own "
        "needs its own copy of the Roles, bindings and policies in deploy/.",
    )
    images: ImageSettings = ImageSettings()
    storage: StorageSettings = StorageSettings()
    placement: PlacementSettings = PlacementSettings()
    network: NetworkSettings = NetworkSettings()
    gateway: GatewaySettings = GatewaySettings()
    data_sync: DataSyncSettings = DataSyncSettings()
    listen_address: str = Field(
        default="0.0.0.0",  # noqa: S104 - the pod's own address, which only a NetworkPolicy's friends reach
        description="What the gateway listens on in its pod; `::` in a cluster without IPv4.",
    )
    stop_grace_seconds: int = Field(
        default=60, ge=1, description="What a stop leaves an editor to save its work and end."
    )
    sync_deadline_seconds: int = Field(
        default=21600, ge=60, description="A push that takes longer has failed; the files stay on the claim."
    )
    sync_backoff_limit: int = Field(
        default=4, ge=0, description="How often a push is tried again after its pod failed."
    )
    sync_ttl_seconds: int = Field(
        default=86400, ge=60, description="How long a finished Job and its log are kept."
    )
    queue_name: str = Field(default="", description="Kueue's local queue for notebooks; none: no queue.")
