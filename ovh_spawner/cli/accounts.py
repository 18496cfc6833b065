"""``ovh-spawner accounts``: the people who sign in with a name and a password of this hub."""

import os
import sys
from pathlib import Path

import click
from argon2 import PasswordHasher
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from ovh_spawner.catalog.settings_file import load_settings
from ovh_spawner.constants import ENV_SETTINGS
from ovh_spawner.contract.accounts import MIN_PASSWORD, AccountsFile, LocalAccount, problem_of_name
from ovh_spawner.errors import ConfigError, NotFoundError, RefusedError


@click.group()
@click.option(
    "--settings",
    "settings_path",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    envvar=ENV_SETTINGS,
    help="YAML file of settings; its signIn.accountsFile names the file of accounts.",
)
@click.pass_context
def accounts(context: click.Context, settings_path: Path | None) -> None:
    """Add, change and remove local accounts. A running hub sees a change at the next sign-in."""
    file = load_settings(settings_path).sign_in.accounts_file
    if not file:
        raise ConfigError(
            "The settings name no file of accounts. Set signIn.accountsFile, and give --settings FILE."
        )
    context.obj = Path(file)


@accounts.command("set")
@click.argument("name")
@click.option("--group", "groups", multiple=True, help="A group of the account; may be given several times.")
@click.option("--administrator/--no-administrator", default=None, help="May administer the hub.")
@click.option("--keep-password", is_flag=True, help="Change an account without asking for a password.")
@click.pass_obj
def set_account(
    path: Path, name: str, *, groups: tuple[str, ...], administrator: bool | None, keep_password: bool
) -> None:
    """Add the account NAME, or change it. Its password is asked for, or read from standard input."""
    if problem := problem_of_name(name):
        raise RefusedError(problem)
    known = _read(path)
    before = known.accounts.get(name)
    if keep_password and before is None:
        raise NotFoundError("account", name)
    account = LocalAccount(
        password_hash=before.password_hash if keep_password and before else _ask_for_hash(name),
        groups=list(groups) or (before.groups if before else []),
        administrator=(before.administrator if before else False) if administrator is None else administrator,
    )
    _write(path, AccountsFile(accounts={**known.accounts, name: account}))
    click.echo(f"Account {name} is {'changed' if before else 'added'}.")


@accounts.command("remove")
@click.argument("name")
@click.pass_obj
def remove_account(path: Path, name: str) -> None:
    """Remove the account NAME. Its notebooks and files stay."""
    known = _read(path)
    if name not in known.accounts:
        raise NotFoundError("account", name)
    _write(path, AccountsFile(accounts={n: a for n, a in known.accounts.items() if n != name}))
    click.echo(f"Account {name} is removed. Who is signed in with it is signed out within a minute or so.")


@accounts.command("list")
@click.pass_obj
def list_accounts(path: Path) -> None:
    """List the accounts."""
    table = Table("name", "groups", "administrator")
    for name, account in sorted(_read(path).accounts.items()):
        table.add_row(name, ", ".join(account.groups), "yes" if account.administrator else "")
    Console().print(table)


def _ask_for_hash(name: str) -> str:
    if sys.stdin.isatty():
        password = click.prompt(f"Password of {name}", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\n")
    if len(password) < MIN_PASSWORD:
        raise RefusedError(
            f"A password has at least {MIN_PASSWORD} characters; this one has {len(password)}."
        )
    return PasswordHasher().hash(password)


def _read(path: Path) -> AccountsFile:
    try:
        return AccountsFile.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return AccountsFile()
    except OSError as exc:
        raise ConfigError(f"{path} cannot be read: {exc.strerror}.") from exc
    except ValidationError as exc:
        raise ConfigError(f"{path} is no file of accounts. Move it away to begin a new one.") from exc


def _write(path: Path, content: AccountsFile) -> None:
    """Write the file whole or not at all, for this account only."""
    draft = path.with_name(f"{path.name}.new")
    path.parent.mkdir(parents=True, exist_ok=True)
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(content.model_dump_json(indent=2))
    draft.replace(path)
