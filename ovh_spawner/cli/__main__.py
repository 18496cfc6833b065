"""``python -m ovh_spawner.cli``."""

from ovh_spawner.cli.main import main

main()
