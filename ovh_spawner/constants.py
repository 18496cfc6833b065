"""Names and limits, each with its reason."""

SERVICE_NAME = "ai"
"""The hub service's name at the hub; its public path is ``/services/ai/``."""

DEFAULT_PROJECT = "default"
"""The one project of an installation that has set up none."""

ENV_SERVICE_TOKEN = "OVH_SPAWNER_SERVICE_TOKEN"
"""Environment variable: the service's API token at the hub."""

ENV_INTERNAL_TOKEN = "OVH_SPAWNER_INTERNAL_TOKEN"
"""Environment variable: the hub's token at the service's internal API."""

ENV_ENCRYPTION_KEYS = "OVH_SPAWNER_ENCRYPTION_KEYS"
"""Environment variable: Fernet keys, comma-separated; the first encrypts, all decrypt (for rotation)."""

ENV_SSH_TOKEN = "OVH_SPAWNER_SSH_TOKEN"
"""Environment variable: the SSH endpoint's token at the service's internal API."""

ENV_SSH_HOST_KEY = "OVH_SPAWNER_SSH_HOST_KEY"
"""Environment variable: the SSH endpoint's private host key, in OpenSSH's form."""

ENV_SETTINGS = "OVH_SPAWNER_SETTINGS"
"""Environment variable: path of the settings file."""

PLATFORM_LABEL_PREFIX = "ovh/"
"""Labels with this prefix belong to the platform (vendor)."""

MAX_BODY_BYTES = 1_048_576
"""Request bodies above this are refused: the largest honest spec (10 volumes, 100 labels, 64 KiB of
environment) is far below 1 MiB."""

MAX_BODY_VALUES = 20_000
"""Entries of all lists and objects of a request together: time and memory to refuse one stay small."""

MAX_VOLUMES = 10
"""The vendor's form allows ten volumes."""

MAX_ENVIRONMENT_BYTES = 65_536
"""All environment variables together; half of what Linux allows for one argument, and Kubernetes keeps it in an
object of at most 1 MiB."""

MAX_LABELS = 100
"""More labels than any listing can show; bounds every query over them."""

MAX_SSH_KEYS = 10
"""The vendor's form allows ten keys."""
