"""``ovh-spawner check-network``: does this cluster's network plugin keep notebooks where they belong?

Policies are only objects until a network plugin enforces them, and many clusters silently ignore them.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from ovh_spawner.catalog.settings_file import load_settings
from ovh_spawner.cli.network_job import plan_check
from ovh_spawner.cli.network_targets import plan_targets
from ovh_spawner.cli.reach import Finding, reach_all
from ovh_spawner.constants import ENV_SETTINGS
from ovh_spawner.errors import ConfigError

EXIT_WRONG = 2


@click.command("check-network")
@click.option(
    "--settings",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar=ENV_SETTINGS,
    help=f"The settings file (or environment: {ENV_SETTINGS}).",
)
@click.option("--public", default="example.org:443", show_default=True, help="A public address to reach.")
@click.option("--proxy", default="proxy-public:80", show_default=True, help="JupyterHub's proxy.")
@click.option("--denied", multiple=True, metavar="HOST:PORT", help="Must not be reached either; repeatable.")
@click.option(
    "--timeout", default=5.0, show_default=True, help="Seconds after which an address counts as silent."
)
@click.option(
    "--print-job",
    is_flag=True,
    help="Print the Job that runs this check as a notebook would, with its policy: for `kubectl apply -f -`.",
)
def check_network(
    *,
    settings: Path | None,
    public: str,
    proxy: str,
    denied: tuple[str, ...],
    timeout: float,
    print_job: bool,
) -> None:
    """Check that notebooks reach the internet, names, hub, proxy and service, and nothing private.

    Run it inside of the cluster, in a pod that is treated as a notebook: print the Job with --print-job, apply it,
    read its log. Exit code 0: all as it should be; 2: something is reachable that must not be, or the reverse.
    """
    chosen = load_settings(settings)
    if print_job:
        words = ["--public", public, "--proxy", proxy, "--timeout", str(timeout)]
        words += [word for address in denied for word in ("--denied", address)]
        click.echo(json.dumps(plan_check(chosen, _text(settings), words), indent=2))
        return
    targets = plan_targets(chosen, os.environ, public=public, proxy=proxy, also_denied=denied)
    findings = asyncio.run(reach_all(targets, seconds=timeout))
    _show(findings)
    if not all(finding.is_right for finding in findings):
        sys.exit(EXIT_WRONG)


def _text(settings: Path | None) -> str:
    if settings is None:
        raise ConfigError("The Job needs the settings file: name it with --settings.")
    return settings.read_text(encoding="utf-8")


def _show(findings: list[Finding]) -> None:
    table = Table("", "target", "address", "should", "found")
    for finding in findings:
        table.add_row(
            "ok" if finding.is_right else "WRONG",
            finding.target.name,
            finding.target.address,
            "be reached" if finding.target.is_allowed else "not be reached",
            finding.outcome.words,
        )
    # A pod's log is as wide as it is; a terminal is 80 or more.
    Console(width=None if sys.stdout.isatty() else 110).print(table)
    wrong = [finding for finding in findings if not finding.is_right]
    if not wrong:
        click.echo("The network keeps notebooks where they belong.")
    elif any(not finding.target.is_allowed for finding in wrong):
        click.echo(
            "Notebooks reach what they must not. Does this cluster's network plugin enforce NetworkPolicies?"
        )
    else:
        click.echo("Notebooks do not reach what they need. See kubernetes.network in the settings.")
