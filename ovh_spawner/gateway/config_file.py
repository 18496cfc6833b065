"""Reading ``gateway.json``; a mistake in it ends the start with a sentence."""

from pathlib import Path

from pydantic import ValidationError

from ovh_spawner.contract.local import EditorProcess, GatewayConfig
from ovh_spawner.errors import ConfigError


def load_config(path: Path) -> GatewayConfig:
    """Read the file that the spawner wrote. Raises ConfigError, without values: some are secret."""
    try:
        config = GatewayConfig.model_validate_json(path.read_bytes())
    except OSError as exc:
        raise ConfigError(f"The gateway cannot read {path}: {exc.strerror}.") from exc
    except ValidationError as exc:
        fields = ", ".join(
            sorted({".".join(map(str, error["loc"])) or "the whole file" for error in exc.errors()})
        )
        raise ConfigError(f"{path} is not a gateway's configuration; wrong: {fields}.") from None
    if not (config.prefix.startswith("/") and config.prefix.endswith("/")):
        raise ConfigError(f"prefix is {config.prefix!r} in {path}; it must start and end with a slash.")
    editor_of(config)
    return config


def editor_of(config: GatewayConfig) -> EditorProcess:
    """Return where the editor is. An empty command means that it is a container of its own."""
    editor = config.editor
    if not (editor.socket or editor.port):
        raise ConfigError("The gateway's configuration names neither a socket nor a port of an editor.")
    return editor
