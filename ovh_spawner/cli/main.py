"""Entry point of ``ovh-spawner``."""

import sys

import click

from ovh_spawner import __version__
from ovh_spawner.cli.accounts import accounts
from ovh_spawner.cli.check_network import check_network
from ovh_spawner.cli.local import local
from ovh_spawner.cli.rotate_keys import rotate_keys
from ovh_spawner.errors import OVHSpawnerError, UpstreamError

EXIT_REFUSED = 1
EXIT_UPSTREAM = 3


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ovh-spawner")
def cli() -> None:
    """AI notebooks on JupyterHub."""


cli.add_command(accounts)
cli.add_command(check_network)
cli.add_command(local)
cli.add_command(rotate_keys)


def main() -> None:
    """Run a command; an error of ours becomes one sentence and an exit code."""
    try:
        cli()
    except OVHSpawnerError as error:
        click.echo(f"Error: {error.message}", err=True)
        sys.exit(EXIT_UPSTREAM if isinstance(error, UpstreamError) else EXIT_REFUSED)


if __name__ == "__main__":
    main()
