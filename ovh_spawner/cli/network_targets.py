"""What a notebook should reach and what not, from the settings and from where the check runs."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from ovh_spawner.cli.reach import Target
from ovh_spawner.errors import ConfigError
from ovh_spawner.settings import Settings

METADATA = "169.254.169.254"
NODE_VARIABLE = "OVH_SPAWNER_NODE_ADDRESS"
"""The address of the node that the check's pod runs on; the Job sets it."""
KUBELET_PORT = 10250
PRIVATE_SAMPLES = ("10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1")
"""One address of each private network. Mostly nothing is there, so they say less than the API server and the node."""
_HTTPS, _HTTP, _POSTGRESQL = 443, 80, 5432


def plan_targets(
    settings: Settings,
    environment: Mapping[str, str],
    *,
    public: str,
    proxy: str,
    also_denied: Sequence[str] = (),
) -> list[Target]:
    """Return every target, first those that must be reached.

    Raises:
        ConfigError: An address is not written as host:port.
    """
    host, port = read_address(public)
    allowed = [
        Target("DNS", host, None, is_allowed=True),
        Target("public internet", host, port, is_allowed=True),
        _of_url("hub", settings.service.hub_api_url),
        Target("proxy", *read_address(proxy), is_allowed=True),
        _of_url("service", settings.service.url),
    ]
    denied = [Target("cloud metadata", METADATA, _HTTP, is_allowed=False)]
    if server := environment.get("KUBERNETES_SERVICE_HOST"):
        number = int(environment.get("KUBERNETES_SERVICE_PORT", _HTTPS))
        denied.append(Target("API server", server, number, is_allowed=False))
    if node := environment.get(NODE_VARIABLE):
        denied.append(Target("node's kubelet", node, KUBELET_PORT, is_allowed=False))
    if (ledger := urlsplit(settings.database.url)).hostname:
        denied.append(
            Target("ledger's database", ledger.hostname, ledger.port or _POSTGRESQL, is_allowed=False)
        )
    denied += [Target("private network", address, _HTTPS, is_allowed=False) for address in PRIVATE_SAMPLES]
    denied += [Target("named by you", *read_address(text), is_allowed=False) for text in also_denied]
    return [*allowed, *denied]


def read_address(text: str) -> tuple[str, int]:
    """Return host and port of host:port.

    Raises:
        ConfigError: It is not written so.
    """
    parts = urlsplit(f"//{text}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or not port:
        raise ConfigError(f"{text!r} is no address to try: write host:port, for example example.org:443.")
    return host, port


def _of_url(name: str, url: str) -> Target:
    parts = urlsplit(url)
    default = _HTTPS if parts.scheme == "https" else _HTTP
    return Target(name, parts.hostname or "", parts.port or default, is_allowed=True)
