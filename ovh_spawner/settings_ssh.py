"""The block ``ssh`` of the settings: the one endpoint through which remote editors reach notebooks."""

from urllib.parse import urlsplit

from pydantic import Field

from ovh_spawner.settings_part import Part

SSH_PORT = 22
"""Clients connect to it unless they are told another."""


class SshSettings(Part):
    """Remote editors, ``scp`` and port forwarding; off unless it is switched on."""

    enabled: bool = Field(
        default=False,
        description="Let the keys of a notebook's spec in over SSH; notebooks that start from now on take part.",
    )
    host: str = Field(default="127.0.0.1", description="Address the endpoint listens on.")
    port: int = Field(default=2222, ge=1, le=65535, description="Port the endpoint listens on.")
    public_host: str = Field(
        default="", description="Name that people connect to; none: the host of deployment.publicUrl."
    )
    public_port: int | None = Field(
        default=None, ge=1, le=65535, description="Port that people connect to; none: the one listened on."
    )
    host_key_file: str = Field(
        default="",
        description="File with the endpoint's private host key; none: the key in the environment variable "
        "OVH_SPAWNER_SSH_HOST_KEY. Local mode keeps one of its own.",
    )
    banner: str = Field(
        default="Welcome to AI notebooks!", max_length=2000, description="Shown to everybody who connects."
    )
    check_seconds: float = Field(
        default=5.0,
        gt=0,
        description="How soon an open connection notices that its key was removed or its notebook stopped.",
    )
    waiting_connections: int = Field(
        default=100,
        ge=1,
        description="Connections that may be signing in at a time; further ones are closed.",
    )

    def command(self, notebook: str, public_url: str) -> str:
        """Return what a person types to reach a notebook; ``public_url``: the address that browsers use."""
        host, port = self._address(public_url)
        return f"ssh {notebook}@{host}" if port == SSH_PORT else f"ssh -p {port} {notebook}@{host}"

    def url(self, notebook: str, public_url: str) -> str:
        """Return the same as an address, in the vendor's form."""
        host, port = self._address(public_url)
        shown = f"[{host}]" if ":" in host else host
        return f"ssh://{notebook}@{shown}" if port == SSH_PORT else f"ssh://{notebook}@{shown}:{port}"

    def _address(self, public_url: str) -> tuple[str, int]:
        return self.public_host or urlsplit(public_url).hostname or "127.0.0.1", self.public_port or self.port
